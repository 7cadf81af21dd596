/** The watchdog over a request. */

import assert from "node:assert/strict";
import { Line } from "../../../src/storage/s3/line.ts";
import { LEAST_RATE, StalledError, Watchdog } from "../../../src/storage/s3/watchdog.ts";

/** Waits until a watchdog has stopped its request; tells after how many milliseconds. */
async function stopped(watchdog: Watchdog, began: number): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<void>();
  watchdog.signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
  assert(watchdog.signal.reason instanceof StalledError);
  return performance.now() - began;
}

const MiB = 1024 * 1024;

Deno.test("Watchdog: bytes that are on their way unseen have as much more time", async () => {
  const began = performance.now();
  using watchdog = new Watchdog(50);
  watchdog.handed(3 * MiB);
  assert(await stopped(watchdog, began) >= 195);
});

Deno.test("Watchdog: a request that gets nothing is spared while others on the line get something", async () => {
  const line = new Line();
  using other = new Watchdog(10_000, undefined, line);
  using starving = new Watchdog(100, undefined, line);
  for (let i = 0; i < 20; i++) {
    await new Promise((resolve) => setTimeout(resolve, 15));
    other.touch();
  }
  assert(!starving.signal.aborted, "three times the limit");
  await stopped(starving, performance.now());
});

Deno.test("Watchdog: a request that gets nothing ends in the end, though others go on", async () => {
  const line = new Line();
  using other = new Watchdog(10_000, undefined, line);
  const began = performance.now();
  using dead = new Watchdog(50, undefined, line);
  const timer = setInterval(() => other.touch(), 5);
  const after = await stopped(dead, began);
  clearInterval(timer);
  assert(after >= 245, "the limit, and four times more");
  assert(!other.signal.aborted);
});

Deno.test("Watchdog: a request is not spared once its share of the line has come several times", async () => {
  const line = new Line();
  using other = new Watchdog(10_000, undefined, line);
  using dead = new Watchdog(50, undefined, line);
  dead.handed(0);
  // Two requests, eight times 256 KiB for each.
  other.moved(4 * MiB - 2);
  const timer = setInterval(() => other.touch(), 5);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert(!dead.signal.aborted, "its share was not much");
  other.moved(2);
  await stopped(dead, performance.now());
  clearInterval(timer);
  assert(dead.quiet < 10_000);
});

Deno.test("Watchdog: it knows the longest time in which nothing moved", async () => {
  using watchdog = new Watchdog(10_000);
  await new Promise((resolve) => setTimeout(resolve, 60));
  watchdog.touch();
  const { quiet } = watchdog;
  assert(quiet >= 55);
  watchdog.touch();
  watchdog.rest();
  await new Promise((resolve) => setTimeout(resolve, 4 * quiet));
  watchdog.wake();
  watchdog.touch();
  assert(watchdog.quiet < 4 * quiet, "the reader's rest is not the line's");
});

Deno.test("Watchdog: few bytes are not progress, enough are, and a rest does not count", async () => {
  const began = performance.now();
  using watchdog = new Watchdog(200);
  const { promise, resolve } = Promise.withResolvers<void>();
  watchdog.signal.addEventListener("abort", () => resolve(), { once: true });
  const drip = setInterval(() => watchdog.moved(1), 50);
  await promise;
  clearInterval(drip);
  assert(watchdog.signal.reason instanceof StalledError);
  assert(performance.now() - began >= 195);

  using other = new Watchdog(200);
  for (let i = 0; i < 20; i++) {
    other.moved(LEAST_RATE / 5);
    other.rest();
    // Longer in all than the limit: the reader takes its time.
    await new Promise((resolve) => setTimeout(resolve, 20));
    other.wake();
  }
  assert(!other.signal.aborted);

  using dripping = new Watchdog(200);
  for (let i = 0; i < 100 && !dripping.signal.aborted; i++) {
    // It is the time between that counts, however often the reader rests.
    await new Promise((resolve) => setTimeout(resolve, 50));
    dripping.rest();
    dripping.wake();
    dripping.moved(1);
  }
  assert(dripping.signal.aborted);
});
