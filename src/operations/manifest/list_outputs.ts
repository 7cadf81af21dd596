/**
 * The outputs of a run: as they are in storage, and as the run tells of them.
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
import type { CallOptions, ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { isModifiedAfter } from "../../storage/modified.ts";
import type { RunManifest } from "./read.ts";

/** One output of a run. */
export interface ListedOutput {
  /** Its path relative to the run's prefix. */
  readonly path: string;
  /** What it is. */
  readonly kind: OutputKind;
  /** What storage knows of it. */
  readonly info: ObjectInfo;
}

/**
 * Lists the outputs of a run as a stream, in the order of their keys.
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
  /** What it is. */
  readonly kind: OutputKind;
  /** Its location. */
  readonly location: OutputLocation;
  /** Its size in bytes; not known of index pages, where only the manifest tells of them. */
  readonly size?: number;
  /** Its SHA-256, where the storage has it on record or the manifest tells it. */
  readonly sha256?: string;
  /** An opaque mark of its version, where it was listed. */
  readonly etag?: string;
  /** When it was last written, where it was listed. */
  readonly modified?: Date;
  /** The parts of the manifest that tell of it. */
  readonly parts: readonly string[];
}

/** An output that a run tells of and that is not there. */
export interface MissingOutput {
  /** Its path relative to the run's prefix. */
  readonly path: string;
  /** What it was. */
  readonly kind: OutputKind;
  /** Its size in bytes, if the manifest tells of it. */
  readonly size?: number;
  /** Its SHA-256, if the manifest tells of it. */
  readonly sha256?: string;
  /** The parts of the manifest that tell of it; none, if only the checksum beside it does. */
  readonly parts: readonly string[];
}

/** Options of {@linkcode listRun}. */
export interface ListRunOptions extends CallOptions {
  /** Told of files that the manifest tells of and the listing lacks. */
  readonly onMissing?: (missing: MissingOutput) => void;
}

/**
 * The outputs of a run, in the order of their keys. Where its manifest is complete, by that and by a
 * listing of the top level, where another tool can have put archives beside it; else by a listing of
 * everything. Nothing of it sits in memory but the top level and what the manifest keeps.
 *
 * @param backend The storage.
 * @param root The run.
 * @param manifest The run's manifest.
 * @param options A signal, and who is listed what is missing.
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
  { onMissing, ...options }: ListRunOptions = {},
): AsyncGenerator<RunOutput> {
  const outputs: AsyncGenerator<TopLevelOutput> = manifest.complete
    ? joinTopLevel(backend, root, manifest, options)
    : joinListing(backend, root, manifest, options);
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
 * Whether a list may say of a file what the manifest says. A complete manifest is believed also of a
 * newer file if nothing contradicts it: a copy that was continued has such files.
 */
function isAsListed(manifest: RunManifest, listed: MergedFile, info: ObjectInfo): boolean {
  const { size, sha256 } = listed.file;
  return isCurrent(manifest, listed, info) ||
    manifest.complete && info.size === size && (info.sha256 ?? sha256) === sha256;
}

/** A path of a complete manifest, or of the top level. */
interface TopLevelOutput extends JoinedOutput {
  /** Whether it would be in the listing if it were there. */
  readonly isListed?: boolean;
}

/**
 * Brings a complete manifest together with a listing of the top level: the run's own directory and
 * `artifacts/`, without what is below them. The manifest's own objects and the index pages are among
 * the paths.
 */
async function* joinTopLevel(
  backend: StorageBackend,
  root: OutputPaths,
  manifest: RunManifest,
  { signal }: CallOptions,
): AsyncGenerator<TopLevelOutput> {
  const prefix = root.root();
  const there = new Map<string, ObjectInfo>();
  for (const dir of [prefix, prefix.join("artifacts")]) {
    for await (const info of backend.list(dir, { recursive: false, signal })) {
      there.set(info.location.relativeTo(prefix)!, info);
    }
  }
  for (const info of manifest.objects) there.set(info.location.relativeTo(prefix)!, info);
  const isListed = (path: string) => /^(?:artifacts\/)?[^/]*$/.test(path);
  const pages = manifest.pages.filter((path) => !isListed(path));
  const others = [...new Set([...there.keys(), ...pages])].sort(compareKeys);
  let next = 0;
  for await (const listed of manifest.files()) {
    const { path } = listed.file;
    for (; next < others.length && compareKeys(others[next], path) <= 0; next++) {
      if (others[next] !== path) yield other(others[next]);
    }
    yield { path, listed, info: there.get(path), isListed: isListed(path) };
  }
  yield* others.slice(next).map(other);

  function other(path: string): TopLevelOutput {
    return { path, info: there.get(path), isListed: false };
  }
}

/** A path of a run: what its manifest tells of it, and what is there. */
export interface JoinedOutput {
  /** The path relative to the run's prefix. */
  readonly path: string;
  /** What the manifest tells; nothing, if no part names it. */
  readonly listed?: MergedFile;
  /** What is there; nothing, if nothing is. */
  readonly info?: ObjectInfo;
}

/**
 * Holds a run's manifest against a listing: every path that one of the two has, in the order of
 * keys. Both arrive as streams.
 *
 * @param backend The storage.
 * @param root The run.
 * @param manifest The run's manifest.
 * @param options A signal.
 * @returns The paths.
 */
export async function* joinListing(
  backend: StorageBackend,
  root: OutputPaths,
  manifest: RunManifest,
  options: CallOptions = {},
): AsyncGenerator<JoinedOutput> {
  const files = manifest.files();
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
 * Whether what the manifest tells of a file is so: it is as large, and was not written after the
 * part that tells of it, which is the last of its upload.
 *
 * @param manifest The run's manifest.
 * @param listed What it tells of the file.
 * @param info What is there.
 * @returns `false`, if something else has written there since.
 */
export function isCurrent(manifest: RunManifest, listed: MergedFile, info: ObjectInfo): boolean {
  const part = manifest.part(listed.parts[0]);
  return part !== undefined && listed.file.size === info.size &&
    !isModifiedAfter(info.modified, part.info.modified);
}

/** In what a manifest and a listing differ. */
export interface ManifestDifferences {
  /** How many files the manifest tells of. */
  readonly listed: number;
  /** How many files are there that no part tells of; index pages and the parts are not meant to be. */
  readonly extra: number;
  /** How many files a part tells of that are not there. */
  readonly missing: number;
  /** How many files are there, but were written after the part that tells of them, or differ in size. */
  readonly changed: number;
  /** How many files parts tell different things of. */
  readonly conflicting: number;
  /** The first few of them, each with what is wrong. */
  readonly examples: readonly string[];
}

/** How many differences are named. */
const EXAMPLES = 8;

/**
 * Counts in what a run's manifest and a listing differ.
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
      if (kind !== "index" && kind !== "outputs-manifest" && !pages.has(path)) count("extra", path);
      continue;
    }
    counts.listed++;
    if (listed.conflicts.length > 0) count("conflicting", path);
    if (info === undefined) count("missing", path);
    else if (!isCurrent(manifest, listed, info)) count("changed", path);
  }
  return { ...counts, examples };
}

/**
 * The error of a run that has no outputs where it was looked for.
 *
 * @param root The run.
 * @param where The place, for people: a URI or a directory.
 * @returns An error with code `not_found`.
 */
export function noOutputs(root: RunOutputRoot, where: string): RunOutputsError {
  return new RunOutputsError(
    "not_found",
    `No outputs of run ${root.runId} for ${root.platform} in ${where}: ${whatToCheck(root, where)}`,
  );
}

/**
 * What to try where a run is not.
 *
 * @param root The run.
 * @param where The places that were looked at, for people.
 * @returns The end of a message.
 */
export function whatToCheck(root: RunOutputRoot, where: string): string {
  const [, id, platform] = /^(.+)-(linux|windows)$/.exec(root.runId) ?? [];
  if (id !== undefined) {
    return `the platform is not part of the id; use --run-id ${id} --platform ${platform}`;
  }
  const { name } = root.root();
  const isTwice = where.split(/[\\/,]/).some((one, i, all) => one === name && all[i + 1] === name);
  return isTwice
    ? `the staging directory must be the one that contains ${name}`
    : "check --run-id, --platform and --repo";
}
