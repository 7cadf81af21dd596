/**
 * The directories of a bisect's commits, below a common one.
 *
 * @module
 */

import { join } from "node:path";
import { removeTree } from "../../archive/unpack/remove_tree.ts";
import { diskError } from "../../errors/disk.ts";
import { isProbe } from "../../ownership/own_user.ts";
import { removeWorkDir } from "../fetch/work_dir.ts";

/** The number of digits of a SHA in a directory's name. */
const DIGITS = 12;

/** The directory of a commit, or what a fetch has left beside it. */
const OURS = new RegExp(
  `^(?:[0-9a-f]{${DIGITS}}|\\.[0-9a-f]{${DIGITS}}\\.run-outputs-fetch-[0-9a-f]+)$`,
);

/**
 * The directory of a commit.
 *
 * @param outputDir The common directory.
 * @param sha The commit.
 * @returns The directory.
 */
export function commitDirectory(outputDir: string, sha: string): string {
  return join(outputDir, sha.slice(0, DIGITS));
}

/**
 * Deletes the directory of a commit, and what an interrupted fetch has left for it.
 *
 * @param outputDir The common directory.
 * @param sha The commit.
 * @throws {RunOutputsError} Errors of the disk.
 */
export async function discardCommit(outputDir: string, sha: string): Promise<void> {
  const directory = commitDirectory(outputDir, sha);
  await removeAll(directory);
  await removeWorkDir(directory);
}

/**
 * Deletes the directories of all commits, also of those that no state lists, as after a kill.
 *
 * @param outputDir The common directory.
 * @throws {RunOutputsError} Errors of the disk.
 */
export async function discardAllCommits(outputDir: string): Promise<void> {
  const entries = Deno.readDir(outputDir);
  try {
    for await (const { name, isDirectory } of entries) {
      const isOurs = isDirectory && (OURS.test(name) || isProbe(name));
      if (isOurs) await removeAll(join(outputDir, name));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw diskError("list", outputDir, error);
  }
}

async function removeAll(directory: string): Promise<void> {
  await removeTree(directory).catch((error) => {
    throw diskError("remove", directory, error);
  });
}
