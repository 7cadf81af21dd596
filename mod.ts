/**
 * The outputs of CI workflow runs: where each belongs, how it gets there and how it is found again.
 *
 * - **Layout** says where an output is: {@linkcode RunOutputRoot} has a method for each. It is pure.
 * - **Storage** holds bytes: {@linkcode StorageBackend} and its drivers, {@linkcode upload} and
 *   {@linkcode download} on top.
 * - **GitHub** tells of runs and commits: {@linkcode openGithub}, {@linkcode findArtifacts}.
 * - **Operations** are what a user does: {@linkcode planBuild}, {@linkcode planFetch} and the like
 *   make a plan, {@linkcode executeUpload} and {@linkcode executeFetch} carry it out.
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
 * As the main module this is the program, `run-outputs`: `deno run -A jsr:@therock/run-outputs --help`.
 *
 * @module
 */

// Layout
export {
  type ErrorCode,
  invalid,
  quote,
  RunOutputsError,
  type RunOutputsErrorOptions,
} from "./src/errors/error.ts";
export { decodeWindowsName, encodeWindowsName } from "./src/layout/local_name.ts";
export {
  type LocalPathOptions,
  OutputLocation,
  uriEncodeKey,
} from "./src/layout/output_location.ts";
export {
  type Layout,
  type LogGroup,
  type NativePackageType,
  OutputPaths,
  type PytorchManifestName,
  type StageLogs,
  type SummaryFormat,
} from "./src/layout/output_paths.ts";
export { RunDirectory } from "./src/layout/run_directory.ts";
export {
  type ForLocalOptions,
  type FromWorkflowRunOptions,
  type LookupWorkflowRunOptions,
  type Platform,
  RunOutputRoot,
  type RunOutputRootOptions,
  type RunPrefix,
} from "./src/layout/run_output_root.ts";
export {
  describeRun,
  isForkEvent,
  resolveRepository,
  type RunOriginOptions,
  type WorkflowEnvironment,
  type WorkflowRun,
} from "./src/layout/workflow_run.ts";
export {
  type BucketChoice,
  type BucketQuestion,
  type BucketRules,
  NEWEST_BUCKET_RULES,
  selectBucket,
} from "./src/layout/buckets.ts";
export { bucketCandidates, type BucketCandidatesQuestion } from "./src/layout/bucket_candidates.ts";
export {
  type BucketInfo,
  bucketInfo,
  BUCKETS,
  type BucketType,
} from "./src/layout/bucket_inventory.ts";
export {
  type ReleaseArtifactType,
  releaseBucket,
  type ReleaseBucketQuestion,
  type ReleaseProduct,
  type ReleaseRepository,
  releaseRepository,
  type ReleaseRepositoryQuestion,
} from "./src/layout/release_buckets.ts";
export {
  ArtifactName,
  type ArtifactNameParts,
  COMPONENTS,
  type Compression,
  preferZst,
} from "./src/layout/artifact_name.ts";
export { expandFamily, parseGpuFamilies } from "./src/layout/gpu_families.ts";
export { GPU_FAMILIES, type GpuFamilies } from "./src/layout/gpu_families_data.ts";
export { classify, OUTPUT_KINDS, type OutputKind } from "./src/layout/classify.ts";
export { locateKind } from "./src/layout/locate_kind.ts";
export { PATH_KINDS, type PathKind, type PathKindArgument } from "./src/layout/path_kinds.ts";

// Storage
export type {
  ByteRange,
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
export type { ProduceContent } from "./src/storage/cache/making.ts";
export type { CachedFile, ContentKey } from "./src/storage/cache/cached_file.ts";
export {
  ContentCache,
  type ContentCacheOptions,
  DEFAULT_CACHE_BYTES,
  type TakeOptions,
} from "./src/storage/cache/content_cache.ts";
export { contentType } from "./src/storage/content_type.ts";
export {
  download,
  type DownloadItem,
  type DownloadOptions,
} from "./src/storage/transfer/download.ts";
export { DryRunBackend, type DryRunEvent } from "./src/storage/dry_run.ts";
export { ForwardingBackend } from "./src/storage/forwarding.ts";
export { LocalBackend, type LocalBackendOptions } from "./src/storage/local/local.ts";
export type { Placement, PlaceOptions } from "./src/storage/local/place_file.ts";
export { openS3 } from "./src/storage/open_s3.ts";
export type { RetryPolicy } from "./src/storage/retry.ts";
export type { StaleUpload, StaleUploadOptions } from "./src/storage/s3/multipart.ts";
export type { StaleUploadDetails, StaleUploadState } from "./src/storage/s3/stale_uploads.ts";
export type { S3Backend } from "./src/storage/s3/backend.ts";
export type {
  Env,
  S3BackendOptions,
  S3Settings,
  StaticCredentials,
} from "./src/storage/s3/settings.ts";
export { isModifiedAfter } from "./src/storage/modified.ts";
export { MemoryBackend, type MemoryBackendOptions } from "./src/storage/memory.ts";
export {
  type PathFilter,
  pathFilter,
  type PathFilterOptions,
} from "./src/storage/transfer/path_filter.ts";
export type {
  TransferEvent,
  TransferOptions,
  TransferOutcome,
  TransferResult,
} from "./src/storage/transfer/transfer.ts";
export {
  listTree,
  type ListTreeOptions,
  type TreeFile,
  type TreeListing,
} from "./src/storage/transfer/tree.ts";
export {
  fileItem,
  type IfExists,
  textItem,
  upload,
  type UploadItem,
  type UploadOptions,
} from "./src/storage/transfer/upload.ts";

// Archives
export {
  type ArchiveMember,
  ARTIFACT_MANIFEST,
  listMembers,
  type ListMembersOptions,
} from "./src/archive/tar/members.ts";
export type { PackCompression } from "./src/archive/compression/format.ts";
export { pack, packedLength, type PackOptions } from "./src/archive/pack/pack.ts";
export type { PathStyle } from "./src/archive/tar/member_path.ts";
export {
  UNPACK_LIMITS,
  type Unpacked,
  Unpacker,
  type UnpackEvent,
  type UnpackJob,
  type UnpackLimits,
  type UnpackMode,
  type UnpackOptions,
} from "./src/archive/unpack/unpack.ts";

// Runs
export {
  addExpected,
  EXPECTED_SCHEMA,
  type ExpectedParts,
  formatExpected,
  parseExpected,
} from "./src/runs/expected_parts.ts";
export { checksumLine } from "./src/runs/checksum_lines.ts";
export { EXPORT_SCHEMA, type ExportedFile, type ExportedRun } from "./src/runs/export_index.ts";
export { formatPart } from "./src/runs/format_part.ts";
export {
  MANIFEST_SCHEMA,
  type ManifestHead,
  type ManifestPart,
  type ManifestRun,
  type ManifestWriter,
  type OutputFile,
  parsePart,
} from "./src/runs/manifest.ts";
export {
  type FileClaim,
  type MergedFile,
  mergeParts,
  mergeSorted,
  type PartFiles,
} from "./src/runs/merge_parts.ts";
export { defaultPartName, type PartSubject } from "./src/runs/part_name.ts";
export type { StillToCome, UnfinishedPart } from "./src/runs/unfinished_part.ts";

// GitHub
export {
  type CommitInfo,
  type CommitsOptions,
  type Comparison,
  type GithubCallOptions,
  type GithubClient,
  type GithubOptions,
  type GithubRequests,
  type RunsOfCommitOptions,
  type WorkflowRunInfo,
} from "./src/github/client.ts";
export { openGithub } from "./src/github/open.ts";
export {
  type CachedResponse,
  diskResponseCache,
  type DiskResponseCacheOptions,
  type ResponseCache,
} from "./src/github/response_cache.ts";
export { findToken, type FindTokenOptions } from "./src/github/settings.ts";

// Operations
export { ExportArchive } from "./src/operations/copy/export_archive.ts";
export {
  exportChunks,
  type ExportItem,
  type ExportOptions,
  type ExportPlan,
  planExport,
  type PlanExportOptions,
  writeExport,
  type WriteExportOptions,
} from "./src/operations/copy/export.ts";
export {
  DEFAULT_MAX_COMMITS,
  findArtifacts,
  type FindOptions,
  type FindResult,
  type FindSelector,
  nothingFits,
  withNearest,
} from "./src/operations/find/find.ts";
export { planFoundFetch, type SourceRun, sourceRuns } from "./src/operations/fetch/found.ts";
export { waitForArtifacts, type WaitOptions } from "./src/operations/fetch/wait.ts";
export {
  type LocatedRun,
  locateRun,
  type LocateRunOptions,
  type TriedPlace,
} from "./src/operations/find/locate_run.ts";
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
} from "./src/operations/find/search_runs.ts";
export {
  type FetchOptions,
  fetchPacked,
  type FetchPackedOptions,
  type FetchPlan,
  planFetch,
} from "./src/operations/fetch/fetch.ts";
export {
  type FetchPhase,
  fetchUnpacked,
  type FetchUnpackedOptions,
  type UnpackedReport,
} from "./src/operations/fetch/unpacked.ts";
export {
  type CopyFile,
  type CopyObstacle,
  type CopyPlan,
  planCopy,
  type PlanCopyOptions,
  type RunPlace,
} from "./src/operations/copy/plan.ts";
export type { WithheldPart } from "./src/operations/copy/parts.ts";
export { type CopyOptions, type CopyReport, executeCopy } from "./src/operations/copy/run.ts";
export type {
  ArchiveSourceOptions,
  FetchOrigin,
  FetchResult,
} from "./src/operations/fetch/archive_source.ts";
export {
  NO_MANIFEST,
  readOutputs,
  type ReadOutputsOptions,
  type RunManifest,
  type RunPart,
} from "./src/operations/manifest/read.ts";
export {
  type ComparedBy,
  type DiffedFile,
  diffRuns,
  type DiffRunsOptions,
  type DiffSide,
  type FileChange,
} from "./src/operations/diff/diff.ts";
export { type DiffSums, DiffTotals, type FileSum } from "./src/operations/diff/totals.ts";
export {
  isRepairable,
  renewParts,
  repairFiles,
  type RepairOptions,
  type RepairPlace,
} from "./src/operations/verify/repair.ts";
export type {
  CheckedBy,
  ExpectedFile,
  Verdict,
  VerifiedFile,
} from "./src/operations/verify/verified_file.ts";
export { verifyRun, type VerifyRunOptions } from "./src/operations/verify/run.ts";
export { requireParts } from "./src/operations/manifest/require_parts.ts";
export { type ArtifactSelection, selectArtifacts } from "./src/operations/artifacts/select.ts";
export {
  directorySubject,
  type IndexSubject,
  reportSubject,
  runSubject,
} from "./src/operations/index_pages/subjects.ts";
export {
  type IndexReport,
  type WriteIndexOptions,
  writeIndexPages,
} from "./src/operations/index_pages/write_pages.ts";
export type {
  IndexedFile,
  IndexEntry,
  IndexPage,
  IndexSection,
  ListPage,
  SimplePage,
} from "./src/operations/index_pages/page.ts";
export { type HashOf, renderPage } from "./src/operations/index_pages/render.ts";
export {
  compareListing,
  type JoinedOutput,
  joinListing,
  type ListedOutput,
  listOutputs,
  listRun,
  type ListRunOptions,
  type ManifestDifferences,
  type MissingOutput,
  type RunOutput,
} from "./src/operations/manifest/list_outputs.ts";
export {
  type AbortUnfinishedOptions,
  abortUnfinishedUploads,
  type ListUnfinishedOptions,
  listUnfinishedUploads,
  type UnfinishedUpload,
  type UploadRemoval,
} from "./src/operations/stale_uploads.ts";
export { formatSidecar, parseSidecar } from "./src/operations/artifacts/sidecar.ts";
export {
  type PackArtifactsOptions,
  planArtifacts,
  type PlanArtifactsOptions,
} from "./src/operations/upload/artifacts.ts";
export {
  type BuildJob,
  type JobStatus,
  planBuild,
  type PlanBuildOptions,
  planStage,
  type PlanStageOptions,
} from "./src/operations/upload/build.ts";
export type { PartAuthor } from "./src/operations/manifest/part_content.ts";
export {
  type CopiedContent,
  PartUpload,
  type PartUploadOptions,
  type UploadedFiles,
} from "./src/operations/manifest/write_part.ts";
export { planFiles, type PlanFilesOptions } from "./src/operations/upload/files.ts";
export { planLogs, type PlanLogsOptions } from "./src/operations/upload/logs.ts";
export {
  planManifest,
  type PlanManifestOptions,
  planPytorchManifest,
  type PlanPytorchManifestOptions,
} from "./src/operations/upload/manifest.ts";
export { planPackages, type PlanPackagesOptions } from "./src/operations/upload/packages.ts";
export {
  type AddTreeOptions,
  executeUpload,
  type PlanNote,
  type UploadPlan,
  UploadPlanner,
  type UploadReport,
} from "./src/operations/upload/plan.ts";
export { planPython, type PlanPythonOptions } from "./src/operations/upload/python.ts";
export { planTarballs, type PlanTarballsOptions } from "./src/operations/upload/tarballs.ts";
export { planTestReport, type PlanTestReportOptions } from "./src/operations/upload/test_report.ts";

// Bisect
export {
  type BisectArtifactOptions,
  bisectArtifacts,
} from "./src/operations/bisect/artifact_source.ts";
export {
  Bisect,
  type BisectParts,
  type BisectTestResult,
  resetBisect,
  type RunBisectOptions,
  type StartBisectOptions,
} from "./src/operations/bisect/bisect.ts";
export { prefetchNext, type PrefetchOptions } from "./src/operations/bisect/prefetch.ts";
export {
  type BisectRange,
  bisectRange,
  type BisectRangeOptions,
} from "./src/operations/bisect/range.ts";
export type {
  BisectCallOptions,
  BisectEnding,
  BisectSource,
  BisectStep,
  BisectTest,
} from "./src/operations/bisect/source.ts";
export {
  BISECT_SCHEMA,
  type BisectArtifacts,
  type BisectEnd,
  bisectFacts,
  type BisectLogEntry,
  type BisectRun,
  type BisectState,
} from "./src/operations/bisect/state.ts";
export {
  type BisectStore,
  openBisectStore,
  type OpenBisectStoreOptions,
  readBisectState,
} from "./src/operations/bisect/store.ts";
export {
  type BisectCommit,
  type BisectFacts,
  type BisectSurvey,
  type BisectVerdict,
  surveyBisect,
} from "./src/operations/bisect/suspects.ts";

// The command line is loaded only when this module is the program, not when a program imports it.
if (import.meta.main) await (await import("./cli.ts")).run();
