/** The watchdog over a request. */

import assert from "node:assert/strict";
import { LEAST_RATE, StalledError, Watchdog } from "../../../src/storage/s3/watchdog.ts";

Deno.test("Watchdog: one that is told of more to come waits that much longer", async () => {
  const began = performance.now();
  using watchdog = new Watchdog(50);
  watchdog.touch(3);
  const { promise, resolve } = Promise.withResolvers<void>();
  watchdog.signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
  assert(watchdog.signal.reason instanceof StalledError);
  assert(performance.now() - began >= 195);
});

Deno.test("Watchdog: few bytes are no sign of life, enough are, and rest does not count", async () => {
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
