/**
 * Reads the free space of disks for a thread with few permissions.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import { nearestExisting } from "../../storage/local/enough_space.ts";
import { type DiskSpace, readSpaceHere } from "../../storage/local/free_space.ts";
import type { Fencing } from "./facts.ts";
import { isWithin, writtenBy } from "./written.ts";

/**
 * Reads the state of the file system that a thread will write to.
 *
 * @param path A directory that the thread may write to, or one above it; it need not exist.
 * @param fencing The grants of the thread.
 * @returns The state.
 * @throws {RunOutputsError} `denied`, if the thread writes to nothing there; errors of the disk.
 */
export async function readGrantedSpace(
  path: string,
  { grants }: Pick<Fencing, "grants">,
): Promise<DiskSpace> {
  if (
    !writtenBy(grants).some((directory) => isWithin(path, directory) || isWithin(directory, path))
  ) {
    throw new RunOutputsError(
      "denied",
      `Cannot read the free space of '${path}': nothing may be written there`,
    );
  }
  return await readSpaceHere(await nearestExisting(path));
}
