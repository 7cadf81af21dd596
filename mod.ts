/**
 * The outputs of CI workflow runs: their paths, and how to upload and find them.
 *
 * - **Layout** says where an output is: {@linkcode RunOutputRoot} has a method for each. It is pure.
 * - **Storage** stores bytes: {@linkcode StorageBackend} and its drivers, such as
 *   {@linkcode LocalBackend}.
 * - **GitHub** has runs and commits: {@linkcode openGithub}, {@linkcode findArtifacts}.
 * - **Operations** are what a user does. To upload, {@linkcode planArtifacts}, {@linkcode planBuild}
 *   and the like plan, {@linkcode executeUpload} executes. To fetch, {@linkcode planFetch} plans,
 *   {@linkcode fetchUnpacked} and {@linkcode fetchPacked} execute.
 *
 * @example
 * ```ts
 * import { RunOutputRoot } from "@therock/run-outputs";
 *
 * const root = RunOutputRoot.fromWorkflowRun({ runId: 12345, platform: "linux" });
 * console.assert(
 *   root.artifact("blas_lib_gfx94X-dcgpu.tar.zst").s3Uri ===
 *     "s3://therock-ci-artifacts/12345-linux/blas_lib_gfx94X-dcgpu.tar.zst",
 * );
 * ```
 *
 * These are the symbols that most programs need. Each subject has an entry point with all of its
 * symbols, and with the types that are mentioned here and not exported here:
 * `@therock/run-outputs/layout`, `/storage`, `/archive`, `/runs`, `/github`, `/operations`.
 *
 * As the main module this is the program, `run-outputs`: `deno run -A jsr:@therock/run-outputs --help`.
 *
 * @module
 */

// Errors
export {
  type ErrorCode,
  RunOutputsError,
  type RunOutputsErrorOptions,
} from "./src/errors/error.ts";

// Layout
export type { OutputKind } from "./src/layout/classify.ts";
export { OutputLocation } from "./src/layout/output_location.ts";
export {
  type Layout,
  type NativePackageType,
  OutputPaths,
  type Platform,
  type StageLogs,
  type SummaryFormat,
} from "./src/layout/output_paths.ts";
export {
  type ForLocalOptions,
  type FromWorkflowRunOptions,
  RunOutputRoot,
} from "./src/layout/run_output_root.ts";
export type { WorkflowEnvironment, WorkflowRun } from "./src/layout/workflow_run.ts";

// Storage
export type {
  ByteSource,
  CallOptions,
  Chunks,
  ListOptions,
  ObjectBody,
  ObjectInfo,
  ReadOptions,
  StorageBackend,
  WriteOptions,
} from "./src/storage/backend.ts";
export { bytesSource, fileSource } from "./src/storage/byte_source.ts";
export { ContentCache, type ContentCacheOptions } from "./src/storage/cache/content_cache.ts";
export { DryRunBackend } from "./src/storage/dry_run.ts";
export { LocalBackend, type LocalBackendOptions } from "./src/storage/local/local.ts";
export { MemoryBackend } from "./src/storage/memory.ts";
export { openS3 } from "./src/storage/open_s3.ts";
export type { S3Backend } from "./src/storage/s3/backend.ts";
export type { S3BackendOptions } from "./src/storage/s3/settings.ts";
export type { DownloadItem, DownloadOptions } from "./src/storage/transfer/download.ts";
export type { PathFilterOptions } from "./src/storage/transfer/path_filter.ts";
export type {
  TransferEvent,
  TransferOutcome,
  TransferResult,
} from "./src/storage/transfer/transfer.ts";
export {
  fileItem,
  type IfExists,
  textItem,
  type UploadItem,
  type UploadOptions,
} from "./src/storage/transfer/upload.ts";

// Archives
export type { UnpackMode } from "./src/archive/unpack/unpack.ts";

// GitHub
export type {
  CommitInfo,
  GithubClient,
  GithubOptions,
  WorkflowRunInfo,
} from "./src/github/client.ts";
export { openGithub } from "./src/github/open.ts";
export { findToken } from "./src/github/settings.ts";

// Operations
export type { ArtifactSelection } from "./src/operations/artifacts/selection.ts";
export {
  type CopyPlan,
  planCopy,
  type PlanCopyOptions,
  type RunPlace,
} from "./src/operations/copy/plan.ts";
export { type CopyOptions, type CopyReport, executeCopy } from "./src/operations/copy/execute.ts";
export type { FetchResult } from "./src/operations/fetch/archive_source.ts";
export { type FetchOptions, type FetchPlan, planFetch } from "./src/operations/fetch/fetch.ts";
export { planFoundFetch } from "./src/operations/fetch/found.ts";
export { fetchPacked, type FetchPackedOptions } from "./src/operations/fetch/packed.ts";
export {
  fetchUnpacked,
  type FetchUnpackedOptions,
  type UnpackedReport,
} from "./src/operations/fetch/unpacked.ts";
export {
  findArtifacts,
  type FindOptions,
  type FindResult,
  type FindSelector,
  nothingFits,
} from "./src/operations/find/find.ts";
export type { FoundGroup, FoundRun } from "./src/operations/find/search_runs.ts";
export { runSubject } from "./src/operations/index_pages/subjects.ts";
export {
  type IndexReport,
  type WriteIndexOptions,
  writeIndexPages,
} from "./src/operations/index_pages/write_pages.ts";
export {
  listRun,
  type ListRunOptions,
  type RunOutput,
} from "./src/operations/manifest/list_outputs.ts";
export { NO_MANIFEST, readOutputs, type RunManifest } from "./src/operations/manifest/read.ts";
export { PartUpload, type PartUploadOptions } from "./src/operations/manifest/write_part.ts";
export { planArtifacts, type PlanArtifactsOptions } from "./src/operations/upload/artifacts.ts";
export {
  type BuildJob,
  type JobStatus,
  planBuild,
  type PlanBuildOptions,
  planStage,
  type PlanStageOptions,
} from "./src/operations/upload/build.ts";
export { planFiles, type PlanFilesOptions } from "./src/operations/upload/files.ts";
export { planLogs, type PlanLogsOptions } from "./src/operations/upload/logs.ts";
export { planPackages, type PlanPackagesOptions } from "./src/operations/upload/packages.ts";
export {
  executeUpload,
  type PlanNote,
  type UploadPlan,
  UploadPlanner,
  type UploadReport,
} from "./src/operations/upload/plan.ts";
export { planPython, type PlanPythonOptions } from "./src/operations/upload/python.ts";
export { planTarballs, type PlanTarballsOptions } from "./src/operations/upload/tarballs.ts";
export { planTestReport, type PlanTestReportOptions } from "./src/operations/upload/test_report.ts";
export { verifyRun, type VerifyRunOptions } from "./src/operations/verify/execute.ts";
export type { Verdict, VerifiedFile } from "./src/operations/verify/verified_file.ts";

// The command line is loaded only when this module is the program, not when a program imports it.
if (import.meta.main) await (await import("./cli.ts")).run();
