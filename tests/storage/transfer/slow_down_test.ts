/** How many requests are under way before a server asks to slow down, after it, and later. */

import assert from "node:assert/strict";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { AdaptiveLimit } from "../../../src/storage/adaptive_limit.ts";
import { Semaphore } from "../../../src/storage/semaphore.ts";
import { StreamCount } from "../../../src/storage/stream_count.ts";
import { START } from "../../../src/storage/line_window.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { createS3Backend } from "../../../src/storage/s3/backend.ts";
import { type FaultProxy, startFaultProxy } from "../../support/fault_proxy.ts";
import { memoryS3, testOptions } from "../../support/s3_subject.ts";

/** Waits until as many requests are at the proxy, and for a while for one more. */
async function active(proxy: FaultProxy, expected: number): Promise<number> {
  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  for (let i = 0; i < 1000 && proxy.active !== expected; i++) await wait(10);
  await wait(100);
  return proxy.active;
}

for (const status of [503, 429]) {
  Deno.test(`s3: after ${status} half as many requests run concurrently, and then more again`, async () => {
    await using server = await memoryS3();
    await using proxy = startFaultProxy(server.url);
    using backend = await createS3Backend(testOptions(proxy.url, {
      maxRequests: 16,
      retry: { maxAttempts: 10, baseDelay: 1, maxDelay: 5 },
    }));
    let next = 0;
    const write = (count: number) =>
      Promise.all(
        Array.from({ length: count }, () =>
          backend.write(new OutputLocation("suite", `1-linux/${next++}`), bytesSource("x"))),
      );

    // All is well: as many as are allowed, and no more.
    let release = proxy.hold();
    const first = write(60);
    assert.equal(await active(proxy, 16), 16);

    // All 16 are refused, which is one complaint; then the 8 that follow.
    for (const [refused, after] of [[16, 8], [8, 4]]) {
      const fault = { kind: "status", status } as const;
      proxy.set({ fault, times: refused });
      const go = release;
      release = proxy.hold();
      go();
      assert.equal(await active(proxy, after), after);
      assert.equal(proxy.count, refused, "all of them were refused");
    }

    // Nobody complains any more: four good ones for each that is allowed, and there is one more.
    release();
    await first;
    assert.equal(await active(proxy, 0), 0);
    release = proxy.hold();
    const second = write(40);
    // 60 good requests: 16 at 4, 20 at 5, 24 at 6.
    assert.equal(await active(proxy, 7), 7);
    release();
    await second;
    await write(500);
    release = proxy.hold();
    const last = write(40);
    assert.equal(await active(proxy, 16), 16);
    release();
    await last;
  });
}

Deno.test("AdaptiveLimit: a complaint about a call from before the last halving changes nothing", async () => {
  const limit = new AdaptiveLimit({ max: 16 });
  const places = await Promise.all(Array.from({ length: 4 }, () => limit.acquire(0)));
  places[0].slowDown();
  assert.equal(limit.limit, 8);
  for (const place of places) place.slowDown();
  assert.equal(limit.limit, 8);
  const later = await limit.acquire(0);
  later.slowDown();
  assert.equal(limit.limit, 4);
  for (const place of [...places, later]) place.end();
  for (const expected of [2, 1, 1]) {
    const place = await limit.acquire(0);
    place.slowDown();
    place.end();
    assert.equal(limit.limit, expected, "never none");
  }
});

/** Whether a promise is settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const mark = Symbol();
  await new Promise((resolve) => setTimeout(resolve, 0));
  return await Promise.race([promise, Promise.resolve(mark)]) !== mark;
}

Deno.test("AdaptiveLimit: bytes wait for room on the line, calls without any do not", async () => {
  const limit = new AdaptiveLimit({ max: 16 });
  const places = await Promise.all([limit.acquire(START / 2), limit.acquire(START)]);
  const waiting = limit.acquire(1);
  assert(!await isSettled(waiting));
  (await limit.acquire(0)).end(0);
  assert(!await isSettled(waiting));
  places[0].end();
  assert(!await isSettled(waiting), "one that failed has not shown that there is room");
  places[1].end(0);
  (await waiting).end(0);
});

Deno.test("AdaptiveLimit: after a stall fewer bytes go at once, whatever their number", async () => {
  const limit = new AdaptiveLimit({ max: 16 });
  const places = await Promise.all(Array.from({ length: 8 }, () => limit.acquire(START / 8)));
  for (const place of places) {
    place.stalled();
    place.end();
  }
  assert.equal(limit.limit, 16, "the server has not complained");
  const again = await Promise.all(Array.from({ length: 2 }, () => limit.acquire(START / 8)));
  const third = limit.acquire(START / 8);
  assert(!await isSettled(third));
  again[0].end(0);
  (await third).end(0);
});

Deno.test("AdaptiveLimit: who stops waiting leaves the place to the next", async () => {
  const limit = new AdaptiveLimit({ max: 1 });
  const place = await limit.acquire(1);
  const controller = new AbortController();
  const stopped = limit.acquire(1, controller.signal);
  const next = limit.acquire(1);
  controller.abort(new Error("enough"));
  await assert.rejects(stopped, { message: "enough" });
  place.end();
  // Giving a place back once more is nobody else's place.
  place.end();
  const last = limit.acquire(1);
  await next;
  assert(!await isSettled(last));
  (await next).end();
  (await last).end();
});

Deno.test("AdaptiveLimit: the lowest number that somebody asks for counts, as long as it is asked for", async () => {
  const limit = new AdaptiveLimit({ max: 64, count: new StreamCount() });
  assert.equal(limit.limit, 8);
  {
    using _twenty = limit.pin(20);
    assert.equal(limit.limit, 20);
    using _two = limit.pin(2);
    assert.equal(limit.limit, 2);
    const places = await Promise.all([limit.acquire(0), limit.acquire(0)]);
    const third = limit.acquire(0);
    assert(!await isSettled(third));
    _two[Symbol.dispose]();
    for (const place of [...places, await third]) place.end();
  }
  assert.equal(limit.limit, 8);
});

Deno.test("Semaphore: a total that grows is granted with the next return", async () => {
  let total = 2;
  const semaphore = new Semaphore(() => total);
  const first = await semaphore.acquire(2);
  const others = [3, 1].map((count) => semaphore.acquire(count));
  assert(!await isSettled(others[0]));
  total = 4;
  first();
  const releases = await Promise.all(others);
  const large = semaphore.acquire(100);
  releases[0]();
  assert(!await isSettled(large), "more than all runs alone");
  releases[1]();
  (await large)();
});
