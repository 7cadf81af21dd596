/**
 * The upload of any files to any place of a run.
 *
 * @module
 */

import { basename, resolve } from "node:path";
import { diskError } from "../layout/disk_error.ts";
import { RunOutputsError } from "../layout/error.ts";
import type { RunOutputRoot } from "../layout/run_output_root.ts";
import type { PathFilterOptions } from "../storage/path_filter.ts";
import { pathFilter } from "../storage/path_filter.ts";
import { fileItem } from "../storage/upload.ts";
import { UploadPlanner } from "./upload_plan.ts";

/** Options of {@linkcode planFiles}. */
export interface PlanFilesOptions extends PathFilterOptions {
  /** Files and directories on disk. */
  readonly paths: readonly string[];
  /** The path in the run where they go; the run's root if empty. */
  readonly to: string;
  /** Stops the planning. */
  readonly signal?: AbortSignal;
}

/**
 * Plans the upload of files: a file goes to `{to}/{its name}`, a directory's content to `{to}/`.
 *
 * @param root The run.
 * @param options What and where to.
 * @param planner Where to add them.
 * @returns The include patterns that matched nothing in any of the paths.
 * @throws {RunOutputsError} `not_found`, if one of the paths does not exist; `invalid`, if two files
 * have one place.
 */
export async function planFiles(
  root: RunOutputRoot,
  options: PlanFilesOptions,
  planner: UploadPlanner = new UploadPlanner(),
): Promise<string[]> {
  const to = options.to === "" ? root.root() : root.file(options.to);
  const filter = pathFilter(options);
  let unmatched = [...options.include ?? []];
  for (const path of options.paths) {
    const stat = await Deno.stat(path).catch((error) => {
      throw diskError("read", path, error);
    });
    if (stat.isDirectory) {
      const left = await planner.addTree(path, to, options);
      unmatched = unmatched.filter((pattern) => left.includes(pattern));
    } else if (filter.matches(basename(resolve(path)))) {
      planner.add(fileItem(to.join(basename(resolve(path))), path, { size: stat.size }));
    }
  }
  const [clash] = planner.clashes;
  if (clash !== undefined) {
    const [first, second] = clash;
    throw new RunOutputsError(
      "invalid",
      `Cannot upload both '${first.path}' and '${second.path}' to ${first.location.key}: give one ` +
        "of them another --to",
    );
  }
  const left = filter.unmatched();
  return unmatched.filter((pattern) => left.includes(pattern));
}
