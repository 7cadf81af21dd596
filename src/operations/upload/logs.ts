/**
 * Uploads a build's logs.
 *
 * @module
 */

import { join } from "node:path";
import { diskError } from "../../errors/disk.ts";
import type { LogGroup } from "../../layout/output_paths.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { pathFilter, type PathFilterOptions } from "../../storage/transfer/path_filter.ts";
import { fileItem } from "../../storage/transfer/upload.ts";
import { linkOnTheWay } from "./links.ts";
import { UploadPlanner } from "./plan.ts";

/** Options of {@linkcode planLogs}. */
export interface PlanLogsOptions extends PathFilterOptions {
  /** The directory of logs. */
  readonly logsDir: string;
  /** The owner of the logs. */
  readonly group: LogGroup;
  /** Aborts planning. */
  readonly signal?: AbortSignal;
}

/** The raw logs of ccache reach 800 MB; they are only uploaded as one compressed archive. */
export const RAW_CCACHE_LOGS = "**/ccache/";

/**
 * Plans the upload of logs: the unchanged tree without the raw logs of ccache, and copies of the
 * build profile's summary at a path for links.
 *
 * @param root The run.
 * @param options The logs.
 * @param planner Receives them.
 * @returns The include patterns that matched nothing.
 * @throws {RunOutputsError} `not_found`, if the directory does not exist.
 */
export async function planLogs(
  root: RunOutputRoot,
  options: PlanLogsOptions,
  planner: UploadPlanner = new UploadPlanner(),
): Promise<string[]> {
  const { logsDir, group, include, signal } = options;
  const exclude = [...options.exclude ?? [], RAW_CCACHE_LOGS];
  const dir = root.logDir(group);
  const filter = pathFilter({ include, exclude });
  for (const format of ["html", "md"] as const) {
    const nested = root.buildProfSummary(group, format).relativeTo(dir);
    const path = join(logsDir, nested!);
    if (!filter.matches(nested!)) continue;
    let stat: Deno.FileInfo;
    try {
      stat = await Deno.lstat(path);
      if (!stat.isFile || await linkOnTheWay(logsDir, path)) continue;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
        continue;
      }
      throw diskError("read", path, error);
    }
    planner.add(fileItem(root.compSummary(group, format), path, { size: stat.size }));
  }
  return await planner.addTree(logsDir, dir, { include, exclude, signal });
}
