/**
 * Whether a mirrored run fits into the staging directory.
 *
 * @module
 */

import { diskError } from "../../errors/disk.ts";
import { formatBytes } from "../../layout/words.ts";
import { probeOwner } from "../../ownership/own_user.ts";
import { findShortage } from "../../storage/local/enough_space.ts";
import type { ReadSpace } from "../../storage/local/free_space.ts";
import { httpError } from "../problem.ts";

/** How many bytes stay free, for the manifest and for others. */
const RESERVE = 100 * 1024 ** 2;

/**
 * Rejects a directory that can't be written.
 *
 * @param dir The directory.
 * @throws {RunOutputsError} With the status 403.
 */
export async function checkWritable(dir: string): Promise<void> {
  // `access` of `node:fs` needs the permission to read the user's id, and ends the process without it.
  await probeOwner(dir).catch((error) => {
    throw readOnlyStorage(diskError("write to", dir, error).message);
  });
}

/**
 * The answer to a request that needs a storage that can be written.
 *
 * @param reason Why it can't be.
 * @returns The error, with the status 403.
 */
export function readOnlyStorage(reason: string) {
  return httpError(403, "read-only-storage", `Cannot mirror to a read-only storage: ${reason}`);
}

/**
 * Checks that files fit on a disk.
 *
 * @param dir The directory.
 * @param needed How many bytes will be written.
 * @param read Reads the free space.
 * @throws {RunOutputsError} With the status 507, if they don't fit.
 */
export async function checkSpace(
  dir: string,
  needed: number,
  read?: ReadSpace,
): Promise<void> {
  const shortage = await findShortage([{ dir, bytes: needed + RESERVE }], read);
  if (shortage === undefined) return;
  const { free } = shortage;
  throw httpError(
    507,
    "no-space",
    `No space to mirror the run: ${formatBytes(needed)} to copy, ${
      formatBytes(free)
    } free in the ` +
      `staging directory, of which ${formatBytes(RESERVE)} stay free; delete runs ` +
      "('run-outputs runs prune'), or mirror less with include",
    { details: { needed, free } },
  );
}
