/**
 * The selection of artifacts.
 *
 * @module
 */

import type { GpuFamilies } from "../../layout/gpu_families_data.ts";
import type { NameFilterOptions } from "./name_filter.ts";

/** Selects artifacts. Missing members do not restrict it. */
export interface ArtifactSelection extends NameFilterOptions {
  /**
   * The artifacts' own names, such as `blas` in `blas_lib_gfx942.tar.zst`: the inputs or outputs of
   * a build stage. A run may lack some of them, but not all.
   */
  readonly artifactNames?: ReadonlySet<string>;
  /**
   * Artifact groups, such as `gfx94X-dcgpu`: the artifacts for that family, and the generic ones. A
   * variant such as `gfx950-dcgpu-asan` includes those for the family without the suffix.
   */
  readonly artifactGroups?: readonly string[];
  /**
   * GPUs or families, such as `gfx942`: the artifacts for them, and the generic ones. A suffix
   * after `:` is ignored. With a group that it belongs to, a target matches the group: artifacts
   * for one of the two must exist.
   */
  readonly amdgpuTargets?: readonly string[];
  /** For families, include the artifacts for their GPUs too. */
  readonly expandFamilies?: boolean;
  /** The GPUs of families. Default: the built-in table. */
  readonly families?: GpuFamilies;
  /** Each group and target must have artifacts of its own. Default: at least one of them. */
  readonly requireEach?: boolean;
  /** Components, such as `lib`. */
  readonly components?: readonly string[];
  /** Patterns may match nothing, as long as anything is selected. */
  readonly allowNoMatch?: boolean;
}
