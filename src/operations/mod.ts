/**
 * Operations on the outputs of a run: upload, fetch, find, list, verify, diff, copy, export,
 * bisect. Most make a plan first and then execute it. The types of layout, storage and GitHub that
 * they use are exported too.
 *
 * @example Upload a file, then list the run
 * ```ts
 * import { RunOutputRoot } from "@therock/run-outputs/layout";
 * import {
 *   executeUpload,
 *   listRun,
 *   planFiles,
 *   readOutputs,
 *   UploadPlanner,
 * } from "@therock/run-outputs/operations";
 * import { LocalBackend } from "@therock/run-outputs/storage";
 *
 * const dir = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${dir}/report.html`, "all passed");
 * const backend = new LocalBackend(`${dir}/staging`);
 * const root = RunOutputRoot.forLocal({ platform: "linux" });
 *
 * const planner = new UploadPlanner();
 * await planFiles(root, { paths: [`${dir}/report.html`], to: "logs/reports" }, planner);
 * const { results } = await executeUpload(backend, planner.plan());
 * console.assert(results.length === 1 && results[0].error === undefined);
 * for await (const { path } of listRun(backend, root, await readOutputs(backend, root))) {
 *   console.assert(path === "logs/reports/report.html");
 * }
 * await Deno.remove(dir, { recursive: true });
 * ```
 *
 * @module
 */

export type { Unpacked, UnpackLimits, UnpackMode } from "../archive/unpack/unpack.ts";
export { type ErrorCode, RunOutputsError, type RunOutputsErrorOptions } from "../errors/error.ts";
export type {
  CommitInfo,
  CommitsOptions,
  Comparison,
  GithubCallOptions,
  GithubClient,
  GithubRequests,
  RunsOfCommitOptions,
  WorkflowRunInfo,
} from "../github/client.ts";
export type { Compression } from "../layout/artifact_name.ts";
export type { OutputKind } from "../layout/classify.ts";
export type { GpuFamilies } from "../layout/gpu_families_data.ts";
export { type LocalPathOptions, OutputLocation } from "../layout/output_location.ts";
export {
  type Layout,
  type LogGroup,
  type NativePackageType,
  OutputPaths,
  type Platform,
  type PytorchManifestName,
  type StageLogs,
  type SummaryFormat,
} from "../layout/output_paths.ts";
export { RunOutputRoot, type RunPrefix } from "../layout/run_output_root.ts";
export type { WorkflowRun } from "../layout/workflow_run.ts";
export { linearPattern } from "./artifacts/linear_pattern.ts";
export type { NameFilterOptions } from "./artifacts/name_filter.ts";
export type { NamePattern, SearchPattern } from "./artifacts/name_pattern.ts";
export { type ArtifactChoice, selectArtifacts } from "./artifacts/select.ts";
export type { ArtifactSelection } from "./artifacts/selection.ts";
export { formatSidecar, parseSidecar } from "./artifacts/sidecar.ts";
export { type BisectArtifactOptions, bisectArtifacts } from "./bisect/artifact_source.ts";
export {
  Bisect,
  type BisectParts,
  type BisectTestResult,
  resetBisect,
  type RunBisectOptions,
  type StartBisectOptions,
} from "./bisect/bisect.ts";
export { prefetchNext, type PrefetchOptions } from "./bisect/prefetch.ts";
export { type BisectRange, bisectRange, type BisectRangeOptions } from "./bisect/range.ts";
export type {
  BisectCallOptions,
  BisectEnding,
  BisectSource,
  BisectStep,
  BisectTest,
} from "./bisect/source.ts";
export {
  BISECT_SCHEMA,
  type BisectArtifacts,
  type BisectEnd,
  type BisectLogEntry,
  type BisectRun,
  type BisectState,
} from "./bisect/state.ts";
export {
  type BisectStore,
  openBisectStore,
  type OpenBisectStoreOptions,
  readBisectState,
} from "./bisect/store.ts";
export {
  type BisectCommit,
  type BisectFacts,
  type BisectSurvey,
  type BisectVerdict,
  surveyBisect,
} from "./bisect/suspects.ts";
export {
  exportChunks,
  type ExportItem,
  type ExportOptions,
  type ExportPlan,
  planExport,
  type PlanExportOptions,
  writeExport,
  type WriteExportOptions,
} from "./copy/export.ts";
export { ExportArchive } from "./copy/export_archive.ts";
export type { WithheldPart } from "./copy/parts.ts";
export type { CopyFile, CopyFiles } from "./copy/compact_files.ts";
export type { KnownContent, PlannedTransfers } from "../storage/transfer/planned_results.ts";
export {
  type CopyObstacle,
  type CopyPlan,
  planCopy,
  type PlanCopyOptions,
  type RunPlace,
} from "./copy/plan.ts";
export { type CopyOptions, type CopyReport, executeCopy } from "./copy/execute.ts";
export {
  type ComparedBy,
  type DiffedFile,
  diffRuns,
  type DiffRunsOptions,
  type DiffSide,
  type FileChange,
} from "./diff/diff.ts";
export { type DiffSums, DiffTotals, type FileSum } from "./diff/totals.ts";
export type { ArchiveSourceOptions, FetchOrigin, FetchResult } from "./fetch/archive_source.ts";
export { type FetchOptions, type FetchPlan, planFetch } from "./fetch/fetch.ts";
export { planFoundFetch, type SourceRun, sourceRuns } from "./fetch/found.ts";
export { fetchPacked, type FetchPackedOptions } from "./fetch/packed.ts";
export type { RecordedMode, RecordedRun } from "./fetch/fetched_record.ts";
export type { FetchRecording, FetchSource, RemovedOld } from "./fetch/recording.ts";
export { type FetchStatus, fetchStatus, type HeldArchive, type HeldRun } from "./fetch/status.ts";
export {
  type FetchPhase,
  fetchUnpacked,
  type FetchUnpackedOptions,
  type UnpackedReport,
} from "./fetch/unpacked.ts";
export { waitForArtifacts, type WaitOptions } from "./fetch/wait.ts";
export {
  DEFAULT_MAX_COMMITS,
  findArtifacts,
  type FindOptions,
  type FindResult,
  type FindSelector,
  nothingFits,
  withNearest,
} from "./find/find.ts";
export {
  type LocatedRun,
  locateRun,
  type LocateRunOptions,
  type TriedPlace,
} from "./find/locate_run.ts";
export {
  DEFAULT_WORKFLOW,
  type FoundGroup,
  type FoundRun,
  type RefusableRun,
  type RejectedRun,
  type RunSearch,
  searchCommit,
  type SearchOptions,
  searchRuns,
} from "./find/search_runs.ts";
export type {
  IndexedFile,
  IndexEntry,
  IndexPage,
  IndexSection,
  ListPage,
  SimplePage,
} from "./index_pages/page.ts";
export { type HashOf, renderPage } from "./index_pages/render.ts";
export {
  directorySubject,
  type IndexSubject,
  reportSubject,
  runSubject,
} from "./index_pages/subjects.ts";
export {
  type IndexReport,
  type WriteIndexOptions,
  writeIndexPages,
} from "./index_pages/write_pages.ts";
export {
  compareListing,
  type ListedOutput,
  listOutputs,
  listRun,
  type ListRunOptions,
  type ManifestDifferences,
  type MissingOutput,
  type RemovedOutput,
  type RunOutput,
} from "./manifest/list_outputs.ts";
export type { PartAuthor } from "./manifest/part_content.ts";
export {
  NO_MANIFEST,
  readOutputs,
  type ReadOutputsOptions,
  type RunManifest,
  type RunPart,
} from "./manifest/read.ts";
export { removedFile, removedFiles } from "./manifest/removed_files.ts";
export { requireParts } from "./manifest/require_parts.ts";
export {
  type CopiedContent,
  PartUpload,
  type PartUploadOptions,
  type UploadedFiles,
} from "./manifest/write_part.ts";
export {
  type AbortUnfinishedOptions,
  abortUnfinishedUploads,
  type ListUnfinishedOptions,
  listUnfinishedUploads,
  type UnfinishedUpload,
  type UploadRemoval,
} from "./stale_uploads.ts";
export {
  type PackArtifactsOptions,
  planArtifacts,
  type PlanArtifactsOptions,
} from "./upload/artifacts.ts";
export {
  type BuildJob,
  type JobStatus,
  planBuild,
  type PlanBuildOptions,
  planStage,
  type PlanStageOptions,
} from "./upload/build.ts";
export { planFiles, type PlanFilesOptions } from "./upload/files.ts";
export { planLogs, type PlanLogsOptions } from "./upload/logs.ts";
export {
  planManifest,
  type PlanManifestOptions,
  planPytorchManifest,
  type PlanPytorchManifestOptions,
} from "./upload/manifest.ts";
export type { Closing, ClosingReport } from "./repository/closing.ts";
export { planPackages, type PlanPackagesOptions } from "./upload/packages.ts";
export {
  type AddTreeOptions,
  executeUpload,
  type PlanNote,
  type UploadPlan,
  UploadPlanner,
  type UploadReport,
} from "./upload/plan.ts";
export { planPython, type PlanPythonOptions } from "./upload/python.ts";
export { planTarballs, type PlanTarballsOptions } from "./upload/tarballs.ts";
export { planTestReport, type PlanTestReportOptions } from "./upload/test_report.ts";
export { executePrune, type ExecutePruneOptions, type PruneResult } from "./prune/execute.ts";
export type {
  DropKind,
  DroppedRun,
  GroupBy,
  KeepStep,
  KeptRun,
  PrunePolicy,
} from "../runs/retention/policy.ts";
export type { PruneLeftover, PrunePlan, PrunePlanPlace } from "../runs/retention/prune_plan.ts";
export type { PrunePlace, StaleUploads } from "./prune/place.ts";
export { planPrune, type PlanPruneOptions } from "./prune/plan.ts";
export type { RetainedRun } from "./retained/describe.ts";
export { RunDetailsCache, type RunDetailsCacheOptions } from "./retained/details_cache.ts";
export type { RunPin } from "./retained/pins.ts";
export type { RunFilter } from "./retained/filter.ts";
export {
  type RunChoice,
  RunIndex,
  type RunIndexOptions,
  type RunNames,
} from "./retained/run_index.ts";
export {
  type LatestOptions,
  type LatestRun,
  latestRun,
  type RunPage,
  type ScanOptions,
  scanRuns,
  type SkippedRun,
} from "./retained/scan.ts";
export {
  type SummaryStatus,
  writeSummary,
  type WriteSummaryOptions,
} from "./retained/summary_file.ts";
export { removeLeft } from "./verify/remove_left.ts";
export {
  isRepairable,
  renewParts,
  repairFiles,
  type RepairOptions,
  type RepairPlace,
} from "./verify/repair.ts";
export { verifyRun, type VerifyRunOptions } from "./verify/execute.ts";
export type { CheckedBy, ExpectedFile, Verdict, VerifiedFile } from "./verify/verified_file.ts";
export type { ExportedFile } from "../runs/export_index.ts";
export type { LeftFile } from "../runs/left_files.ts";
export type { ManifestHead, ManifestRun, ManifestWriter, OutputFile } from "../runs/manifest.ts";
export type { FileClaim, MergedFile } from "../runs/merge_parts.ts";
export type { PendingContent, UnfinishedPart } from "../runs/unfinished_part.ts";
export type { Pin } from "../runs/retention/pin.ts";
export type { Completeness } from "../runs/retention/state.ts";
export type { PartVersion, Removal, RemovedFiles, RemovedRecord } from "../runs/removed.ts";
export type { FileTotals, RemovedFacts, RunFacts } from "../runs/retention/summary.ts";
export type {
  ByteRange,
  ByteSource,
  CallOptions,
  Child,
  Chunks,
  DeleteFailure,
  ListOptions,
  ObjectBody,
  ObjectInfo,
  ReadOptions,
  StorageBackend,
  WriteOptions,
} from "../storage/backend.ts";
export type { CachedFile, ContentKey } from "../storage/cache/cached_file.ts";
export { ContentCache, type TakeOptions } from "../storage/cache/content_cache.ts";
export type { ProduceContent } from "../storage/cache/making.ts";
export type { Placement, PlaceOptions } from "../storage/local/place_file.ts";
export type { S3Backend } from "../storage/s3/backend.ts";
export type { StaleUpload, StaleUploadOptions } from "../storage/s3/multipart.ts";
export type { StaleUploadDetails, StaleUploadState } from "../storage/s3/stale_uploads.ts";
export type { DownloadItem, DownloadOptions } from "../storage/transfer/download.ts";
export type { PathFilterOptions } from "../storage/transfer/path_filter.ts";
export type {
  TransferEvent,
  TransferOptions,
  TransferOutcome,
  TransferResult,
} from "../storage/transfer/transfer.ts";
export type { TreeFile } from "../storage/transfer/tree.ts";
export type { IfExists, UploadItem, UploadOptions } from "../storage/transfer/upload.ts";
