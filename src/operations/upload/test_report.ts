/**
 * The upload of a test's report.
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
  /** Where it goes: a path relative to the run's logs. */
  readonly subfolder: string;
  /** Aborts planning. */
  readonly signal?: AbortSignal;
}

/** What of a report's directory is the report, where nobody says otherwise. */
const PAGES = ["*.html"];

/**
 * Plans the upload of a report: its HTML pages, or what `include` names, as they are.
 *
 * @param root The run.
 * @param options Which report, and where to.
 * @param planner Receives it.
 * @returns The include patterns that matched nothing.
 * @throws {RunOutputsError} `not_found`, if there is no such directory.
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
