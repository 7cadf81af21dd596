/**
 * Reads the outputs manifest of a run from all its parts in storage.
 *
 * @module
 */

import pMap from "p-map";
import { compareKeys } from "../../layout/compare_keys.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { OutputPaths } from "../../layout/output_paths.ts";
import { type ExpectedParts, parseExpected } from "../../runs/expected_parts.ts";
import { beingDeleted, deletingMark } from "../../runs/deleting.ts";
import { type LeftFile, leftOf } from "../../runs/left_files.ts";
import { broken, type ManifestHead, type OutputFile, twice } from "../../runs/manifest.ts";
import { type MergedFile, mergeSorted, type PartFiles } from "../../runs/merge_parts.ts";
import { PartReader } from "../../runs/part_reader.ts";
import { RemovedFiles, removedRecord } from "../../runs/removed.ts";
import {
  isCopyMarker,
  isFinished,
  pendingOf,
  unfinishedName,
  type UnfinishedPart,
  unfinishedPartOf,
  unlistedOf,
} from "../../runs/unfinished_part.ts";
import type { CallOptions, ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { shownBy } from "../../storage/shown_by.ts";
import { bodyText, readIfThere, readToMerge } from "../../storage/if_there.ts";
import { doneMarkers } from "./done_markers.ts";
import { readRemoved, withRemovals } from "./removed_record.ts";

/** Options of {@linkcode readOutputs}. */
export interface ReadOutputsOptions extends CallOptions {
  /** Formats a location for messages. Default: as the storage does. */
  readonly show?: (location: OutputLocation) => string;
  /**
   * The maximum memory for parts, in bytes; the files of further parts are read again each time.
   * Default: 16 MiB.
   */
  readonly keepBytes?: number;
  /** Read the rest of a run that is being deleted. Default: that is an error. */
  readonly evenDeleting?: boolean;
}

/** One part of a run's manifest. */
export interface RunPart {
  /** All members but the files. */
  readonly head: ManifestHead;
  /** Its object. */
  readonly info: ObjectInfo;
  /** The number of its files. */
  readonly count: number;
}

/** The outputs manifest of a run. */
export interface RunManifest {
  /** The parts, by name; empty in a run that is older than manifests. */
  readonly parts: readonly RunPart[];
  /** The objects that it was read from: the parts, and the list of expected ones. */
  readonly objects: readonly ObjectInfo[];
  /** The names of the parts that a complete run has, if the run lists them. */
  readonly expected?: readonly string[];
  /** The expected parts that are missing or incomplete. */
  readonly missing: readonly string[];
  /** The incomplete parts: their upload is in progress, killed or failed. */
  readonly unfinished: readonly string[];
  /** The content of their markers. */
  readonly markers: readonly UnfinishedPart[];
  /**
   * Whether the parts list the whole run: it has a list of expected parts, and all exist. If not,
   * there can be files that no part lists, which a listing shows.
   */
  readonly complete: boolean;
  /** The index pages in the parts: paths relative to the run's prefix, sorted. */
  readonly pages: readonly string[];
  /** The files left by earlier attempts of the run, by path; no part lists them any more. */
  readonly left: ReadonlyMap<string, LeftFile>;
  /** When each part and each readable marker was created, by its name among a file's parts. */
  readonly times: ReadonlyMap<string, string>;
  /** What retention has removed, if it has removed something. */
  readonly removed?: RemovedFiles;
  /**
   * A part.
   *
   * @param name Its name.
   * @returns The part, if it exists.
   */
  part(name: string): RunPart | undefined;
  /**
   * The files of all parts, each once, sorted by path.
   *
   * @param options Whether to add the files that markers of incomplete parts list as uploaded. Such
   * a file has the name of the marker, `{part}.incomplete`, among its parts.
   */
  files(options?: { readonly marked?: boolean }): AsyncGenerator<MergedFile>;
}

/** The default memory for parts. */
const KEEP_BYTES = 16 * 1024 * 1024;

/** The number of parts read concurrently. */
const CONCURRENCY = 16;

/** The maximum size of a list of parts. */
const MAX_EXPECTED_BYTES = 1024 * 1024;

/** The manifest of a run without one, for code that uses only the listing. */
export const NO_MANIFEST: RunManifest = {
  parts: [],
  objects: [],
  missing: [],
  unfinished: [],
  markers: [],
  complete: false,
  pages: [],
  left: new Map(),
  times: new Map(),
  part: () => undefined,
  async *files() {},
};

/**
 * Reads the outputs manifest of a run: one listing of `manifests/`, where there is little else, and
 * one request for each part and each marker.
 *
 * @param backend The storage.
 * @param root The run; its `layout` is ignored.
 * @param options The memory limit; a signal.
 * @returns The manifest. It has no parts if there is none, which is normal.
 * @throws {RunOutputsError} `integrity`, naming the part, if one is broken; `failed`, if the schema
 * of one is newer; both also for the record of removed files; `not_found`, if the run is being
 * deleted.
 *
 * @example
 * ```ts
 * import { MemoryBackend, readOutputs, RunOutputRoot } from "@therock/run-outputs";
 *
 * const root = RunOutputRoot.forLocal({ platform: "linux" });
 * const manifest = await readOutputs(new MemoryBackend(), root);
 * for await (const { file, parts, conflicts } of manifest.files()) {
 *   console.log(file.path, file.sha256, parts, conflicts.length);
 * }
 * console.assert(manifest.parts.length === 0 && !manifest.complete);
 * ```
 */
export async function readOutputs(
  backend: StorageBackend,
  root: OutputPaths,
  options: ReadOutputsOptions = {},
): Promise<RunManifest> {
  const { signal, keepBytes = KEEP_BYTES, evenDeleting = false, show = String } = options;
  const dir = root.outputsManifestDir();
  const deleting = deletingMark(root);
  const expectedAt = root.expectedParts();
  const objects: ObjectInfo[] = [];
  const marked: { readonly part: string; readonly info: ObjectInfo }[] = [];
  const removedAt = removedRecord(root);
  let [hasExpected, hasRemoved] = [false, false];
  for await (const info of backend.list(root.manifestsDir(), { signal })) {
    const { name, key } = info.location;
    if (key === deleting.key && !evenDeleting) throw beingDeleted(show(root.root()), info.modified);
    if (key === removedAt.key) hasRemoved = true;
    if (!info.location.parent.equals(dir)) continue;
    if (key === expectedAt.key) hasExpected = true;
    else if (isPart(name)) objects.push(info);
    else {
      const part = unfinishedPartOf(name);
      if (part !== undefined) marked.push({ part, info });
    }
  }
  const isKept = keep([...objects, ...marked.map(({ info }) => info)], keepBytes);
  const [expected, ...read] = await pMap(
    [undefined, ...objects],
    async (info) => {
      if (info !== undefined) {
        const part = await readPart(backend, info, isKept(info), options);
        // For the same version, a list can have a more precise time.
        return part?.info.etag === info.etag ? { ...part, info } : part;
      }
      return hasExpected ? await readExpected(backend, root, options) : undefined;
    },
    { concurrency: CONCURRENCY },
  ) as [StoredExpected | undefined, ...(StoredPart | undefined)[]];
  const parts = read.filter((part) => part !== undefined);
  const readMarkers = (await pMap(
    marked,
    ({ part, info }) => readMarker(backend, part, info, isKept(info), options),
    { concurrency: CONCURRENCY },
  )).filter((marker) => marker !== undefined);
  const contents = readMarkers.flatMap(({ content }) => content ?? []);
  const filesOf = (part: StoredPart) => part.files ?? streamFiles(backend, part.info, options);
  const done = await doneMarkers(contents, parts, filesOf);
  const stored = readMarkers.filter(({ content }) => content === undefined || !done.has(content));
  const markers = stored.map(({ marker }) => marker);
  const unfinished = markers.map(({ part }) => part);

  const names = new Map(parts.map(({ head, info, count }) => [head.part, { head, info, count }]));
  const missing = (expected?.list.parts ?? []).filter((name) =>
    !names.has(name) || unfinished.includes(name)
  );
  const pages = new Set(parts.flatMap(({ head }) => head.pages ?? []));
  const marks = stored.flatMap(({ content }) => content?.head ?? []);
  const times = new Map([
    ...parts.map(({ head }) => [head.part, head.created_at] as const),
    ...marks.map(({ part, created_at }) => [unfinishedName(part), created_at] as const),
  ]);
  const record = hasRemoved ? await readRemoved(backend, root, options) : undefined;
  const removed = record && new RemovedFiles(record.content, times);
  return {
    parts: [...names.values()],
    part: (name) => names.get(name),
    objects: [...expected === undefined ? [] : [expected.info], ...parts.map(({ info }) => info)],
    expected: expected?.list.parts,
    missing,
    unfinished,
    markers,
    complete: expected !== undefined && expected.list.parts.length > 0 && missing.length === 0 &&
      !unfinished.some(isCopyMarker),
    pages: [...pages].sort(compareKeys),
    left: new Map(parts.flatMap(({ head }) => leftOf(head).map((file) => [file.path, file]))),
    times,
    removed,
    files: ({ marked = false } = {}) => {
      const lists = parts.map(({ head, info, files }): PartFiles => ({
        ...head,
        modified: info.modified,
        files: files ?? streamFiles(backend, info, options),
      }));
      if (marked) lists.push(...markedFiles(backend, stored, options));
      const files = withoutPages(pages, mergeSorted(lists));
      return removed === undefined ? files : withRemovals(files, removed);
    },
  };
}

/** The uploaded files in markers, without those that an incomplete upload is going to replace. */
function markedFiles(
  backend: StorageBackend,
  stored: readonly StoredMarker[],
  options: ReadOutputsOptions,
): PartFiles[] {
  const pending = new Set(stored.flatMap(({ marker }) => marker.pending));
  return stored.flatMap(({ content }): PartFiles[] => {
    if (content === undefined) return [];
    const { head, info, files } = content;
    const part = unfinishedName(head.part);
    const all = files ?? streamFiles(backend, info, options);
    return [{ ...head, part, modified: info.modified, files: without(all, pending, head.pages) }];
  });
}

async function* without(
  files: AsyncIterable<OutputFile> | Iterable<OutputFile>,
  pending: ReadonlySet<string>,
  pages: readonly string[] = [],
): AsyncGenerator<OutputFile> {
  const others = new Set(pages);
  for await (const file of files) {
    if (!pending.has(file.path) && !others.has(file.path)) yield file;
  }
}

/** Index pages and the like have no hash that an earlier part could list. */
async function* withoutPages(
  pages: ReadonlySet<string>,
  files: AsyncGenerator<MergedFile>,
): AsyncGenerator<MergedFile> {
  for await (const merged of files) if (!pages.has(merged.file.path)) yield merged;
}

/** A list of expected parts in storage. */
export interface StoredExpected {
  /** The list. */
  readonly list: ExpectedParts;
  /** Its object. */
  readonly info: ObjectInfo;
}

/**
 * Reads the list of a run's expected parts.
 *
 * @param backend The storage.
 * @param root The run.
 * @param options How to format locations; a signal.
 * @returns The list; `undefined`, if the run has none.
 * @throws {RunOutputsError} `integrity`, if it is broken; `failed`, if its schema is newer.
 */
export async function readExpected(
  backend: StorageBackend,
  root: OutputPaths,
  { show = shownBy(backend), signal }: ReadOutputsOptions = {},
): Promise<StoredExpected | undefined> {
  const location = root.expectedParts();
  const body = await readToMerge(backend, location, { signal });
  if (body === undefined) return undefined;
  await using _ = body;
  if (body.info.size > MAX_EXPECTED_BYTES) {
    throw broken(show(location), `it is too large (${body.info.size} bytes)`);
  }
  return { list: parseExpected(await bodyText(body), show(location)), info: body.info };
}

/** A part in storage. */
export interface StoredPart extends RunPart {
  /** Its files sorted by path, if they are in memory. */
  readonly files?: readonly OutputFile[];
}

/**
 * Reads one part completely: files that are not kept in memory are checked too.
 *
 * @param backend The storage.
 * @param object Its location.
 * @param isKept Whether to keep its files in memory, given its size.
 * @param options How to format locations; a signal.
 * @param onFile Called for each file, in the order of the part.
 * @returns The part; `undefined`, if it does not exist.
 * @throws {RunOutputsError} `integrity` or `failed`, as `parsePart`.
 */
export async function readPart(
  backend: StorageBackend,
  { location }: Pick<ObjectInfo, "location">,
  isKept: boolean | ((info: ObjectInfo) => boolean),
  { show = shownBy(backend), signal }: ReadOutputsOptions = {},
  onFile?: (file: OutputFile) => void,
): Promise<StoredPart | undefined> {
  const body = await readIfThere(backend, location, { signal });
  if (body === undefined) return undefined;
  await using _ = body;
  const name = show(location);
  const reader = new PartReader(name);
  const keeps = typeof isKept === "boolean" ? isKept : isKept(body.info);
  let files: OutputFile[] | undefined = keeps ? [] : undefined;
  for await (const chunk of body) {
    const some = reader.push(chunk);
    if (onFile !== undefined) { for (const file of some) onFile(file); }
    if (files !== undefined) { for (const file of some) files.push(file); }
  }
  const head = reader.end();
  if (![`${head.part}.json`, unfinishedName(head.part)].includes(location.name)) {
    throw broken(name, `its name does not match its part ${JSON.stringify(head.part)}`);
  }
  // Unsorted files cannot be merged as a stream.
  if (!reader.isSorted) {
    files ??= await Array.fromAsync(readFiles(backend, body.info, { show, signal }));
    files.sort((a, b) => compareKeys(a.path, b.path));
    const second = files.find(({ path }, i) => path === files![i - 1]?.path);
    if (second !== undefined) throw twice(second.path, name);
  }
  return { head, info: body.info, count: reader.count, files };
}

/** A marker in storage. */
interface StoredMarker {
  readonly marker: UnfinishedPart;
  /** What was read; missing, if it cannot be. */
  readonly content?: StoredPart;
}

/** Reads a marker; `undefined`, if it was deleted meanwhile, or must be ignored. */
async function readMarker(
  backend: StorageBackend,
  part: string,
  info: ObjectInfo,
  isKept: boolean,
  options: ReadOutputsOptions,
): Promise<StoredMarker | undefined> {
  try {
    const content = await readPart(backend, info, isKept, options);
    if (content === undefined || isFinished(content.head)) return undefined;
    const { head } = content;
    return { marker: { part, pending: pendingOf(head), unlisted: unlistedOf(head) }, content };
  } catch (error) {
    // Whatever it contains, its part is incomplete.
    if (!(error instanceof RunOutputsError) || !/integrity|failed/.test(error.code)) throw error;
    return { marker: { part, pending: [], unlisted: [], unread: error.message } };
  }
}

/** Reads the files of a part again; it must be the version that was checked. */
async function* readFiles(
  backend: StorageBackend,
  { location, etag }: ObjectInfo,
  { show = shownBy(backend), signal }: ReadOutputsOptions,
): AsyncGenerator<OutputFile> {
  await using body = await backend.read(location, { ifMatch: etag, signal });
  const reader = new PartReader(show(location));
  for await (const chunk of body) yield* reader.push(chunk);
  reader.end();
}

/**
 * The files of a sorted part that was read before, read again each time; the part must not have
 * changed.
 *
 * @param backend The storage.
 * @param info The part.
 * @param options How to format locations; a signal.
 * @returns The files. Nothing is opened before the first one is requested.
 */
export function streamFiles(
  backend: StorageBackend,
  info: ObjectInfo,
  options: ReadOutputsOptions,
): AsyncIterable<OutputFile> {
  return { [Symbol.asyncIterator]: () => readFiles(backend, info, options) };
}

/**
 * Whether an error means that something of a manifest is damaged, so that retries do not help. An
 * upload replaces it.
 *
 * @param error What was thrown.
 * @returns `true`, if it is damaged.
 */
export function isBroken(error: unknown): error is RunOutputsError {
  return error instanceof RunOutputsError && error.code === "integrity";
}

/**
 * Whether an error means that a manifest cannot be used: it is damaged, or its schema is newer. The
 * run's files can be read nevertheless.
 *
 * @param error What was thrown.
 * @returns `false` for failures of the storage, which a retry can solve, and for a run that is being
 * deleted.
 */
export function isUnusable(error: unknown): boolean {
  return error instanceof RunOutputsError && /^(?:integrity|failed)$/.test(error.code);
}

/** Selects the parts to keep in memory: the small ones, as many as fit. */
function keep(objects: readonly ObjectInfo[], keepBytes: number): (info: ObjectInfo) => boolean {
  const kept = new Set<ObjectInfo>();
  let left = keepBytes;
  for (const info of objects.toSorted((a, b) => a.size - b.size)) {
    left -= info.size;
    if (left < 0) break;
    kept.add(info);
  }
  return (info) => kept.has(info);
}

function isPart(name: string): boolean {
  return name.endsWith(".json") && name !== "therock_manifest.json";
}
