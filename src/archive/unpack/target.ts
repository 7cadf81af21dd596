/**
 * The output directory: its real path, and the directories to create.
 *
 * @module
 */

import { basename, dirname, join, resolve } from "node:path";
import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { Step } from "./journal.ts";
import { kindOf } from "./disk_view.ts";

/**
 * The target's real path. If it does not exist, the directories above it are resolved.
 *
 * @param outputDir The target, as the user named it.
 * @returns The path with all links resolved.
 * @throws {RunOutputsError} `conflict`, if it is not a directory; or errors of the disk.
 */
export async function realOutputDir(outputDir: string): Promise<string> {
  let existing = resolve(outputDir);
  const missing: string[] = [];
  while (kindOf(existing) === undefined && dirname(existing) !== existing) {
    missing.unshift(basename(existing));
    existing = dirname(existing);
  }
  try {
    existing = await Deno.realPath(existing);
    if (!(await Deno.stat(existing)).isDirectory) {
      throw new RunOutputsError(
        "conflict",
        `Cannot unpack to '${outputDir}': '${existing}' is not a directory`,
      );
    }
  } catch (error) {
    throw diskError("read", existing, error);
  }
  return join(existing, ...missing);
}

/**
 * Rejects a staging directory from which nothing can be renamed into the target.
 *
 * @param outputDir The target's real path; it need not exist.
 * @param stagingDir The staging directory, which exists.
 * @throws {RunOutputsError} `invalid`, if the two are on different file systems.
 */
export async function checkSameDisk(outputDir: string, stagingDir: string): Promise<void> {
  let existing = outputDir;
  while (kindOf(existing) === undefined) existing = dirname(existing);
  try {
    const [target, staging] = [await Deno.stat(existing), await Deno.stat(stagingDir)];
    if (target.dev === staging.dev) return;
  } catch (error) {
    throw diskError("read", existing, error);
  }
  throw new RunOutputsError(
    "invalid",
    `Cannot unpack to '${outputDir}' through '${stagingDir}': both must be on the same ` +
      `file system`,
  );
}

/**
 * Rejects an existing directory that cannot be changed.
 *
 * @param directory The directory, which may not exist, or be a link.
 * @param user The user id of new files; `undefined` if the system has none.
 * @throws {RunOutputsError} `denied`; or other errors of the disk.
 */
export function checkWritable(directory: string, user: number | null): void {
  try {
    const { isDirectory, uid, mode } = Deno.lstatSync(directory);
    if (!isDirectory || mode === null) return;
    // Usually reading its mode is enough, and the directory does not change.
    if (uid === user && (mode & 0o200) !== 0) return;
    const probe = join(directory, ".run-outputs-probe");
    try {
      Deno.mkdirSync(probe);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
    Deno.removeSync(probe);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw diskError("write to", directory, error);
  }
}

/**
 * The steps to create a directory and its missing parents.
 *
 * @param directory The directory.
 * @returns The steps; empty if it exists.
 */
export function missingDirectories(directory: string): Step[] {
  const steps: Step[] = [];
  for (let path = directory; kindOf(path) === undefined; path = dirname(path)) {
    steps.unshift({ to: path, directory: true });
  }
  return steps;
}
