/**
 * Where each output of a run is: buckets, prefixes, paths, artifact names. Everything here is pure:
 * no network, no disk, no environment except what is passed in.
 *
 * @example The path of an artifact
 * ```ts
 * import { ArtifactName, RunOutputRoot } from "@therock/run-outputs/layout";
 *
 * const root = RunOutputRoot.fromWorkflowRun({ runId: 12345, platform: "linux" });
 * const name = ArtifactName.parse("blas_lib_gfx94X-dcgpu.tar.zst");
 * console.assert(name?.target === "gfx94X-dcgpu");
 * console.assert(
 *   root.artifact("blas_lib_gfx94X-dcgpu.tar.zst").httpsUrl ===
 *     "https://therock-ci-artifacts.s3.amazonaws.com/12345-linux/blas_lib_gfx94X-dcgpu.tar.zst",
 * );
 * ```
 *
 * @module
 */

export { type ErrorCode, RunOutputsError, type RunOutputsErrorOptions } from "../errors/error.ts";
export {
  ArtifactName,
  type ArtifactNameParts,
  COMPONENTS,
  type Compression,
  preferZst,
} from "./artifact_name.ts";
export { bucketCandidates, type BucketCandidatesQuestion } from "./bucket_candidates.ts";
export { type BucketInfo, bucketInfo, BUCKETS, type BucketType } from "./bucket_inventory.ts";
export {
  type BucketChoice,
  type BucketQuestion,
  type BucketRules,
  NEWEST_BUCKET_RULES,
  selectBucket,
} from "./buckets.ts";
export { classify, OUTPUT_KINDS, type OutputKind } from "./classify.ts";
export {
  ALL_STAGES,
  type BuildStage,
  type BuildTopology,
  findStages,
  parseBuildTopology,
} from "./build_topology.ts";
export { expandFamily, parseGpuFamilies } from "./gpu_families.ts";
export { GPU_FAMILIES, type GpuFamilies } from "./gpu_families_data.ts";
export { decodeWindowsName, encodeWindowsName } from "./local_name.ts";
export { locateKind } from "./locate_kind.ts";
export { type LocalPathOptions, OutputLocation } from "./output_location.ts";
export {
  type Layout,
  type LogGroup,
  type NativePackageType,
  OutputPaths,
  type Platform,
  type PytorchManifestName,
  type StageLogs,
  type SummaryFormat,
} from "./output_paths.ts";
export { PATH_KINDS, type PathKind, type PathKindArgument } from "./path_kinds.ts";
export {
  type ReleaseArtifactType,
  releaseBucket,
  type ReleaseBucketQuestion,
  type ReleaseProduct,
  type ReleaseRepository,
  releaseRepository,
  type ReleaseRepositoryQuestion,
} from "./release_buckets.ts";
export { RunDirectory } from "./run_directory.ts";
export {
  type ForLocalOptions,
  type FromWorkflowRunOptions,
  type LookupWorkflowRunOptions,
  RunOutputRoot,
  type RunOutputRootOptions,
  type RunPrefix,
} from "./run_output_root.ts";
export {
  describeRun,
  isForkEvent,
  resolveRepository,
  type RunOriginOptions,
  type WorkflowEnvironment,
  type WorkflowRun,
} from "./workflow_run.ts";
