/**
 * Plans the copy of a run: which files, and what is known of each without reading it.
 *
 * @module
 */

import pMap from "p-map";
import { classify } from "../../layout/classify.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { plural } from "../../layout/words.ts";
import type { CallOptions, StorageBackend } from "../../storage/backend.ts";
import { shownBy } from "../../storage/shown_by.ts";
import { SMALL_CONCURRENCY } from "../../storage/transfer/transfer.ts";
import {
  isCurrent,
  joinListing,
  type JoinListingOptions,
  noOutputs,
  type RemovedOutput,
} from "../manifest/list_outputs.ts";
import { removedError, removedLine } from "../manifest/removed_files.ts";
import { nameFilter } from "../artifacts/name_filter.ts";
import { sidecarBase } from "../artifacts/pair_sidecars.ts";
import { readOutputs, type RunManifest } from "../manifest/read.ts";
import { checkSelection, selectArtifacts } from "../artifacts/select.ts";
import type { ArtifactSelection } from "../artifacts/selection.ts";
import { readSidecar, SIDECAR_SUFFIX } from "../artifacts/sidecar.ts";
import { nothingChosenError, unmatchedError } from "../artifacts/unmatched.ts";
import { CompactFiles, type CopyFile, type CopyFiles } from "./compact_files.ts";

/** A run and its storage. */
export interface RunPlace {
  /** The storage. */
  readonly backend: StorageBackend;
  /** The run. */
  readonly root: RunOutputRoot;
}

/** A file that should be copied but cannot be. */
export interface CopyObstacle {
  /** Its path relative to the run's prefix. */
  readonly path: string;
  /** Its location, existing or expected. */
  readonly location: OutputLocation;
  /** The reason. */
  readonly error: Error;
}

/** The content of a copy. */
export interface CopyPlan {
  /** The source. */
  readonly from: RunPlace;
  /** The run's manifest; the copy writes its parts itself, last. */
  readonly manifest: RunManifest;
  /** Whether it is the whole run, and not a selection. */
  readonly whole: boolean;
  /** The files, sorted by path, without those of the manifest, summaries and pins. */
  readonly files: CopyFiles;
  /** The files of the whole run that retention has removed. The copy says that too. */
  readonly removed: readonly RemovedOutput[];
  /** What cannot be copied: listed files that are missing, broken checksum files. */
  readonly obstacles: readonly CopyObstacle[];
  /** Notes on the selection: groups and targets without artifacts of their own. */
  readonly notes: readonly string[];
}

/** Options of {@linkcode planCopy}. Patterns match paths relative to the run's prefix. */
export interface PlanCopyOptions extends ArtifactSelection, CallOptions {
  /**
   * The run's manifest, if it was read already; `NO_MANIFEST` to go without: then none is copied
   * either. Default: it is read.
   */
  readonly manifest?: RunManifest;
  /** Formats a location for messages. Default: as the storage does. */
  readonly show?: (location: OutputLocation) => string;
}

/**
 * Determines the files of a run to copy, from a listing, and hashes and types from the manifest.
 * With names, groups, targets or components, only artifacts are copied. The checksum file of an
 * archive is included.
 *
 * @param from The run.
 * @param options Which files.
 * @returns The plan.
 * @throws {RunOutputsError} `not_found`, if the run has no outputs, or a pattern, target or
 * component matches none; errors of `readOutputs` for a broken manifest.
 *
 * @example
 * ```ts
 * import { bytesSource, executeCopy, MemoryBackend, planCopy, RunOutputRoot } from "@therock/run-outputs";
 *
 * const backend = new MemoryBackend();
 * const root = RunOutputRoot.forLocal({ runId: 1, platform: "linux" });
 * await backend.write(root.file("logs/build.log"), bytesSource("built\n"));
 * const plan = await planCopy({ backend, root });
 * const to = { backend, root: RunOutputRoot.forLocal({ runId: 2, platform: "linux" }) };
 * const { results } = await executeCopy(plan, to);
 * console.assert(results[0].location.key === "2-linux/logs/build.log");
 * ```
 */
export async function planCopy(
  from: RunPlace,
  options: PlanCopyOptions = {},
): Promise<CopyPlan> {
  checkSelection(options);
  const { backend, root } = from;
  const { signal, show = shownBy(backend) } = options;
  const manifest = options.manifest ?? await readOutputs(backend, root, { show, signal });
  const found = new CompactFiles(root);
  const gone: CopyObstacle[] = [];
  const whole = isWhole(options);
  const removed: RemovedOutput[] = [];
  const onRemoved = (file: RemovedOutput) => void removed.push(file);
  for await (const one of outputsOf(from, manifest, show, { onRemoved, signal })) {
    if ("error" in one) gone.push(one);
    else if (one.kind !== "outputs-manifest" && one.kind !== "retention") found.push(one);
  }
  if (found.length + gone.length === 0) {
    if (removed.length === 0) throw noOutputs(root, show(root.root()));
    throw removedError(
      "copy",
      `the ${plural(removed.length, "file")} of run ${root.runId}`,
      removed[0],
    );
  }
  // Who selects files wants them; who excludes some does not want those that are gone.
  const isSelection = (options.include ?? []).length > 0 || hasArtifactSelection(options);
  if (isSelection) gone.push(...removed.map((file) => removedObstacle(file, root)));
  const gonePaths = new Set(gone.map(({ path }) => path));
  const paths = {
    has: (path: string) => gonePaths.has(path) || found.indexOf(path) !== -1,
    *[Symbol.iterator]() {
      for (let i = 0; i < found.length; i++) yield found.pathAt(i);
      yield* gonePaths;
    },
  };
  const { chooses, notes } = whole ? { chooses: () => true, notes: [] } : choose(paths, options);
  const obstacles = gone.filter(({ path }) => chooses(path));
  const unknown = withUnreadSidecars(found).filter(({ file }) => chooses(file.path));
  const hashes = new Map<string, string>();
  await pMap(unknown, async ({ file: { path, location }, sidecar }) => {
    try {
      const at = { location: sidecar.location, size: sidecar.size };
      hashes.set(path, await readSidecar(backend, at, show, signal));
    } catch (error) {
      signal?.throwIfAborted();
      obstacles.push({ path, location, error: error as Error });
    }
  }, { concurrency: SMALL_CONCURRENCY });
  const select = () => {
    const files = Iterator.from(found).filter(({ path }) => chooses(path));
    return withoutObstacles(root, withHashes(files, hashes), obstacles, show);
  };
  return {
    from,
    manifest,
    whole,
    removed: whole ? removed : [],
    // Mostly all is copied, and no second list is needed.
    ...(whole && obstacles.length + hashes.size === 0 ? { files: found, obstacles } : select()),
    notes: isSelection || removed.length === 0 ? notes : [...notes, removedLine(removed)],
  };
}

function removedObstacle({ path, removal }: RemovedOutput, root: RunPlace["root"]): CopyObstacle {
  const location = root.root().join(path);
  return { path, location, error: removedError("copy", path, { removal }) };
}

/** The archives whose hash only their checksum file has, with that. */
function* withUnreadSidecars(files: CopyFiles) {
  for (let i = 0; i < files.length; i++) {
    if (files.contentAt(i).sha256 !== undefined) continue;
    const path = files.pathAt(i);
    const sidecar = classify(path) === "artifact" ? files.indexOf(path + SIDECAR_SUFFIX) : -1;
    if (sidecar !== -1) yield { file: files.at(i), sidecar: files.at(sidecar) };
  }
}

function withHashes(
  files: Iterable<CopyFile>,
  hashes: ReadonlyMap<string, string>,
): Iterable<CopyFile> {
  return Iterator.from(files).map((file) => {
    const sha256 = hashes.get(file.path);
    return sha256 === undefined ? file : { ...file, sha256 };
  });
}

/** The checksum file of a file that cannot be copied is not copied either. */
function withoutObstacles(
  root: RunOutputRoot,
  files: Iterable<CopyFile>,
  obstacles: readonly CopyObstacle[],
  show: (location: OutputLocation) => string,
): Pick<CopyPlan, "files" | "obstacles"> {
  const bases = new Map(obstacles.map((obstacle) => [obstacle.path, obstacle]));
  const others = new CompactFiles(root);
  const all = [...obstacles];
  for (const file of files) {
    if (bases.has(file.path)) continue;
    const base = bases.get(sidecarBase(file.path) ?? "");
    if (base === undefined) {
      others.push(file);
      continue;
    }
    const { path, location } = file;
    all.push({ path, location, error: notCopied(file, show, base.location, base.error) });
  }
  return { files: others, obstacles: all };
}

/**
 * The error of a checksum file whose file was not copied.
 *
 * @param sidecar The checksum file.
 * @param show Formats a location for messages.
 * @param base The file.
 * @param error Why the file was not copied.
 * @returns An error with the same code.
 */
export function notCopied(
  { location }: Pick<CopyFile, "location">,
  show: (location: OutputLocation) => string,
  base: OutputLocation,
  error: unknown,
): RunOutputsError {
  return new RunOutputsError(
    error instanceof RunOutputsError ? error.code : "failed",
    `Cannot copy '${show(location)}': ${base.name} was not copied`,
  );
}

/** The outputs of a run; a file that is listed in the manifest but missing is an obstacle. */
async function* outputsOf(
  { backend, root }: RunPlace,
  manifest: RunManifest,
  show: (location: OutputLocation) => string,
  options: JoinListingOptions,
): AsyncGenerator<CopyFile | CopyObstacle> {
  const at = (path: string) => ({ path, kind: classify(path), location: root.root().join(path) });
  for await (const { path, listed, info } of joinListing(backend, root, manifest, options)) {
    if (info === undefined) {
      const { location } = at(path);
      yield { path, location, error: missing(location, listed!.parts[0], show) };
      continue;
    }
    const known = listed !== undefined && isCurrent(manifest, listed, info)
      ? listed.file
      : undefined;
    yield {
      ...at(path),
      size: info.size,
      sha256: known?.sha256,
      contentType: known?.content_type,
    };
  }
}

/**
 * Selects paths.
 *
 * @param paths The paths. They are iterated several times.
 * @param options Which ones.
 * @returns Whether a path is selected.
 */
function choose(
  paths: Iterable<string> & Pick<ReadonlySet<string>, "has">,
  { include = [], exclude, ...selection }: PlanCopyOptions,
): { readonly chooses: (path: string) => boolean; readonly notes: readonly string[] } {
  const filter = nameFilter({ include, exclude });
  const staying = nameFilter({ exclude });
  const choice = hasArtifactSelection(selection)
    ? selectArtifacts(archivesAmong(paths), selection)
    : undefined;
  const names = choice && new Set(choice.names);
  const isWanted = (path: string) =>
    names === undefined || names.has(nameOf(path)) && classify(path) === "artifact";
  const isMatch = (path: string) => {
    // All are tested, so that no pattern counts as unmatched for another reason.
    const matches = filter.matches(path);
    // A checksum file without its file would mean that one is missing.
    const base = sidecarBase(path);
    const isAlone = base !== undefined && !staying.matches(base);
    return matches && isWanted(path) && !isAlone;
  };
  const chooses = (path: string): boolean => {
    if (isMatch(path)) return true;
    if (!path.endsWith(SIDECAR_SUFFIX) || !staying.matches(path)) return false;
    const base = path.slice(0, -SIDECAR_SUFFIX.length);
    return paths.has(base) && chooses(base);
  };
  let [count, matching] = [0, 0];
  for (const path of paths) {
    count++;
    if (isMatch(path)) matching++;
  }
  const unmatched = filter.unmatched();
  if (unmatched.length > 0 && !selection.allowNoMatch) {
    throw unmatchedError(unmatched, include, [...paths], WORDS);
  }
  if (matching > 0) return { chooses, notes: choice?.notes ?? [] };
  const included = nameFilter({ include });
  const excluded = Iterator.from(paths)
    .reduce((sum, path) => included.matches(path) && isWanted(path) ? sum + 1 : sum, 0);
  throw nothingChosenError({ count, excluded, selection: { ...selection, include } }, WORDS);
}

/** The words of the message, and the command that lists the outputs. */
const WORDS = { what: "outputs", command: "run-outputs list" };

function isWhole(options: PlanCopyOptions): boolean {
  const { include = [], exclude = [] } = options;
  return include.length + exclude.length === 0 && !hasArtifactSelection(options);
}

function hasArtifactSelection(
  { artifactNames, artifactGroups = [], amdgpuTargets = [], components = [] }: ArtifactSelection,
): boolean {
  return artifactNames !== undefined ||
    artifactGroups.length + amdgpuTargets.length + components.length > 0;
}

function archivesAmong(paths: Iterable<string>): string[] {
  const names = Iterator.from(paths).filter((path) => classify(path) === "artifact").map(nameOf);
  return [...new Set(names)].sort();
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function missing(
  location: OutputLocation,
  part: string,
  show: (location: OutputLocation) => string,
): RunOutputsError {
  return new RunOutputsError(
    "not_found",
    `${location.name} is missing: manifest part ${part} lists ${show(location)}`,
  );
}
