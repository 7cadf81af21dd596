/**
 * The groups and targets of a selection, and which of them belong together.
 *
 * @module
 */

import { invalid } from "../../errors/error.ts";
import { GPU_FAMILIES, type GpuFamilies } from "../../layout/gpu_families_data.ts";
import type { ArtifactSelection } from "./selection.ts";

/** The target of artifacts that are for every GPU. */
export const GENERIC = "generic";

/** Something that must exist: a group with the targets that match it, or a target. */
export interface ArtifactRequest {
  /** The group's name; without a group the target's. */
  readonly name: string;
  /** All names that the user gave. */
  readonly asked: readonly string[];
  /** The targets that artifacts for it can have. */
  readonly wanted: readonly string[];
}

/**
 * Determines from a selection what must exist.
 *
 * A target matches the groups that it belongs to, by the table of families or by its name; if there
 * is only one group, it matches that. Any other target is a request of its own.
 *
 * @param selection The selection.
 * @returns The requests, the groups first; empty, if there are neither groups nor targets.
 * @throws {RunOutputsError} `invalid`, if a name is invalid.
 */
export function requestsOf(selection: ArtifactSelection): ArtifactRequest[] {
  const { expandFamilies = false, families = GPU_FAMILIES } = selection;
  const groups = unique(selection.artifactGroups);
  const standing = new Map<string, string[]>(groups.map((group) => [group, []]));
  for (const { target, groups } of standIns(selection)) {
    for (const group of groups) standing.get(group)!.push(target);
    if (groups.length === 0) standing.set(target, []);
  }
  return [...standing].map(([name, targets]) => {
    const asked = unique([name, ...targets]);
    const wanted = asked.flatMap((name) => wantedFor(name, families, expandFamilies));
    return { name, asked, wanted: unique(wanted) };
  });
}

/**
 * Restricts a selection to some of its requests.
 *
 * @param selection The selection.
 * @param names The names of the requests; empty for a selection without groups and targets.
 * @returns The selection with only their groups and targets.
 */
export function narrowSelection<T extends ArtifactSelection>(
  selection: T,
  names: readonly string[],
): T {
  const artifactGroups = unique(selection.artifactGroups).filter((group) => names.includes(group));
  const amdgpuTargets = standIns(selection)
    .filter(({ target, groups }) => [target, ...groups].some((name) => names.includes(name)))
    .map(({ target }) => target);
  return { ...selection, artifactGroups, amdgpuTargets };
}

/**
 * The groups and targets whose GPUs are unknown.
 *
 * @param selection The selection.
 * @returns Their names; expanding families does nothing for them.
 */
export function unknownFamilies(selection: ArtifactSelection): string[] {
  const { artifactGroups = [], amdgpuTargets = [], families = GPU_FAMILIES } = selection;
  return unique([...artifactGroups, ...amdgpuTargets])
    .filter((name) => name !== GENERIC && familyOf(baseOf(name), families) === undefined);
}

/** The targets of a selection, each with the groups that it matches. */
function standIns(
  { artifactGroups, amdgpuTargets, families = GPU_FAMILIES }: ArtifactSelection,
): { readonly target: string; readonly groups: readonly string[] }[] {
  const groups = unique(artifactGroups).filter((group) => group !== GENERIC);
  return unique(amdgpuTargets).map((target) => {
    const owners = groups.filter((group) => belongsTo(target, group, families));
    return { target, groups: owners.length === 0 && groups.length === 1 ? groups : owners };
  });
}

/** Whether a target belongs to a group: by the table, else by its name, like gfx942 to gfx94X. */
function belongsTo(target: string, group: string, families: GpuFamilies): boolean {
  const [one, other] = [baseOf(target), baseOf(group)];
  const family = familyOf(other, families);
  if (family?.gpus.some((gpu) => isSame(gpu, one))) return true;
  if (family !== undefined && familyOf(one, families) !== undefined) {
    return isSame(family.name, familyOf(one, families)!.name);
  }
  const [stem] = other.split("-");
  return one.length === stem.length &&
    [...stem].every((letter, i) => isSame(letter, one[i]) || i > 2 && isSame(letter, "x"));
}

/** The targets that artifacts for a group or a target can have. */
function wantedFor(name: string, families: GpuFamilies, expand: boolean): string[] {
  if (name === "" || name.includes("_") || name.includes("/")) {
    throw invalid("GPU target", name, "a GPU or a family, such as gfx942 or gfx94X-dcgpu");
  }
  const base = baseOf(name);
  const family = name === GENERIC ? undefined : familyOf(base, families);
  if (family === undefined) return [base];
  return [base, family.name, ...expand ? family.gpus : []];
}

/** The family, also of a variant like `gfx950-dcgpu-asan`; a GPU is its own family. */
function familyOf(
  name: string,
  families: GpuFamilies,
): { readonly name: string; readonly gpus: readonly string[] } | undefined {
  for (let stem = name;;) {
    for (const [family, gpus] of families) if (isSame(family, stem)) return { name: family, gpus };
    const dash = stem.lastIndexOf("-");
    if (dash < 0) return undefined;
    stem = stem.slice(0, dash);
  }
}

function baseOf(target: string): string {
  return target.split(":", 1)[0];
}

function isSame(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

function unique(names: readonly string[] = []): string[] {
  return [...new Set(names)];
}
