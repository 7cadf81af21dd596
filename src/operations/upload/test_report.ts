/**
 * Uploads a test's report.
 *
 * @module
 */

import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import type { PathFilterOptions } from "../../storage/transfer/path_filter.ts";
import { UploadPlanner } from "./plan.ts";

/** Options of {@linkcode planTestReport}. */
export interface PlanTestReportOptions extends PathFilterOptions {
  /** The directory of the report. */
  readonly reportDir: string;
  /** The destination: a path relative to the run's logs. */
  readonly subfolder: string;
  /** Aborts planning. */
  readonly signal?: AbortSignal;
}

/** The default selection of a report's files. */
const PAGES = ["*.html"];

/**
 * Plans the upload of a report: its HTML pages, or the files that `include` selects, unchanged.
 *
 * @param root The run.
 * @param options The report and the destination.
 * @param planner Receives it.
 * @returns The include patterns that matched nothing.
 * @throws {RunOutputsError} `not_found`, if the directory does not exist.
 */
export async function planTestReport(
  root: RunOutputRoot,
  options: PlanTestReportOptions,
  planner: UploadPlanner = new UploadPlanner(),
): Promise<string[]> {
  const { reportDir, subfolder, include = PAGES, exclude, signal } = options;
  const to = root.testReportDir(subfolder);
  return await planner.addTree(reportDir, to, { include, exclude, signal });
}
