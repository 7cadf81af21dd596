/**
 * The outputs of a run: in storage, and in its manifest.
 *
 * @module
 */

import { classify, type OutputKind } from "../../layout/classify.ts";
import { compareKeys } from "../../layout/compare_keys.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { OutputPaths } from "../../layout/output_paths.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import type { MergedFile } from "../../runs/merge_parts.ts";
import type { Removal } from "../../runs/removed.ts";
import type { CallOptions, ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { isModifiedAfter } from "../../storage/modified.ts";
import type { RunManifest } from "./read.ts";

/** One output of a run. */
export interface ListedOutput {
  /** Its path relative to the run's prefix. */
  readonly path: string;
  /** Its kind. */
  readonly kind: OutputKind;
  /** Its information in the storage. */
  readonly info: ObjectInfo;
}

/**
 * Lists the outputs of a run as a stream, sorted by key.
 *
 * @param backend The storage.
 * @param root The run.
 * @param options A signal.
 * @returns The outputs.
 */
export async function* listOutputs(
  backend: StorageBackend,
  root: OutputPaths,
  options: CallOptions = {},
): AsyncGenerator<ListedOutput> {
  const prefix = root.root();
  for await (const info of backend.list(prefix, options)) {
    const path = info.location.relativeTo(prefix);
    if (path === undefined) continue;
    yield { path, kind: classify(path), info };
  }
}

/** One output of a run, with what is known of it. */
export interface RunOutput {
  /** Its path relative to the run's prefix. */
  readonly path: string;
  /** Its kind. */
  readonly kind: OutputKind;
  /** Its location. */
  readonly location: OutputLocation;
  /** Its size in bytes; unknown for index pages that are only listed in the manifest. */
  readonly size?: number;
  /** Its SHA-256, if the storage has recorded it or the manifest lists it. */
  readonly sha256?: string;
  /** An opaque identifier of its version, if it was listed. */
  readonly etag?: string;
  /** When it was last written, if it was listed. */
  readonly modified?: Date;
  /** The parts of the manifest that list it. */
  readonly parts: readonly string[];
}

/** An output that is listed in a run's manifest but missing. */
export interface MissingOutput {
  /** Its path relative to the run's prefix. */
  readonly path: string;
  /** Its kind. */
  readonly kind: OutputKind;
  /** Its size in bytes, if the manifest lists it. */
  readonly size?: number;
  /** Its SHA-256, if the manifest lists it. */
  readonly sha256?: string;
  /** The parts of the manifest that list it; empty, if it only has a checksum file. */
  readonly parts: readonly string[];
}

/** An output that retention has removed. */
export interface RemovedOutput extends MissingOutput {
  /** When it was removed, and why. */
  readonly removal: Removal;
}

/** Options of {@linkcode joinListing}. */
export interface JoinListingOptions extends CallOptions {
  /** Whether to use the files in markers of incomplete parts too. */
  readonly marked?: boolean;
  /** Called for each file that retention has removed. Such files are not missing. */
  readonly onRemoved?: (removed: RemovedOutput) => void;
}

/** Options of {@linkcode listRun}. */
export interface ListRunOptions extends CallOptions {
  /** Called for each file that retention has removed. */
  readonly onRemoved?: (removed: RemovedOutput) => void;
  /** Called for each file that is in the manifest but not in the listing. */
  readonly onMissing?: (missing: MissingOutput) => void;
}

/**
 * The outputs of a run, sorted by key. If its manifest is complete, they come from that and from a
 * listing of the top level, where other tools can have added archives; otherwise, or if retention has
 * removed some, from a complete listing. Only the top level and what the manifest keeps are in memory.
 *
 * @param backend The storage.
 * @param root The run.
 * @param manifest The run's manifest.
 * @param options A signal, and a callback for missing files.
 * @returns The outputs.
 *
 * @example
 * ```ts
 * import { listRun, MemoryBackend, readOutputs, RunOutputRoot } from "@therock/run-outputs";
 *
 * const root = RunOutputRoot.forLocal({ platform: "linux" });
 * const storage = new MemoryBackend();
 * const manifest = await readOutputs(storage, root);
 * for await (const { path, size, sha256 } of listRun(storage, root, manifest)) {
 *   console.log(path, size, sha256);
 * }
 * ```
 */
export async function* listRun(
  backend: StorageBackend,
  root: OutputPaths,
  manifest: RunManifest,
  { onMissing, onRemoved, ...options }: ListRunOptions = {},
): AsyncGenerator<RunOutput> {
  const outputs: AsyncGenerator<TopLevelOutput> =
    manifest.complete && manifest.removed === undefined
      ? joinTopLevel(backend, root, manifest, options)
      : joinListing(backend, root, manifest, { ...options, onRemoved });
  for await (const { path, listed, info, isListed = true } of outputs) {
    const kind = classify(path);
    if (info !== undefined) {
      const { location, size, etag, modified } = info;
      const known = listed !== undefined && isAsListed(manifest, listed, info) ? listed : undefined;
      const sha256 = info.sha256 ?? known?.file.sha256;
      const parts = known?.parts ?? [];
      yield { path, kind, location, size, sha256, etag, modified, parts };
      continue;
    }
    const { size, sha256 } = listed?.file ?? {};
    const parts = listed?.parts ?? [];
    if (isListed) onMissing?.({ path, kind, size, sha256, parts });
    else yield { path, kind, location: root.root().join(path), size, sha256, parts };
  }
}

/**
 * Whether the manifest's entry of a file can be used. An entry of a complete manifest is used even
 * for a newer file if nothing contradicts it, because a resumed copy has such files.
 */
function isAsListed(manifest: RunManifest, listed: MergedFile, info: ObjectInfo): boolean {
  const { size, sha256 } = listed.file;
  return isCurrent(manifest, listed, info) ||
    manifest.complete && info.size === size && (info.sha256 ?? sha256) === sha256;
}

/** A path in a complete manifest, or at the top level. */
interface TopLevelOutput extends JoinedOutput {
  /** Whether the listing would contain it if it existed. */
  readonly isListed?: boolean;
}

/**
 * Merges a complete manifest with a listing of the top level: the run's own directory and
 * `artifacts/`, without their subdirectories. The paths include the manifest's own objects and the
 * index pages.
 */
async function* joinTopLevel(
  backend: StorageBackend,
  root: OutputPaths,
  manifest: RunManifest,
  { signal }: CallOptions,
): AsyncGenerator<TopLevelOutput> {
  const prefix = root.root();
  const existing = new Map<string, ObjectInfo>();
  for (const dir of [prefix, prefix.join("artifacts")]) {
    for await (const info of backend.list(dir, { recursive: false, signal })) {
      existing.set(info.location.relativeTo(prefix)!, info);
    }
  }
  for (const info of manifest.objects) existing.set(info.location.relativeTo(prefix)!, info);
  const isListed = (path: string) => /^(?:artifacts\/)?[^/]*$/.test(path);
  const pages = manifest.pages.filter((path) => !isListed(path));
  const others = [...new Set([...existing.keys(), ...pages])].sort(compareKeys);
  let next = 0;
  for await (const listed of manifest.files()) {
    const { path } = listed.file;
    for (; next < others.length && compareKeys(others[next], path) <= 0; next++) {
      if (others[next] !== path) yield other(others[next]);
    }
    yield { path, listed, info: existing.get(path), isListed: isListed(path) };
  }
  yield* others.slice(next).map(other);

  function other(path: string): TopLevelOutput {
    return { path, info: existing.get(path), isListed: false };
  }
}

/** A path of a run, with its entry in the manifest and its information in the storage. */
export interface JoinedOutput {
  /** The path relative to the run's prefix. */
  readonly path: string;
  /** The entry in the manifest; missing, if no part lists it. */
  readonly listed?: MergedFile;
  /** Its information; missing, if it does not exist. */
  readonly info?: ObjectInfo;
}

/**
 * Compares a run's manifest with a listing: returns every path in at least one of them, sorted by
 * key. Both are read as streams. Files that retention has removed are left out.
 *
 * @param backend The storage.
 * @param root The run.
 * @param manifest The run's manifest.
 * @param options A signal; whether to use the files in markers of incomplete parts too.
 * @returns The paths.
 */
export async function* joinListing(
  backend: StorageBackend,
  root: OutputPaths,
  manifest: RunManifest,
  { onRemoved, ...options }: JoinListingOptions = {},
): AsyncGenerator<JoinedOutput> {
  const unlisted = new Map(manifest.removed?.unlisted);
  for await (const one of joinAll(backend, root, manifest, options)) {
    const { path, listed, info } = one;
    unlisted.delete(path);
    if (info !== undefined || listed?.removal === undefined) yield one;
    else {
      const { file: { size, sha256 }, parts, removal } = listed;
      onRemoved?.({ path, kind: classify(path), size, sha256, parts, removal });
    }
  }
  for (const [path, { size, removal }] of unlisted) {
    onRemoved?.({ path, kind: classify(path), size, parts: [], removal });
  }
}

/**
 * As {@linkcode joinListing}, with the files that retention has removed: their entries say so.
 *
 * @param backend The storage.
 * @param root The run.
 * @param manifest The run's manifest.
 * @param options A signal; whether to use the files in markers of incomplete parts too.
 * @returns The paths.
 */
export async function* joinAll(
  backend: StorageBackend,
  root: OutputPaths,
  manifest: RunManifest,
  { marked, ...options }: Omit<JoinListingOptions, "onRemoved"> = {},
): AsyncGenerator<JoinedOutput> {
  const files = manifest.files({ marked });
  try {
    let next = await files.next();
    for await (const { path, info } of listOutputs(backend, root, options)) {
      for (; !next.done && compareKeys(next.value.file.path, path) < 0; next = await files.next()) {
        yield { path: next.value.file.path, listed: next.value };
      }
      if (!next.done && next.value.file.path === path) {
        yield { path, listed: next.value, info };
        next = await files.next();
      } else yield { path, info };
    }
    for (; !next.done; next = await files.next()) {
      yield { path: next.value.file.path, listed: next.value };
    }
  } finally {
    await files.return(undefined);
  }
}

/**
 * Whether a manifest entry is current: the size is equal, and the file was not written after the
 * part, which is the last file of its upload.
 *
 * @param manifest The run's manifest.
 * @param listed The entry.
 * @param info The file's information in the storage.
 * @returns `false`, if the file was replaced since.
 */
export function isCurrent(manifest: RunManifest, listed: MergedFile, info: ObjectInfo): boolean {
  const part = manifest.part(listed.parts[0]);
  return part !== undefined && listed.file.size === info.size &&
    !isModifiedAfter(info.modified, part.info.modified);
}

/**
 * Whether files of a kind are about the other files of the run: no part lists them.
 *
 * @param kind The kind.
 * @returns `true` for index pages, the outputs manifest, summaries and pins.
 */
export function isOwn(kind: OutputKind): boolean {
  return kind === "index" || kind === "outputs-manifest" || kind === "retention";
}

/** The differences between a manifest and a listing. */
export interface ManifestDifferences {
  /** The number of files in the manifest. */
  readonly listed: number;
  /** The number of existing files that no part lists, without index pages and parts. */
  readonly extra: number;
  /** The number of files that a part lists but that are missing. */
  readonly missing: number;
  /**
   * The number of existing files that were written after the part that lists them, or differ in
   * size.
   */
  readonly changed: number;
  /** The number of files that parts list with different content. */
  readonly conflicting: number;
  /** The first few of them, each with the difference. */
  readonly examples: readonly string[];
}

/** The maximum number of examples. */
const EXAMPLES = 8;

/**
 * Counts the differences between a run's manifest and a listing.
 *
 * @param backend The storage.
 * @param root The run.
 * @param manifest The run's manifest.
 * @param options A signal.
 * @returns The counts.
 */
export async function compareListing(
  backend: StorageBackend,
  root: OutputPaths,
  manifest: RunManifest,
  options: CallOptions = {},
): Promise<ManifestDifferences> {
  const pages = new Set(manifest.pages);
  const counts = { listed: 0, extra: 0, missing: 0, changed: 0, conflicting: 0 };
  const examples: string[] = [];
  const count = (what: Exclude<keyof typeof counts, "listed">, path: string) => {
    counts[what]++;
    if (examples.length < EXAMPLES) examples.push(`${path} (${what})`);
  };
  for await (const { path, listed, info } of joinListing(backend, root, manifest, options)) {
    if (listed === undefined) {
      const kind = classify(path);
      if (!isOwn(kind) && !pages.has(path)) count("extra", path);
      continue;
    }
    counts.listed++;
    if (listed.conflicts.length > 0) count("conflicting", path);
    if (info === undefined) count("missing", path);
    else if (!isCurrent(manifest, listed, info)) count("changed", path);
  }
  return { ...counts, examples };
}

/** What to check if a run was not found. The command line has options of these names. */
export const CHECK_RUN = "check the run id, the platform and the repository";

/**
 * The error of a run without outputs at the expected location.
 *
 * @param root The run.
 * @param where The location, as text: a URI or a directory.
 * @returns An error with code `not_found`.
 */
export function noOutputs(root: RunOutputRoot, where: string): RunOutputsError {
  return new RunOutputsError(
    "not_found",
    `No outputs of run ${root.runId} for ${root.platform} in ${where}: ${whatToCheck(root, where)}`,
  );
}

/**
 * Suggests what to check if a run was not found.
 *
 * @param root The run.
 * @param where The searched locations, as text.
 * @returns The end of a message.
 */
export function whatToCheck(root: RunOutputRoot, where: string): string {
  const [, id, platform] = /^(.+)-(linux|windows)$/i.exec(root.runId) ?? [];
  if (id !== undefined) {
    return `the platform is not part of the id: the id is ${id}, the platform ${platform.toLowerCase()}`;
  }
  const { name } = root.root();
  const isTwice = where.split(/[\\/,]/).some((one, i, all) => one === name && all[i + 1] === name);
  return isTwice
    ? `the staging directory must be the one that contains ${name}`
    : root.runId === "local"
    ? `'local' is the run if no id is given: give the id ('run-outputs runs list' shows the runs)`
    : CHECK_RUN;
}
