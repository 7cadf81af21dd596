/**
 * What a run is, told by the run itself: the outputs manifest of a run in storage, read from all
 * its parts.
 *
 * @module
 */

import pMap from "p-map";
import { compareKeys } from "../../layout/compare_keys.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { OutputPaths } from "../../layout/output_paths.ts";
import { type ExpectedParts, parseExpected } from "../../runs/expected_parts.ts";
import { type LeftFile, leftOf } from "../../runs/left_files.ts";
import { broken, type ManifestHead, type OutputFile, twice } from "../../runs/manifest.ts";
import { type MergedFile, mergeSorted, type PartFiles } from "../../runs/merge_parts.ts";
import { PartReader } from "../../runs/part_reader.ts";
import {
  isCopyMark,
  isFinished,
  pendingOf,
  unfinishedName,
  type UnfinishedPart,
  unfinishedPartOf,
  unlistedOf,
} from "../../runs/unfinished_part.ts";
import type { CallOptions, ObjectInfo, StorageBackend } from "../../storage/backend.ts";

/** Options of {@linkcode readOutputs}. */
export interface ReadOutputsOptions extends CallOptions {
  /** Formats a location for messages. Default: its S3 URI. */
  readonly show?: (location: OutputLocation) => string;
  /**
   * Up to how many bytes of parts are kept in memory; of more, the files are read anew each time
   * they are asked for. Default: 16 MiB.
   */
  readonly keepBytes?: number;
}

/** One part of a run's manifest. */
export interface RunPart {
  /** All of it but the files. */
  readonly head: ManifestHead;
  /** Its object. */
  readonly info: ObjectInfo;
  /** How many files it has. */
  readonly count: number;
}

/** The outputs manifest of a run. */
export interface RunManifest {
  /** The parts, by name; none in a run of before there were manifests. */
  readonly parts: readonly RunPart[];
  /** The objects that it was read from: the parts, and the list of expected ones. */
  readonly objects: readonly ObjectInfo[];
  /** The names of the parts that a complete run has, if the run tells them. */
  readonly expected?: readonly string[];
  /** Which of them are not there, or not all of it: an upload of it has not finished. */
  readonly missing: readonly string[];
  /** The parts of which an upload is under way, was killed or has failed; none has made up for it. */
  readonly unfinished: readonly string[];
  /** What is still to come of each of them. */
  readonly marks: readonly UnfinishedPart[];
  /**
   * Whether the parts tell of the whole run: it names the parts it has when it is complete, and all
   * are there. If not, there can be files that no part tells of: a listing shows them.
   */
  readonly complete: boolean;
  /** The index pages that the parts name: paths relative to the run's prefix, sorted. */
  readonly pages: readonly string[];
  /** The files that earlier attempts of the run have left, by path: no part has them any more. */
  readonly left: ReadonlyMap<string, LeftFile>;
  /**
   * A part.
   *
   * @param name Its name.
   * @returns The part, if it is there.
   */
  part(name: string): RunPart | undefined;
  /** The files of all parts, each once, sorted by path. */
  files(): AsyncGenerator<MergedFile>;
}

/** Up to how many bytes of parts are kept. */
const KEEP_BYTES = 16 * 1024 * 1024;

/** How many parts are read at once. */
const CONCURRENCY = 16;

/** A list of parts can't be longer. */
const MAX_EXPECTED_BYTES = 1024 * 1024;

/** The manifest of a run that has none: for who goes by the listing alone. */
export const NO_MANIFEST: RunManifest = {
  parts: [],
  objects: [],
  missing: [],
  unfinished: [],
  marks: [],
  complete: false,
  pages: [],
  left: new Map(),
  part: () => undefined,
  async *files() {},
};

/**
 * Reads the outputs manifest of a run: one listing of `manifests/outputs/` and one request for each
 * part and each mark.
 *
 * @param backend The storage.
 * @param root The run; its `layout` is ignored.
 * @param options How much is kept in memory; a signal.
 * @returns The manifest. That there is none is normal: it has no parts then.
 * @throws {RunOutputsError} `integrity`, naming the part, if one is broken; `failed`, if one has a
 * newer schema.
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
  const { signal, keepBytes = KEEP_BYTES } = options;
  const dir = root.outputsManifestDir();
  const expectedAt = root.expectedParts();
  const objects: ObjectInfo[] = [];
  const marked: { readonly part: string; readonly info: ObjectInfo }[] = [];
  let hasExpected = false;
  for await (const info of backend.list(dir, { recursive: false, signal })) {
    const { name, key } = info.location;
    if (key === expectedAt.key) hasExpected = true;
    else if (isPart(name)) objects.push(info);
    else {
      const part = unfinishedPartOf(name);
      if (part !== undefined) marked.push({ part, info });
    }
  }
  const isKept = keep(objects, keepBytes);
  const [expected, ...read] = await pMap(
    [undefined, ...objects],
    async (info) => {
      if (info !== undefined) {
        const part = await readPart(backend, info, isKept(info), options);
        // Of the same version, a list can tell more exactly when it was written.
        return part?.info.etag === info.etag ? { ...part, info } : part;
      }
      return hasExpected ? await readExpected(backend, root, options) : undefined;
    },
    { concurrency: CONCURRENCY },
  ) as [StoredExpected | undefined, ...(StoredPart | undefined)[]];
  const parts = read.filter((part) => part !== undefined);
  const marks = (await pMap(
    marked,
    ({ part, info }) => readMark(backend, part, info, options),
    { concurrency: CONCURRENCY },
  )).filter((mark) => mark !== undefined);
  const unfinished = marks.map(({ part }) => part);

  const names = new Map(parts.map(({ head, info, count }) => [head.part, { head, info, count }]));
  const missing = (expected?.list.parts ?? []).filter((name) =>
    !names.has(name) || unfinished.includes(name)
  );
  const pages = new Set(parts.flatMap(({ head }) => head.pages ?? []));
  return {
    parts: [...names.values()],
    part: (name) => names.get(name),
    objects: [...expected === undefined ? [] : [expected.info], ...parts.map(({ info }) => info)],
    expected: expected?.list.parts,
    missing,
    unfinished,
    marks,
    complete: expected !== undefined && expected.list.parts.length > 0 && missing.length === 0 &&
      !unfinished.some(isCopyMark),
    pages: [...pages].sort(compareKeys),
    left: new Map(parts.flatMap(({ head }) => leftOf(head).map((file) => [file.path, file]))),
    files: () =>
      withoutPages(
        pages,
        mergeSorted(parts.map(({ head, info, files }): PartFiles => ({
          ...head,
          modified: info.modified,
          files: files ?? streamFiles(backend, info, options),
        }))),
      ),
  };
}

/** What an upload has made of the files of several has no hash that an earlier one could tell. */
async function* withoutPages(
  pages: ReadonlySet<string>,
  files: AsyncGenerator<MergedFile>,
): AsyncGenerator<MergedFile> {
  for await (const merged of files) if (!pages.has(merged.file.path)) yield merged;
}

/** A list of expected parts, as it is in storage. */
export interface StoredExpected {
  /** The list. */
  readonly list: ExpectedParts;
  /** Its object. */
  readonly info: ObjectInfo;
}

/**
 * Reads the list of the parts that a run is to have.
 *
 * @param backend The storage.
 * @param root The run.
 * @param options How to format locations; a signal.
 * @returns The list; nothing, if the run has none.
 * @throws {RunOutputsError} `integrity`, if it is broken; `failed`, if its schema is newer.
 */
export async function readExpected(
  backend: StorageBackend,
  root: OutputPaths,
  { show = String, signal }: ReadOutputsOptions = {},
): Promise<StoredExpected | undefined> {
  const location = root.expectedParts();
  const body = await openIfThere(backend, location, { signal });
  if (body === undefined) return undefined;
  await using _ = body;
  if (body.info.size > MAX_EXPECTED_BYTES) {
    throw broken(show(location), `it is too large (${body.info.size} bytes)`);
  }
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) text += decoder.decode(chunk, { stream: true });
  return { list: parseExpected(text, show(location)), info: body.info };
}

/** A part, as it is in storage. */
export interface StoredPart extends RunPart {
  /** Its files sorted by path, if they are kept. */
  readonly files?: readonly OutputFile[];
}

/**
 * Reads one part, all of it: what is not kept is checked all the same.
 *
 * @param backend The storage.
 * @param object Its location.
 * @param isKept Whether its files are kept, by its size if need be.
 * @param options How to format locations; a signal.
 * @param onFile Told of each file, in the order that they have there.
 * @returns The part; nothing, if it is not there.
 * @throws {RunOutputsError} `integrity` or `failed`, as `parsePart`.
 */
export async function readPart(
  backend: StorageBackend,
  { location }: Pick<ObjectInfo, "location">,
  isKept: boolean | ((info: ObjectInfo) => boolean),
  { show = String, signal }: ReadOutputsOptions = {},
  onFile?: (file: OutputFile) => void,
): Promise<StoredPart | undefined> {
  const body = await openIfThere(backend, location, { signal });
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
  // Files that are in no order can't be merged as a stream.
  if (!reader.isSorted) {
    files ??= await Array.fromAsync(readFiles(backend, body.info, { show, signal }));
    files.sort((a, b) => compareKeys(a.path, b.path));
    const second = files.find(({ path }, i) => path === files![i - 1]?.path);
    if (second !== undefined) throw twice(second.path, name);
  }
  return { head, info: body.info, count: reader.count, files };
}

/** Reads what a mark tells; nothing, if it has gone meanwhile, or stands for none. */
async function readMark(
  backend: StorageBackend,
  part: string,
  info: ObjectInfo,
  options: ReadOutputsOptions,
): Promise<UnfinishedPart | undefined> {
  try {
    const mark = await readPart(backend, info, false, options);
    if (mark === undefined || isFinished(mark.head)) return undefined;
    return { part, pending: pendingOf(mark.head), unlisted: unlistedOf(mark.head) };
  } catch (error) {
    // Whatever it tells, its part is not all there.
    if (!(error instanceof RunOutputsError) || !/integrity|failed/.test(error.code)) throw error;
    return { part, pending: [], unlisted: [], unread: error.message };
  }
}

/** Reads the files of a part once more; it must be the version that was checked. */
async function* readFiles(
  backend: StorageBackend,
  { location, etag }: ObjectInfo,
  { show = String, signal }: ReadOutputsOptions,
): AsyncGenerator<OutputFile> {
  await using body = await backend.read(location, { ifMatch: etag, signal });
  const reader = new PartReader(show(location));
  for await (const chunk of body) yield* reader.push(chunk);
  reader.end();
}

/**
 * The files of a part that was read and is sorted, read once more each time they are asked for; it
 * must still be that version.
 *
 * @param backend The storage.
 * @param info The part.
 * @param options How to format locations; a signal.
 * @returns The files. Nothing is opened before the first one is asked for.
 */
export function streamFiles(
  backend: StorageBackend,
  info: ObjectInfo,
  options: ReadOutputsOptions,
): AsyncIterable<OutputFile> {
  return { [Symbol.asyncIterator]: () => readFiles(backend, info, options) };
}

/**
 * Whether something of a manifest is there and can't be read, however often one tries: an upload
 * replaces it.
 *
 * @param error What was thrown.
 * @returns Whether it is damaged.
 */
export function isBroken(error: unknown): error is RunOutputsError {
  return error instanceof RunOutputsError && error.code === "integrity";
}

/** Chooses the parts that are kept: the small ones, as many as fit. */
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

async function openIfThere(
  backend: StorageBackend,
  location: OutputLocation,
  options: CallOptions,
) {
  try {
    return await backend.read(location, options);
  } catch (error) {
    if (error instanceof RunOutputsError && error.code === "not_found") return undefined;
    throw error;
  }
}
