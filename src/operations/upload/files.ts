/**
 * Uploads any files to any path of a run.
 *
 * @module
 */

import { basename, resolve } from "node:path";
import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { segmentOf } from "../../storage/local/disk_name.ts";
import type { PathFilterOptions } from "../../storage/transfer/path_filter.ts";
import { pathFilter } from "../../storage/transfer/path_filter.ts";
import { fileItem } from "../../storage/transfer/upload.ts";
import { UploadPlanner } from "./plan.ts";

/** Every upload regenerates these, so no other file can stay there. */
const OWN_PAGES: ReadonlySet<string> = new Set([
  "index.html",
  "logs/index.html",
  "manifests/index.html",
]);

/** Options of {@linkcode planFiles}. */
export interface PlanFilesOptions extends PathFilterOptions {
  /** Files and directories on disk. */
  readonly paths: readonly string[];
  /** The destination path in the run; the run's root if empty. */
  readonly to: string;
  /** Aborts planning. */
  readonly signal?: AbortSignal;
}

/**
 * Plans the upload of files: a file goes to `{to}/{its name}`, a directory's content to `{to}/`. A
 * path that cannot be read is a separate failure.
 *
 * @param root The run.
 * @param options The files and the destination.
 * @param planner Receives them.
 * @returns The include patterns that matched nothing in any of the paths.
 * @throws {RunOutputsError} `not_found`, if none of the paths exists; `invalid`, if two files have
 * the same destination, or a directory would be uploaded into itself.
 */
export async function planFiles(
  root: RunOutputRoot,
  options: PlanFilesOptions,
  planner: UploadPlanner = new UploadPlanner(),
): Promise<string[]> {
  const to = options.to === "" ? root.root() : root.file(options.to);
  const filter = pathFilter(options);
  let unmatched = [...options.include ?? []];
  const failures: { readonly path: string; readonly error: Error }[] = [];
  for (const path of options.paths) {
    try {
      const stat = await Deno.stat(path);
      if (stat.isDirectory) {
        const left = await planner.addTree(path, to, options);
        unmatched = unmatched.filter((pattern) => left.includes(pattern));
      } else if (filter.matches(nameOf(path))) {
        planner.add(fileItem(to.join(nameOf(path)), path, { size: stat.size }));
      }
    } catch (error) {
      options.signal?.throwIfAborted();
      // A usage error: a directory into itself, or a name that is invalid in storage.
      if (error instanceof RunOutputsError && error.code === "invalid") throw error;
      failures.push({ path, error: diskError("read", path, error) });
    }
  }
  for (const { location, path } of planner.compactPlan().items) {
    if (!OWN_PAGES.has(location.relativeTo(root.root()) ?? "")) continue;
    throw new RunOutputsError(
      "invalid",
      `Cannot upload '${path}' to ${location}: that is an index page of the run; choose another ` +
        "--to, or --exclude it",
    );
  }
  if (failures.length > 0 && failures.length === options.paths.length) throw allFailed(failures);
  for (const { path, error } of failures) {
    planner.fail(to.join(nameOf(path)), path, error, true);
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

/** The name of a file as part of a key. */
function nameOf(path: string): string {
  return segmentOf(basename(resolve(path)));
}

/** The error if none of the paths can be uploaded. */
function allFailed(failures: readonly { readonly path: string; readonly error: Error }[]): Error {
  const [{ error: first }] = failures;
  const missing = failures.every(({ error }) =>
    error instanceof RunOutputsError && error.code === "not_found"
  );
  if (failures.length === 1 || !missing) return first;
  const paths = failures.map(({ path }) => `'${path}'`).join(", ");
  return new RunOutputsError(
    "not_found",
    `Cannot read any of ${paths}: no such file or directory`,
  );
}
