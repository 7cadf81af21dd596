/**
 * Checks who owns a bisect. A state file controls where artifacts come from and where they go, so one
 * that somebody else wrote, such as one in a cloned repository, is not used.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { join } from "node:path";
import { diskError } from "../../../errors/disk.ts";
import { RunOutputsError } from "../../../errors/error.ts";
import type { BisectState } from "../../../operations/bisect/state.ts";
import type { Io } from "../../terminal/io.ts";
import { stateDir as userStateDir } from "../../storage.ts";

/**
 * Records in the user's state directory that a bisect was started here.
 *
 * @param stateDir The bisect's directory.
 * @param state The bisect.
 * @param io The environment; without a user's state directory nothing is recorded.
 * @throws {RunOutputsError} If the record can't be written.
 */
export async function recordOwnership(stateDir: string, state: BisectState, io: Io): Promise<void> {
  const records = userStateDir(io, "bisects");
  if (records === undefined) return;
  const path = await recordOf(records, stateDir);
  try {
    await Deno.mkdir(records, { recursive: true, mode: 0o700 });
    await Deno.writeTextFile(path, await identityOf(stateDir, state), { mode: 0o600 });
  } catch (error) {
    throw diskError("write", path, error);
  }
}

/**
 * Checks that a bisect was started here, by this user.
 *
 * @param stateDir The bisect's directory.
 * @param state The bisect.
 * @param io The environment; without a user's state directory nothing is checked.
 * @throws {RunOutputsError} `denied`, with what to do, if it was not.
 */
export async function checkOwnership(stateDir: string, state: BisectState, io: Io): Promise<void> {
  const records = userStateDir(io, "bisects");
  if (records === undefined) return;
  const recorded = await Deno.readTextFile(await recordOf(records, stateDir)).catch(() => "");
  if (recorded === await identityOf(stateDir, state)) return;
  throw new RunOutputsError(
    "denied",
    `Cannot use the bisect in '${stateDir}': you did not start it in this directory; 'run-outputs ` +
      "bisect reset' deletes it, then start your own",
  );
}

/**
 * Deletes the record of a bisect that has ended.
 *
 * @param stateDir The bisect's directory.
 * @param io The environment.
 */
export async function forgetOwnership(stateDir: string, io: Io): Promise<void> {
  const records = userStateDir(io, "bisects");
  if (records === undefined) return;
  await Deno.remove(await recordOf(records, stateDir)).catch(() => {});
}

async function recordOf(records: string, stateDir: string): Promise<string> {
  const { realPath } = await import("../../../storage/local/real_path.ts");
  const hash = createHash("sha256").update(await realPath(stateDir)).digest("hex");
  return join(records, hash);
}

async function identityOf(stateDir: string, { started_at }: BisectState): Promise<string> {
  const { dev, ino } = await Deno.stat(stateDir);
  return `${dev}:${ino} ${started_at}\n`;
}
