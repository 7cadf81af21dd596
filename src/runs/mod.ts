/**
 * The formats that describe a run: parts of the outputs manifest, the list of expected parts, the
 * index of an export, the summary and the pins of a retained run, the record of removed files.
 *
 * @example Read the parts that a run says it will have
 * ```ts
 * import { addExpected, formatExpected, parseExpected } from "@therock/run-outputs/runs";
 *
 * const text = formatExpected(addExpected(undefined, ["build", "tests"]));
 * console.assert(parseExpected(text, "expected.json").parts.length === 2);
 * ```
 *
 * @module
 */

export { type ErrorCode, RunOutputsError, type RunOutputsErrorOptions } from "../errors/error.ts";
export type { OutputKind } from "../layout/classify.ts";
export type { Layout } from "../layout/output_paths.ts";
export type { Platform } from "../layout/output_paths.ts";
export { checksumLine } from "./checksum_lines.ts";
export {
  addExpected,
  EXPECTED_SCHEMA,
  type ExpectedParts,
  formatExpected,
  parseExpected,
} from "./expected_parts.ts";
export { EXPORT_SCHEMA, type ExportedFile, type ExportedRun } from "./export_index.ts";
export { formatPart } from "./format_part.ts";
export {
  MANIFEST_SCHEMA,
  type ManifestHead,
  type ManifestPart,
  type ManifestRun,
  type ManifestWriter,
  type OutputFile,
  parsePart,
} from "./manifest.ts";
export { type FileClaim, type MergedFile, mergeParts, type PartFiles } from "./merge_parts.ts";
export { defaultPartName, type PartSubject } from "./part_name.ts";
export type { LeftFile } from "./left_files.ts";
export {
  parseRemoved,
  type PartVersion,
  type Removal,
  REMOVED_SCHEMA,
  type RemovedRecord,
} from "./removed.ts";
export type { PendingContent, UnfinishedPart } from "./unfinished_part.ts";
export { type LifecycleRule, type LifecycleRules, lifecycleRules } from "./retention/lifecycle.ts";
export { formatPin, parsePin, type Pin, PIN_SCHEMA } from "./retention/pin.ts";
export {
  decidePrune,
  type DropKind,
  type DroppedRun,
  type GroupBy,
  type KeepStep,
  type KeptRun,
  type PruneCandidate,
  type PruneDecision,
  type PrunePolicy,
} from "./retention/policy.ts";
export {
  parsePrunePlan,
  PRUNE_PLAN_SCHEMA,
  type PruneLeftover,
  type PrunePlan,
  type PrunePlanPlace,
} from "./retention/prune_plan.ts";
export { compareRuns, formatRunKey, parseRunKey } from "./retention/run_key.ts";
export {
  type Completeness,
  type RunState,
  runState,
  type RunStateFacts,
} from "./retention/state.ts";
export {
  type FileTotals,
  formatSummary,
  parseSummary,
  type RemovedFacts,
  RETENTION_SCHEMA,
  type RetentionSummary,
  type RunFacts,
  type SummaryInput,
} from "./retention/summary.ts";
export type { RunPrefix } from "../layout/run_output_root.ts";
