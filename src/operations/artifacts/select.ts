/**
 * Selects artifacts by name, component and GPU.
 *
 * @module
 */

import { ArtifactName, COMPONENTS, preferZst } from "../../layout/artifact_name.ts";
import { invalid, RunOutputsError } from "../../errors/error.ts";
import { GPU_FAMILIES } from "../../layout/gpu_families_data.ts";
import { nearest } from "../../layout/nearest.ts";
import { nameFilter } from "./name_filter.ts";
import { type ArtifactRequest, GENERIC, requestsOf } from "./requests.ts";
import type { ArtifactSelection } from "./selection.ts";
import { nothingChosenError, unmatchedError } from "./unmatched.ts";

/** The result of a selection. */
export interface ArtifactChoice {
  /** The selected names, in the given order. */
  readonly names: readonly string[];
  /** Notes for the user: groups and targets without artifacts of their own. */
  readonly notes: readonly string[];
}

/** The words of the message, and the command that lists the artifacts. */
const WORDS = { what: "artifacts", command: "run-outputs list --kind artifact" };

/** An archive and its parsed name. */
interface Archive {
  readonly name: string;
  readonly artifact: ArtifactName;
}

/**
 * Selects artifacts. If an artifact has both compressions, the `.tar.zst` is used. With groups or
 * targets, generic artifacts are selected in addition to those for any of them, and groups and
 * targets without artifacts of their own are noted. If a run has only generic artifacts so far,
 * those are selected. With names, groups and targets are searched for among the artifacts with
 * these names.
 *
 * A glob is compared with the name of the archive and with the artifact's own name, which has no
 * extension; a glob without wildcards may omit the target too.
 *
 * @param names The file names of archives, all of them artifacts.
 * @param selection Which ones.
 * @returns The selected names, and notes.
 * @throws {RunOutputsError} `not_found`: the run has artifacts for some GPUs, but for none of the
 * groups and targets (with `requireEach`: not for each of them); a component or, unless
 * `allowNoMatch`, a pattern matches nothing; the run has none of the names; the combination matches
 * nothing. `invalid`: a pattern or a target is invalid.
 *
 * @example
 * ```ts
 * import { selectArtifacts } from "@therock/run-outputs/operations";
 *
 * const archives = ["blas_lib_gfx942.tar.xz", "blas_dev_gfx942.tar.xz", "core_lib_generic.tar.zst"];
 * const selection = { amdgpuTargets: ["GFX942:xnack+", "gfx1100"], components: ["lib"] };
 * const { names, notes } = selectArtifacts(archives, selection);
 * console.assert(names.join() === "blas_lib_gfx942.tar.xz,core_lib_generic.tar.zst");
 * console.assert(notes[0].includes("gfx1100"));
 * ```
 */
export function selectArtifacts(
  names: readonly string[],
  selection: ArtifactSelection,
): ArtifactChoice {
  const archives = preferZst(names).map((name) => ({ name, artifact: ArtifactName.parse(name) }));
  const requests = requestsOf(selection);
  const named = archivesNamed(archives, selection);
  const notes = missingRequests(requests, named, archives, selection);
  const components = selection.components ?? [];
  for (const component of components) {
    if (archives.some(({ artifact }) => artifact.component === component)) continue;
    const known = archives.map(({ artifact }) => artifact.component);
    throw notFound(
      `No artifact has the component ${component}: there are ${listed(known)}${
        usualHint(component, known)
      }`,
    );
  }

  const filter = nameFilter(selection);
  const isWanted = ({ artifact }: Archive) =>
    (selection.artifactNames?.has(artifact.name) ?? true) &&
    (components.length === 0 || components.includes(artifact.component)) &&
    (requests.length === 0 || artifact.target === GENERIC ||
      requests.some((request) => isFor(artifact, request)));
  // All are tested, so that no pattern counts as unmatched for another reason.
  const chosen = archives.filter((one) => filter.matches(one.name) && isWanted(one));
  const unmatched = filter.unmatched();
  if (unmatched.length > 0 && !selection.allowNoMatch) {
    const names = archives.map(({ name }) => name);
    throw unmatchedError(unmatched, selection.include ?? [], names, WORDS);
  }
  if (chosen.length === 0 && archives.length > 0) {
    const included = nameFilter({ include: selection.include });
    const excluded = archives.filter((one) => included.matches(one.name) && isWanted(one)).length;
    throw nothingChosenError({ count: archives.length, excluded, selection }, WORDS);
  }
  return { names: chosen.map(({ name }) => name), notes };
}

/** The usual components, and the one that was probably meant. */
function usualHint(component: string, known: readonly string[]): string {
  if (COMPONENTS.includes(component)) return "";
  const meant = nearest(component, known) ?? nearest(component, COMPONENTS);
  const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
  return ` (usual: ${COMPONENTS.join(", ")})${hint}`;
}

/**
 * Validates a selection before there is anything to select from.
 *
 * @param selection The selection.
 * @throws {RunOutputsError} `invalid`, if a pattern, a target or a component is none. A run can have
 * other components than {@linkcode COMPONENTS}.
 */
export function checkSelection(selection: ArtifactSelection): void {
  for (const component of selection.components ?? []) {
    if (/^[^_/]+$/.test(component)) continue;
    throw invalid("component", component, `a component, usually ${COMPONENTS.join(", ")}`);
  }
  nameFilter(selection);
  requestsOf(selection);
}

/** The archives with the selected names. */
function archivesNamed(
  archives: readonly Archive[],
  { artifactNames }: ArtifactSelection,
): readonly Archive[] {
  if (artifactNames === undefined) return archives;
  const named = archives.filter(({ artifact }) => artifactNames.has(artifact.name));
  if (named.length > 0 || archives.length === 0 || artifactNames.size === 0) return named;
  const has = listed(archives.map(({ artifact }) => artifact.name));
  throw notFound(`The run has none of the artifacts ${listed([...artifactNames])}: it has ${has}`);
}

/**
 * Notes for groups and targets without artifacts of their own; throws if that is an error.
 *
 * @param requests The groups and targets.
 * @param named The archives with the selected names.
 * @param all All archives of the run.
 * @param selection The selection.
 * @returns The notes.
 */
function missingRequests(
  requests: readonly ArtifactRequest[],
  named: readonly Archive[],
  all: readonly Archive[],
  selection: ArtifactSelection,
): string[] {
  const specific = requests.filter(({ name }) => name !== GENERIC);
  const isStrict = selection.requireEach || specific.length === 0;
  const isGeneric = named.every(({ artifact }) => artifact.target === GENERIC);
  // A stage can need only generic artifacts: then others must show that the run has the group.
  const archives = isStrict && isGeneric ? all : named;
  const isMissing = (request: ArtifactRequest) =>
    !archives.some(({ artifact }) => isFor(artifact, request));
  // Generic artifacts are selected in addition, if there are any.
  const missing = (isStrict ? requests : specific).filter(isMissing);
  if (missing.length === 0) return [];
  const what = `No artifact is for ${missing.map(({ asked }) => asked.join(" or ")).join(", ")}`;
  const targets = archives.map(({ artifact }) => artifact.target);
  if (!isStrict) {
    if (missing.length < specific.length) {
      return [`${what}: taking those for the others, and generic ones`];
    }
    if (archives.length > 0 && isGeneric) {
      const who = selection.artifactNames === undefined ? "the run has" : "the stage has";
      return [`${what}: ${who} only generic ones, which are taken`];
    }
  }
  throw notFound(
    `${what}: there are artifacts for ${listed(targets)}${expandHint() || meantHint()}`,
  );

  function meantHint(): string {
    const { families = GPU_FAMILIES } = selection;
    const known = [...targets, ...families.keys()].filter((name) => name !== GENERIC);
    const meant = missing.flatMap(({ asked }) =>
      asked.flatMap((name) => nearest(name, known) ?? [])
    )
      .filter((name) => !missing.some(({ asked }) => asked.includes(name)));
    return meant.length === 0 ? "" : `; did you mean ${listed(meant)}?`;
  }

  function expandHint(): string {
    if (selection.expandFamilies) return "";
    const expanded = requestsOf({ ...selection, expandFamilies: true })
      .filter(({ name }) => missing.some((request) => request.name === name));
    const more = archives.filter(({ artifact }) =>
      expanded.some((request) => isFor(artifact, request))
    ).map(({ artifact }) => artifact.target);
    return more.length === 0 ? "" : `; --expand-families takes those for ${listed(more)}`;
  }
}

function isFor(artifact: ArtifactName, { wanted }: ArtifactRequest): boolean {
  return wanted.some((target) => artifact.matchesTarget(target));
}

/** Distinct names, up to a maximum. */
function listed(names: readonly string[]): string {
  const distinct = [...new Set(names)].sort();
  if (distinct.length === 0) return "nothing";
  const more = distinct.length > 8 ? `, … (${distinct.length})` : "";
  return `${distinct.slice(0, 8).join(", ")}${more}`;
}

function notFound(message: string): RunOutputsError {
  return new RunOutputsError("not_found", message);
}
