/**
 * Lets the rest of the process run between synchronous calls.
 *
 * A look at a file takes a few microseconds; to hand it to a thread takes several times as long. So
 * looks are synchronous, and a loop of many must not keep timers, signals and requests waiting.
 *
 * @module
 */

import { setImmediate } from "node:timers";

/** How long synchronous calls may follow each other, in milliseconds. */
const SLICE = 10;

let last = performance.now();

/**
 * Lets other work run, if that was long ago. Call it once for each directory or file.
 *
 * @param signal Aborts the work.
 * @throws The signal's reason.
 */
export async function takeTurn(signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  if (performance.now() - last < SLICE) return;
  await new Promise<void>((resolve) => void setImmediate(resolve));
  last = performance.now();
  signal?.throwIfAborted();
}
