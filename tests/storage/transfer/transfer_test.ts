/** The loop that keeps a bounded number of transfers going. */

import assert from "node:assert/strict";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import {
  DEFAULT_CONCURRENCY,
  transferAll,
  type TransferEvent,
  type TransferResult,
  transferThrough,
} from "../../../src/storage/transfer/transfer.ts";

const result = (path: string, more: Partial<TransferResult> = {}): TransferResult => ({
  location: new OutputLocation("bucket", path),
  path,
  outcome: "written",
  warnings: [],
  ...more,
});
const failure = (path: string, error: Error) => result(path, { outcome: "failed", error });

Deno.test("transferAll(): keeps the order of the items, whichever is done first", async () => {
  const done: string[] = [];
  let releaseFirst = () => {};
  const first = new Promise<void>((resolve) => releaseFirst = resolve);
  const results = await transferAll(
    ["a", "b"],
    async (path) => {
      if (path === "a") await first;
      done.push(path);
      releaseFirst();
      return [result(path), result(`${path}.sha256sum`)];
    },
    failure,
    {},
  );
  assert.deepEqual(done, ["b", "a"]);
  assert.deepEqual(results.map(({ path }) => path), [
    "a",
    "a.sha256sum",
    "b",
    "b.sha256sum",
  ]);
});

Deno.test("transferAll(): anything thrown becomes a result, even if it is not an Error", async () => {
  const events: TransferEvent[] = [];
  const results = await transferAll(
    ["a", "b"],
    (path) => {
      if (path === "a") return Promise.reject("a text");
      return Promise.resolve([result(path)]);
    },
    failure,
    { onEvent: (event) => events.push(event) },
  );
  assert.deepEqual(results.map(({ outcome }) => outcome), ["failed", "written"]);
  assert.match(results[0].error!.message, /a text/);
  assert.deepEqual(events.map(({ type }) => type), ["finish"]);
});

Deno.test("transferAll(): runs the default number concurrently", async () => {
  let now = 0;
  let most = 0;
  await transferAll(
    Array.from({ length: 30 }, (_, i) => `f${i}`),
    async (path) => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 0));
      now--;
      return [result(path)];
    },
    failure,
    {},
  );
  assert.equal(most, DEFAULT_CONCURRENCY);
});

Deno.test("transferAll(): after an abort waits for transfers in progress, then rejects", async () => {
  const controller = new AbortController();
  const ended: string[] = [];
  await assert.rejects(
    transferAll(
      ["a", "b", "c", "d"],
      async (path) => {
        if (path === "a") controller.abort(new Error("enough"));
        await new Promise((resolve) => setTimeout(resolve, 0));
        ended.push(path);
        return [result(path)];
      },
      failure,
      { concurrency: 2, signal: controller.signal },
    ),
    /enough/,
  );
  assert.deepEqual(ended, ["a"]);
});

Deno.test("transferThrough(): requests an item only when its transfer begins", async () => {
  let [requested, done, most] = [0, 0, 0];
  function* items() {
    for (let i = 0; i < 1000; i++) {
      requested++;
      most = Math.max(most, requested - done);
      yield `${i}`;
    }
  }
  const seen = new Set<string>();
  await transferThrough(
    items(),
    async (path) => {
      await Promise.resolve();
      return [result(path)];
    },
    failure,
    ([{ path }], index, item) => {
      assert.deepEqual([path, `${index}`], [item, item]);
      seen.add(path);
      done++;
    },
    { concurrency: 4 },
  );
  assert.deepEqual([seen.size, most], [1000, 4]);
});

for (const concurrency of [0, 0.5, -1, NaN, -Infinity]) {
  Deno.test(`transferAll(): a concurrency of ${concurrency} is rejected, and nothing is transferred`, async () => {
    const seen: string[] = [];
    const transfer = (path: string) => {
      seen.push(path);
      return Promise.resolve([result(path)]);
    };
    await assert.rejects(transferAll(["a"], transfer, failure, { concurrency }), {
      code: "invalid",
      message: `Invalid concurrency ${concurrency}: expected a whole number from 1, or Infinity`,
    });
    assert.deepEqual(seen, []);
  });
}

Deno.test("transferAll(): an infinite concurrency transfers all items at once", async () => {
  const all = Promise.withResolvers<void>();
  let running = 0;
  const paths = Array.from({ length: 100 }, (_, i) => `f${i}`);
  const results = await transferAll(
    paths,
    async (path) => {
      if (++running === paths.length) all.resolve();
      await all.promise;
      return [result(path)];
    },
    failure,
    { concurrency: Infinity },
  );
  assert.deepEqual(results.map(({ path }) => path), paths);
});

for (const from of ["iterator", "callback"]) {
  Deno.test(`transferThrough(): after an error of the ${from} waits for transfers in progress, then rejects`, async () => {
    const [broken, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const ended: string[] = [];
    function fail(): never {
      broken.resolve();
      throw new Error("broken");
    }
    function* items() {
      yield "a";
      yield "b";
      if (from === "iterator") fail();
      yield "c";
    }
    let rejected = false;
    const transferring = transferThrough(
      items(),
      async (path) => {
        if (path === "a") await release.promise;
        ended.push(path);
        return [result(path)];
      },
      failure,
      ([{ path }]) => {
        if (from === "callback" && path === "b") fail();
      },
      { concurrency: 2 },
    ).catch((error) => {
      rejected = true;
      throw error;
    });
    const rejecting = assert.rejects(transferring, /broken/);
    await broken.promise;
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert(!rejected, "a is still in progress");
    release.resolve();
    await rejecting;
    assert.deepEqual(ended, ["b", "a"]);
  });
}
