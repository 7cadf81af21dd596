/** The watchdog over a request. */

import assert from "node:assert/strict";
import { StalledError, Watchdog } from "../../../src/storage/s3/watchdog.ts";

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
