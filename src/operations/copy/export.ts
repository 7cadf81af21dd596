/**
 * Exports runs into one archive, for systems without network access.
 *
 * The archive is a plain tar file: first an index with size and hash of every file, then the files,
 * each below its run's prefix. The same runs give the same bytes.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { dirname } from "node:path";
import pMap from "p-map";
import { BadArchive } from "../../archive/tar/bad_archive.ts";
import { type StreamedMember, tarStream } from "../../archive/tar/stream.ts";
import { compareKeys } from "../../layout/compare_keys.ts";
import { checksumMismatch } from "../../errors/checksum_mismatch.ts";
import { invalid, RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { totalSize } from "../../layout/total_size.ts";
import { addExpected, formatExpected } from "../../runs/expected_parts.ts";
import {
  EXPORT_INDEX,
  EXPORT_SCHEMA,
  type ExportedFile,
  exportIndexText,
} from "../../runs/export_index.ts";
import { partText } from "../../runs/format_part.ts";
import { formatRemoved, type Removal, removedRecord } from "../../runs/removed.ts";
import { unfinishedName } from "../../runs/unfinished_part.ts";
import { writeFileAtomic } from "../../storage/local/atomic_file.ts";
import type { ByteSource, CallOptions, Chunks } from "../../storage/backend.ts";
import { bytesSource, piecesSource } from "../../storage/byte_source.ts";
import { contentType, usableType } from "../../storage/content_type.ts";
import type { TransferEvent } from "../../storage/transfer/transfer.ts";
import { checkFilesFit } from "../../storage/local/enough_space.ts";
import type { ReadSpace } from "../../storage/local/free_space.ts";
import { look } from "../../storage/local/look.ts";
import type { KnownContent } from "../../storage/transfer/planned_results.ts";
import { copiedPart, unfinishedPart } from "./copied_parts.ts";
import { encodingLost, hashObject } from "./files.ts";
import type { CopyFile } from "./compact_files.ts";
import type { CopyPlan } from "./plan.ts";
import { copiedRecord } from "./removed.ts";
import type { RunManifest } from "../manifest/read.ts";

/** Options of {@linkcode planExport}. */
export interface PlanExportOptions extends CallOptions {
  /** The exporting program, such as `run-outputs/1.0.0`. */
  readonly tool: string;
  /** Formats a location for messages. Default: its S3 URI. */
  readonly show?: (location: OutputLocation) => string;
  /** Called with one-line notes for the user. */
  readonly onNote?: (note: string) => void;
}

/** A file to export. */
export interface ExportItem {
  /** Its entry in the index. */
  readonly file: ExportedFile;
  /** Its location. Parts of the manifest are generated, so theirs is where they would be. */
  readonly location: OutputLocation;
  /** Opens its bytes. */
  open(signal?: AbortSignal): Chunks;
}

/** The content of an export. */
export interface ExportPlan {
  /** The exporting program. */
  readonly tool: string;
  /** The runs, with their files sorted by path. */
  readonly runs: readonly {
    readonly bucket: string;
    readonly prefix: string;
    readonly items: readonly ExportItem[];
  }[];
}

/** The number of files that are checked concurrently. */
const CONCURRENCY = 16;

/** The maximum number of names in a message. */
const NAMED = 5;

/**
 * Determines size and hash of every file for an export. A file whose hash is neither in the
 * manifest, a checksum file, nor recorded by the storage, is read to compute it.
 *
 * @param plans The files of each run.
 * @param options The program; a signal.
 * @returns The plan.
 * @throws {RunOutputsError} `incomplete`, if a file cannot be exported; `invalid`, if two runs have
 * the same prefix; `integrity`, if a file does not match its expected size or checksum.
 */
export async function planExport(
  plans: readonly CopyPlan[],
  options: PlanExportOptions,
): Promise<ExportPlan> {
  const prefixes = new Set<string>();
  const runs: ExportPlan["runs"][number][] = [];
  for (const plan of plans) {
    const { bucket, prefix } = plan.from.root;
    if (prefixes.has(prefix)) {
      throw new RunOutputsError("invalid", `Cannot export the run ${prefix} twice: name it once`);
    }
    prefixes.add(prefix);
    throwIfHindered(plan);
    const files = await pMap(plan.files, (file) => lookAt(plan, file, options), {
      concurrency: CONCURRENCY,
      stopOnError: true,
    });
    const items = [...files];
    items.push(...await manifestItems(plan, items, options));
    items.sort((a, b) => compareKeys(a.file.path, b.file.path));
    runs.push({ bucket, prefix, items });
  }
  return { tool: options.tool, runs };
}

function throwIfHindered({ from, obstacles }: CopyPlan): void {
  if (obstacles.length === 0) return;
  const reasons = obstacles.slice(0, NAMED).map(({ error }) => error.message).join("; ");
  const more = obstacles.length > NAMED ? "; …" : "";
  const isWrong = obstacles.some(({ error }) =>
    error instanceof RunOutputsError && error.code === "integrity"
  );
  throw new RunOutputsError(
    isWrong ? "integrity" : "incomplete",
    `Cannot export the run ${from.root.prefix}: ${reasons}${more}`,
  );
}

/** Completes size and hash of a file. */
async function lookAt(
  { from: { backend } }: CopyPlan,
  { path, location, size, sha256, contentType: type }: CopyFile,
  { show = String, onNote, signal }: PlanExportOptions,
): Promise<ExportItem> {
  const info = sha256 === undefined || type === undefined
    ? await backend.stat(location, { signal })
    : undefined;
  if (info?.contentEncoding !== undefined) onNote?.(encodingLost(show(location), info));
  const file: ExportedFile = {
    path,
    size,
    sha256: sha256 ?? info?.sha256 ?? await hashObject(backend, location, signal),
    content_type: usableType(type) ?? usableType(info?.contentType) ?? contentType(path),
  };
  const open = async function* (signal?: AbortSignal) {
    await using body = await backend.read(location, { signal });
    yield* body;
  };
  return { file, location, open };
}

/** The outputs manifest of the exported files. */
async function manifestItems(
  plan: CopyPlan,
  items: readonly ExportItem[],
  { tool, show, onNote, signal }: PlanExportOptions,
): Promise<ExportItem[]> {
  const { from, manifest, whole } = plan;
  const removed = new Set(plan.removed.map(({ path }) => path));
  const existing = new Map<string, KnownContent>(items.map(({ file }) => [file.path, file]));
  const made: ExportItem[] = [];
  const add = (location: OutputLocation, source: ByteSource & { readonly sha256: string }) => {
    const { size, sha256 } = source;
    const path = location.relativeTo(from.root.root())!;
    const file = { path, size, sha256, content_type: contentType(path) };
    made.push({ file, location, open: (signal) => source.open(undefined, signal) });
  };
  for (const name of manifest.unfinished) {
    onNote?.(`part ${name} is left out: it is incomplete`);
    if (!whole) continue;
    const state = { existing, failed: new Set<string>() };
    const left = await unfinishedPart(from, name, manifest.part(name), state, { show, signal });
    if (left === undefined) continue;
    const { pending, unlisted } = left;
    const files = await Array.fromAsync(left.files);
    const head = { ...left.head, pending, unlisted };
    const location = from.root.outputsManifestDir().join(unfinishedName(name));
    add(location, piecesSource(() => partText(head, files)));
  }
  for (const part of manifest.parts) {
    if (manifest.unfinished.includes(part.head.part)) continue;
    const copied = await copiedPart(from, part, { existing, failed: new Set(), removed }, {
      show,
      signal,
    });
    if (copied === undefined) continue;
    const { name } = part.info.location;
    if ("reason" in copied) {
      throw new RunOutputsError("incomplete", `Cannot export the part ${name}: ${copied.reason}`);
    }
    if (copied.untrue > 0) {
      onNote?.(
        `${name} lists different content for ${copied.untrue} of its files; they are left out`,
      );
    }
    const files = await Array.fromAsync(copied.files);
    add(part.info.location, piecesSource(() => partText(copied.head, files)));
  }
  const addText = (location: OutputLocation, text: string) => {
    const sha256 = createHash("sha256").update(text).digest("hex");
    add(location, { ...bytesSource(text), sha256 });
  };
  if (whole && manifest.expected !== undefined) {
    addText(from.root.expectedParts(), formatExpected(addExpected(undefined, manifest.expected)));
  }
  // The same runs give the same bytes, so an unfinished removal ends with its beginning.
  if (removed.size > 0) {
    const now = () => new Date(Math.max(...removals(manifest).map(({ at }) => Date.parse(at))));
    addText(removedRecord(from.root), formatRemoved(copiedRecord(plan, { tool, now })));
  }
  return made;
}

function removals({ removed }: RunManifest): readonly Removal[] {
  return removed?.record.removals ?? [];
}

/** Options of {@linkcode exportChunks}. */
export interface ExportOptions extends CallOptions {
  /** Called with each event. */
  readonly onEvent?: (event: TransferEvent) => void;
  /** Formats a location for messages. Default: its S3 URI. */
  readonly show?: (location: OutputLocation) => string;
}

/**
 * Generates an export. Each file is verified while it is read.
 *
 * @param plan The content.
 * @param options Progress, a signal.
 * @returns The archive; a chunk is valid only until the next one is read.
 * @throws {RunOutputsError} `integrity`, if a file does not match the plan.
 */
export async function* exportChunks(
  { tool, runs }: ExportPlan,
  options: ExportOptions = {},
): AsyncGenerator<Uint8Array> {
  const index = {
    schema: EXPORT_SCHEMA,
    tool,
    runs: runs.map(({ items, ...run }) => ({ ...run, files: items.map(({ file }) => file) })),
  };
  const text = piecesSource(() => exportIndexText(index));
  const members = function* (): Generator<StreamedMember> {
    yield { name: EXPORT_INDEX, size: text.size, open: () => text.open() };
    for (const { prefix, items } of runs) {
      for (const item of items) {
        const { path, size } = item.file;
        yield { name: `${prefix}/${path}`, size, open: () => checked(item, options) };
      }
    }
  };
  try {
    yield* tarStream(members());
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!(error instanceof BadArchive)) throw error;
    const message = `Cannot export '${error.member}': ${error.message}`;
    throw new RunOutputsError("integrity", message, { cause: error });
  }
}

async function* checked(
  { file: { size, sha256 }, location, open }: ExportItem,
  { onEvent, show = String, signal }: ExportOptions,
): AsyncGenerator<Uint8Array> {
  const path = show(location);
  onEvent?.({ type: "start", path, size });
  const hash = createHash("sha256");
  for await (const chunk of open(signal)) {
    signal?.throwIfAborted();
    hash.update(chunk);
    onEvent?.({ type: "bytes", path, bytes: chunk.length });
    yield chunk;
  }
  const actual = hash.digest("hex");
  if (actual !== sha256) {
    throw checksumMismatch(`Cannot export '${path}'`, { expected: sha256, actual });
  }
  const result = { location, path, outcome: "written", size, sha256, warnings: [] } as const;
  onEvent?.({ type: "finish", result });
}

/** Options of {@linkcode writeExport}. */
export interface WriteExportOptions extends ExportOptions {
  /** Whether an existing file may be replaced. Default: `false`. */
  readonly replace?: boolean;
}

/** Names of files that other programs would take for compressed ones. */
const COMPRESSED = /\.(?:tgz|tbz2?|txz|tzst|gz|bz2|xz|zst|lz4|zip|7z)$/i;

/**
 * Fails if the file of an export exists: a check before runs of many gigabytes are read.
 *
 * @param path The file.
 * @param options Whether it may be replaced.
 * @throws {RunOutputsError} `conflict`, if it exists and must not be replaced, or is a directory;
 * `invalid`, if its name is that of a compressed file.
 */
export async function checkExportFile(
  path: string,
  { replace = false }: Pick<WriteExportOptions, "replace"> = {},
): Promise<void> {
  if (COMPRESSED.test(path)) {
    throw invalid(
      "file",
      path,
      "a name such as runs.tar: an export is not compressed, its files are",
    );
  }
  const stat = await look(path, "write");
  if (stat === undefined || (replace && !stat.isDirectory)) return;
  const reason = stat.isDirectory
    ? "it is a directory, expected a file"
    : "it already exists; --force replaces it";
  throw new RunOutputsError("conflict", `Cannot write '${path}': ${reason}`);
}

/**
 * Checks that an export fits on the disk of its file, before the first byte.
 *
 * @param plan The content.
 * @param path The file.
 * @param read Reads the state of the file system of a path.
 * @throws {RunOutputsError} `failed`, if the disk is too small.
 */
export async function checkExportSpace(
  { runs }: ExportPlan,
  path: string,
  read?: ReadSpace,
): Promise<void> {
  const size = totalSize(runs.flatMap(({ items }) => items.map(({ file }) => file)));
  await checkFilesFit("export to", dirname(path), [{ path, size, isNew: true }], read);
}

/**
 * Writes an export to a file, which appears only once it is complete.
 *
 * @param plan The content.
 * @param path The file.
 * @param options Whether it may be replaced; progress, a signal.
 * @returns The size and hash of the file.
 * @throws {RunOutputsError} `conflict`, if the file exists; `failed`, if the disk is too small;
 * `integrity`, if one of the runs' files does not match the plan; or errors of the disk. Then nothing is written.
 */
export async function writeExport(
  plan: ExportPlan,
  path: string,
  options: WriteExportOptions = {},
): Promise<{ readonly size: number; readonly sha256: string }> {
  await checkExportFile(path, options);
  await checkExportSpace(plan, path);
  const { size, sha256 } = await writeFileAtomic(path, exportChunks(plan, options), {
    ifAbsent: !options.replace,
    signal: options.signal,
  });
  return { size, sha256 };
}
