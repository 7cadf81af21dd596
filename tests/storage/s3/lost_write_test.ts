/** A write whose answer is lost: what is there is looked at before anything is sent again, or failed. */

import assert from "node:assert/strict";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import type { WriteOptions } from "../../../src/storage/backend.ts";
import { createS3Backend, type S3Backend } from "../../../src/storage/s3/backend.ts";
import { collect, noise } from "../../support/bytes.ts";
import { rejectsWith } from "../../support/errors.ts";
import { type FaultRule, startFaultProxy } from "../../support/fault_proxy.ts";
import { memoryS3, testOptions } from "../../support/s3_subject.ts";

const at = new OutputLocation("suite", "1-linux/a");
const PART = 5 * 1024 * 1024;
const SMALL = noise(100_000);
const LARGE = noise(2 * PART + 1000);
const lost = { kind: "lost" } as const;

const isPut = (method: string, path: string) => method === "PUT" && path.endsWith("/a");
const isPart = (method: string, path: string) => method === "PUT" && path.includes("partNumber=2");
const isComplete = (method: string, path: string) =>
  method === "POST" && path.includes("uploadId=");
const isHead = (method: string) => method === "HEAD";

/** A backend behind a proxy that loses answers, one without it, and how often bodies were sent. */
async function world(...rules: readonly FaultRule[]) {
  const stack = new AsyncDisposableStack();
  const server = stack.use(await memoryS3());
  const proxy = stack.use(startFaultProxy(server.url));
  const retries: Error[] = [];
  const backend = stack.use(
    await createS3Backend(testOptions(proxy.url, {
      retry: { maxAttempts: 3, baseDelay: 1 },
      partSize: PART,
      multipartThreshold: PART,
      onRetry: (error) => retries.push(error),
    })),
  );
  proxy.set(...rules);
  return {
    backend,
    direct: server.backend,
    proxy,
    retries,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function content(backend: S3Backend): Promise<Uint8Array> {
  await using body = await backend.read(at);
  return await collect(body);
}

const CONDITIONS: readonly (readonly [string, WriteOptions])[] = [
  ["no condition", {}],
  ["ifAbsent", { ifAbsent: true }],
  ["ifAbsent seen", { ifAbsent: "seen" }],
];

for (const times of [1, Infinity]) {
  for (const [name, options] of CONDITIONS) {
    Deno.test(`s3, an answer is lost ${times === 1 ? "once" : "always"}, ${name}: a body is sent once`, async () => {
      await using w = await world({ when: isPut, fault: lost, times });
      const written = await w.backend.write(at, bytesSource(SMALL), options);
      assert.equal(w.proxy.count, 1);
      assert.equal(w.proxy.bytesUp, SMALL.length);
      assert.deepEqual(await content(w.direct), SMALL);
      assert.equal(written.etag, (await w.direct.stat(at)).etag);
    });
  }

  Deno.test(`s3, an answer is lost ${times === 1 ? "once" : "always"}, ifMatch: a body is sent once`, async () => {
    await using w = await world({ when: isPut, fault: lost, times });
    const { etag } = await w.direct.write(at, bytesSource("old"));
    await w.backend.write(at, bytesSource(SMALL), { ifMatch: etag });
    assert.equal(w.proxy.bytesUp, SMALL.length);
    assert.deepEqual(await content(w.direct), SMALL);
  });

  Deno.test(`s3, the answer to a part is lost ${times === 1 ? "once" : "always"}: it is sent once`, async () => {
    await using w = await world({ when: isPart, fault: lost, times });
    await w.backend.write(at, bytesSource(LARGE));
    assert.equal(w.proxy.count, 1);
    assert.deepEqual(await content(w.direct), LARGE);
  });

  Deno.test(`s3, the answer to a completion is lost ${times === 1 ? "once" : "always"}: it is done`, async () => {
    for (const options of [{}, { ifAbsent: true }]) {
      await using w = await world({ when: isComplete, fault: lost, times });
      const written = await w.backend.write(at, bytesSource(LARGE), options);
      assert.deepEqual(await content(w.direct), LARGE);
      assert.equal(written.etag, (await w.direct.stat(at)).etag);
      await w.direct.delete(at);
    }
  });

  Deno.test(`s3, the answer to a copy is lost ${times === 1 ? "once" : "always"}: it is done`, async () => {
    const isCopy = (method: string, path: string) => method === "PUT" && path.endsWith("/b");
    await using w = await world({ when: isCopy, fault: lost, times });
    const to = new OutputLocation("suite", "2-linux/b");
    await w.direct.write(at, bytesSource(SMALL));
    assert.equal((await w.backend.copy(at, to)).size, SMALL.length);
    assert.equal((await w.direct.stat(to)).size, SMALL.length);
  });
}

Deno.test("s3, a connection is cut within the body: what is there is not ours, so it is sent again", async () => {
  for (const old of [undefined, "old"]) {
    await using w = await world({
      when: isPut,
      fault: { kind: "cut", on: "request", at: 50_000 },
    });
    if (old !== undefined) await w.direct.write(at, bytesSource(old));
    await w.backend.write(at, bytesSource(SMALL), { contentType: "text/plain" });
    assert.deepEqual(await content(w.direct), SMALL);
    assert.equal(w.retries.length, 1);
  }
});

Deno.test("s3, a connection is cut: the same bytes with another content type are not what was to be written", async () => {
  await using w = await world({ when: isPut, fault: { kind: "cut", on: "request", at: 50_000 } });
  await w.direct.write(at, bytesSource(SMALL), { contentType: "text/html" });
  await w.backend.write(at, bytesSource(SMALL), { contentType: "text/plain" });
  assert.equal((await w.direct.stat(at)).contentType, "text/plain");
});

Deno.test("s3, an answer is lost and nothing can be looked at: the body is sent again", async () => {
  await using w = await world(
    { when: isPut, fault: lost },
    { when: isHead, fault: { kind: "status", status: 403 }, times: Infinity },
  );
  await w.backend.write(at, bytesSource(SMALL));
  assert.equal(w.proxy.bytesUp, 2 * SMALL.length);
  assert.deepEqual(await content(w.direct), SMALL);
});

Deno.test("s3, no answer comes at all: the error is that of the write, after as many attempts", async () => {
  await using w = await world({ fault: lost, times: Infinity });
  await rejectsWith(w.backend.write(at, bytesSource(SMALL)), "transient", "Cannot write", at.s3Uri);
  assert.equal(w.retries.length, 2);
  assert.equal(w.proxy.bytesUp, SMALL.length, "nobody could look, so nothing was sent again");
});

Deno.test("s3, another upload replaced what we had written while its answer was lost: a conflict", async () => {
  const server = await memoryS3();
  await using _ = server;
  await using proxy = startFaultProxy(server.url);
  using backend = await createS3Backend(testOptions(proxy.url, {
    onRetry() {
      const goOn = proxy.hold();
      server.backend.write(at, bytesSource("theirs")).finally(goOn);
    },
  }));
  proxy.set({ when: isPut, fault: lost });
  await rejectsWith(backend.write(at, bytesSource(SMALL), { ifAbsent: "seen" }), "conflict");
  assert.equal(new TextDecoder().decode(await content(server.backend)), "theirs");
});
