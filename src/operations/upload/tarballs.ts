/**
 * Uploads tarballs: complete distributions in one file.
 *
 * @module
 */

import { join } from "node:path";
import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { readDirectory } from "../../storage/local/disk_name.ts";
import { planFile } from "./file_format.ts";
import { UploadPlanner } from "./plan.ts";

/** Options of {@linkcode planTarballs}. */
export interface PlanTarballsOptions {
  /** The directory of tarballs. */
  readonly tarballsDir: string;
  /** Aborts planning. */
  readonly signal?: AbortSignal;
}

/**
 * Plans the upload of the tarballs at the top of a directory.
 *
 * A tarball named for another platform fails, because nobody would find it there. So does one that is
 * empty or not in gzip format.
 *
 * @param root The run.
 * @param options The directory.
 * @param planner Receives them.
 * @throws {RunOutputsError} `not_found`, if the directory does not exist or contains no tarball.
 */
export async function planTarballs(
  root: RunOutputRoot,
  options: PlanTarballsOptions,
  planner: UploadPlanner = new UploadPlanner(),
): Promise<void> {
  const { tarballsDir, signal } = options;
  const entries = await readDirectory(tarballsDir).catch((error) => {
    throw diskError("list the tarballs in", tarballsDir, error);
  });
  entries.sort((a, b) => a.name < b.name ? -1 : 1);
  const other = `therock-dist-${root.platform === "linux" ? "windows" : "linux"}-`;
  let found = 0;
  for (const { name, isFile, isSymlink, misread } of entries) {
    signal?.throwIfAborted();
    if (name.startsWith(".")) continue;
    const path = join(tarballsDir, name);
    if (misread !== undefined) {
      planner.warn(path, `is not uploaded: ${misread}`);
      continue;
    }
    if (!isFile || !name.endsWith(".tar.gz")) {
      planner.note(path, isSymlink ? "a symbolic link" : "not a .tar.gz file");
      continue;
    }
    found++;
    const location = root.tarball(name);
    if (!name.startsWith(other)) await planFile(location, path, planner);
    else {
      const message = `Cannot upload '${path}': it is for another platform than ${root.platform}`;
      planner.fail(location, path, new RunOutputsError("invalid", message));
    }
  }
  if (found > 0) return;
  throw new RunOutputsError(
    "not_found",
    `Cannot upload tarballs from '${tarballsDir}': it has no .tar.gz file`,
  );
}
