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

/** Kills a process as soon as something is so, unless it has ended before; how it ended. */
export async function killWhen(
  process: Deno.ChildProcess,
  isSo: () => Promise<boolean>,
): Promise<Deno.CommandStatus> {
  let ended = false;
  const status = process.status.finally(() => ended = true);
  while (!ended && !await isSo()) await new Promise((resolve) => setTimeout(resolve, 1));
  kill(process);
  return await status;
}
