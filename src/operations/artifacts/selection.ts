/**
 * What says which artifacts are wanted.
 *
 * @module
 */

import type { GpuFamilies } from "../../layout/gpu_families_data.ts";
import type { NameFilterOptions } from "./name_filter.ts";

/** Which artifacts. What is not given does not restrict. */
export interface ArtifactSelection extends NameFilterOptions {
  /**
   * The artifacts' own names, such as `blas` of `blas_lib_gfx942.tar.zst`: those that a stage of the
   * build needs or produces. A run may lack some of them, but not all.
   */
  readonly artifactNames?: ReadonlySet<string>;
  /**
   * Artifact groups, such as `gfx94X-dcgpu`: the artifacts for that family, and the generic ones. Of
   * a variant such as `gfx950-dcgpu-asan` those for the family without the suffix, too.
   */
  readonly artifactGroups?: readonly string[];
  /**
   * GPUs or families, such as `gfx942`: the artifacts for them, and the generic ones. What follows a
   * `:` is not compared. Beside a group that it belongs to, a target stands for the group: one of the
   * two has to be there.
   */
  readonly amdgpuTargets?: readonly string[];
  /** Of families, take the artifacts for their GPUs too. */
  readonly expandFamilies?: boolean;
  /** What is in a family. Default: the families that this version knows. */
  readonly families?: GpuFamilies;
  /** Each group and target must have artifacts of its own. Default: any of them. */
  readonly requireEach?: boolean;
  /** Components, such as `lib`. */
  readonly components?: readonly string[];
  /** Patterns may match nothing, as long as anything is chosen. */
  readonly allowNoMatch?: boolean;
}
