/**
 * Killing a process that may have ended.
 *
 * @module
 */

/** Kills a process, unless it has just ended by itself: its end is known here a moment later. */
export function kill(process: Deno.ChildProcess): void {
  try {
    process.kill("SIGKILL");
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
  }
}
