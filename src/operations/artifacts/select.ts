/**
 * The choice of artifacts by name, component and GPU.
 *
 * @module
 */

import { ArtifactName, preferZst } from "../../layout/artifact_name.ts";
import { invalid, RunOutputsError } from "../../errors/error.ts";
import { expandFamily } from "../../layout/gpu_families.ts";
import { GPU_FAMILIES, type GpuFamilies } from "../../layout/gpu_families_data.ts";
import { pathFilter, type PathFilterOptions } from "../../storage/transfer/path_filter.ts";
import { nameFilter, namesOf } from "./name_filter.ts";

/** Which artifacts. What is not given does not restrict. */
export interface ArtifactSelection extends PathFilterOptions {
  /**
   * Artifact groups, such as `gfx94X-dcgpu`: the artifacts of that target, and the generic ones.
   */
  readonly artifactGroups?: readonly string[];
  /** GPUs or families, such as `gfx942`: as artifact groups; what follows a `:` is not compared. */
  readonly amdgpuTargets?: readonly string[];
  /** Take the artifacts of a family's GPUs too, where a group or target is a family. */
  readonly expandFamilies?: boolean;
  /** What is in a family. Default: the families that this version knows. */
  readonly families?: GpuFamilies;
  /** Components, such as `lib`. */
  readonly components?: readonly string[];
}

/**
 * Chooses artifacts. Of one in both compressions the `.tar.zst` is taken. A pattern is compared with
 * the name of the archive and with the artifact's own, which has no ending.
 *
 * @param names The file names of archives; all of them are artifacts.
 * @param selection Which ones.
 * @returns The chosen names, in the order of `names`.
 * @throws {RunOutputsError} `not_found`, if a pattern, a group, a target or a component chooses
 * nothing, or all of them together do; `invalid`, if a pattern is none or a family is not known.
 *
 * @example
 * ```ts
 * import { selectArtifacts } from "@therock/run-outputs/operations";
 *
 * const names = ["blas_lib_gfx942.tar.xz", "blas_dev_gfx942.tar.xz", "core_lib_generic.tar.zst"];
 * const chosen = selectArtifacts(names, { amdgpuTargets: ["GFX942:xnack+"], components: ["lib"] });
 * console.assert(chosen.join() === "blas_lib_gfx942.tar.xz,core_lib_generic.tar.zst");
 * ```
 */
export function selectArtifacts(
  names: readonly string[],
  selection: ArtifactSelection,
): string[] {
  const archives = preferZst(names).map((name) => ({ name, artifact: ArtifactName.parse(name) }));
  const targets = requestedTargets(selection);
  for (const { asked, wanted } of targets) {
    if (archives.some(({ artifact }) => wanted.some((target) => artifact.matchesTarget(target)))) {
      continue;
    }
    throw nothing(`is for ${asked}`, "targets", archives.map(({ artifact }) => artifact.target));
  }
  const components = selection.components ?? [];
  for (const component of components) {
    if (archives.some(({ artifact }) => artifact.component === component)) continue;
    const known = archives.map(({ artifact }) => artifact.component);
    throw nothing(`is a component ${component}`, "components", known);
  }

  const filter = nameFilter(selection);
  const chosen = archives.filter(({ name, artifact }) =>
    // Each is shown to the filter, so that a pattern is not called unmatched for another reason.
    filter.matches(namesOf(name)) &&
    (components.length === 0 || components.includes(artifact.component)) &&
    (targets.length === 0 || artifact.target === "generic" ||
      targets.some(({ wanted }) => wanted.some((target) => artifact.matchesTarget(target))))
  );
  const unmatched = filter.unmatched();
  if (unmatched.length > 0) {
    throw new RunOutputsError(
      "not_found",
      `None of the ${archives.length} artifacts matches ${
        unmatched.map((pattern) => `'${pattern}'`).join(", ")
      }: 'run-outputs list --kind artifact' shows them`,
    );
  }
  if (chosen.length === 0 && archives.length > 0) {
    throw new RunOutputsError(
      "not_found",
      `None of the ${archives.length} artifacts is left after patterns, targets and components: ` +
        "'run-outputs list --kind artifact' shows them",
    );
  }
  return chosen.map(({ name }) => name);
}

/**
 * Checks a selection before there is anything to choose from.
 *
 * @param selection The selection.
 * @throws {RunOutputsError} `invalid`, if a pattern or a target is none, or a family is not known.
 */
export function checkSelection(selection: ArtifactSelection): void {
  pathFilter(selection);
  requestedTargets(selection);
}

interface RequestedTarget {
  /** As the user said it. */
  readonly asked: string;
  /** What artifacts may be for. */
  readonly wanted: readonly string[];
}

function requestedTargets(selection: ArtifactSelection): RequestedTarget[] {
  const { expandFamilies = false, families = GPU_FAMILIES } = selection;
  const asked = [...selection.artifactGroups ?? [], ...selection.amdgpuTargets ?? []];
  return asked.map((target) => {
    if (target === "" || target.includes("_") || target.includes("/")) {
      throw invalid("GPU target", target, "a GPU or a family, such as gfx942 or gfx94X-dcgpu");
    }
    if (!expandFamilies || target === "generic") return { asked: target, wanted: [target] };
    const [base] = target.split(":");
    return { asked: target, wanted: [target, ...expandFamily(base, families)] };
  });
}

function nothing(reason: string, what: string, known: readonly string[]): RunOutputsError {
  const distinct = [...new Set(known)].sort();
  const more = distinct.length > 8 ? `, … (${distinct.length})` : "";
  return new RunOutputsError(
    "not_found",
    `No artifact of the run ${reason}: its ${what} are ${distinct.slice(0, 8).join(", ")}${more}`,
  );
}
