/**
 * The content of a part of the outputs manifest: the uploaded files, what is kept of an earlier
 * part and of its marker, and the pending files.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { classify } from "../../layout/classify.ts";
import type { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { streamPartText } from "../../runs/format_part.ts";
import {
  MANIFEST_SCHEMA,
  type ManifestHead,
  type ManifestRun,
  type ManifestWriter,
  type OutputFile,
} from "../../runs/manifest.ts";
import { type LeftFile, leftOf } from "../../runs/left_files.ts";
import { claimPart } from "../../runs/part_claim.ts";
import { type PendingContent, pendingOf, unlistedOf } from "../../runs/unfinished_part.ts";
import type { StorageBackend } from "../../storage/backend.ts";
import { contentType } from "../../storage/content_type.ts";
import { inKeyOrder } from "../../layout/compare_keys.ts";
import type { TransferResult } from "../../storage/transfer/transfer.ts";
import { filesOf, type FileStream, type RunIn, uniteWith } from "./part_files.ts";
import type { ReadOutputsOptions, StoredPart } from "./read.ts";

/** The content of a part. */
export interface PartContent {
  /** All members but the files. */
  readonly head: ManifestHead;
  /** The files sorted by path. */
  readonly files: FileStream;
}

/** The content of a part, and what must be uploaded before it is complete. */
export type PartToBe = PartContent & PendingContent;

/** The writer of a part. */
export interface PartAuthor {
  /** The part's name. */
  readonly part: string;
  /** The run, as far as it is known. */
  readonly run: Omit<ManifestRun, "run_id" | "platform">;
  /** The program that writes it. */
  readonly tool: string;
  /** The job that writes it. */
  readonly writer?: ManifestWriter;
  /** The current time. Default: now. */
  readonly now?: () => Date;
  /** Aborts operations in progress. */
  readonly signal?: AbortSignal;
}

/** Options of `PartUpload`. */
export interface PartUploadOptions extends PartAuthor {
  /** Formats a location for messages. Default: its S3 URI. */
  readonly show?: (location: OutputLocation) => string;
  /** Called with one-line notes for the user. */
  readonly onNote?: (note: string) => void;
  /**
   * The maximum size of an earlier part whose files are kept in memory, in bytes; the files of a
   * larger part are read again each time they are needed. Default: 4 MiB.
   */
  readonly keepBytes?: number;
}

/** The files of an upload, and the pages that list them. */
export interface UploadedFiles {
  /** The result for each file; none has failed. They are iterated several times. */
  readonly results: Iterable<TransferResult>;
  /** The result for each index page. */
  readonly pages?: readonly TransferResult[];
}

/** The copied files of a part. */
export interface CopiedContent {
  /**
   * All members of the part but the files, as in the source run: its `run` and `writer` still say
   * who made the files. Default: those of the existing part.
   */
  readonly head?: ManifestHead;
  /** Its files that exist now. */
  readonly files?: Iterable<OutputFile> | AsyncIterable<OutputFile>;
  /** The results for other files that the existing part lists. They are iterated several times. */
  readonly replaced?: Iterable<TransferResult>;
  /** The paths of all files that exist now. */
  readonly existing?: Pick<ReadonlySet<string>, "has">;
}

/**
 * The content of an upload's part.
 *
 * @param backend The storage.
 * @param root The run.
 * @param results The result for each of its files. Those that have failed are left out.
 * @param pages The existing index pages.
 * @param author The writer of the part.
 * @returns The part.
 */
export async function describePart(
  backend: StorageBackend,
  root: RunOutputRoot,
  results: Iterable<TransferResult>,
  pages: readonly OutputLocation[],
  { part, run, tool, writer, now = () => new Date(), signal }: PartAuthor,
): Promise<PartContent & { readonly files: Iterable<OutputFile> }> {
  const { runId: run_id, platform, layout } = root;
  const pathOf = (location: OutputLocation) => location.relativeTo(root.root())!;
  const paths = new Set(pages.map(pathOf));
  const isListed = ({ outcome, location }: TransferResult) =>
    outcome !== "failed" && !paths.has(pathOf(location));
  // What is known already is read from the results each time: there can be a million.
  const others = new Map<string, Content>();
  for (const result of results) {
    if (!isListed(result) || knownContent(result) !== undefined) continue;
    others.set(result.location.key, await readContent(backend, result.location, signal));
  }
  const sorted = inKeyOrder(results);
  const fileOf = (result: TransferResult): OutputFile => {
    const path = pathOf(result.location);
    const { size, sha256 } = knownContent(result) ?? others.get(result.location.key)!;
    return { path, kind: classify(path), size, sha256, content_type: contentType(path) };
  };
  const files = {
    [Symbol.iterator]: () => Iterator.from(sorted).filter(isListed).map(fileOf),
  };
  const head: ManifestHead = {
    schema: MANIFEST_SCHEMA,
    layout,
    run: { ...run, run_id, platform },
    part,
    created_at: now().toISOString(),
    tool,
    ...(writer === undefined ? {} : { writer }),
    ...(paths.size === 0 ? {} : { pages: [...paths].sort() }),
  };
  return { head, files };
}

/**
 * The files that an upload has failed to write.
 *
 * @param root The run.
 * @param failed The results of the missing files.
 * @returns The paths of those that have one in the run, and the sources of the others.
 */
export function lostFiles(root: RunOutputRoot, failed: readonly TransferResult[]): PendingContent {
  const pending: string[] = [];
  const unlisted: string[] = [];
  for (const { location, path, unlisted: isUnlisted } of failed) {
    const inRun = location.relativeTo(root.root());
    if (isUnlisted || !inRun) unlisted.push(path);
    else pending.push(inRun);
  }
  return { pending, unlisted };
}

/** Size and hash of a file. */
type Content = Pick<OutputFile, "size" | "sha256">;

/** Size and hash, unless they are unknown because the existing file was kept. */
function knownContent({ size, sha256 }: TransferResult): Content | undefined {
  return size === undefined || sha256 === undefined ? undefined : { size, sha256 };
}

/** Size and hash of an existing file. */
async function readContent(
  backend: StorageBackend,
  location: OutputLocation,
  signal: AbortSignal | undefined,
): Promise<Content> {
  await using body = await backend.read(location, { signal });
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of body) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { size: bytes, sha256: hash.digest("hex") };
}

/** What an upload has added to the marker, as paths in the run. */
export interface BegunUpload {
  /** The files that it will upload. */
  readonly planned: Pick<ReadonlySet<string>, "has">;
  /** The files that were pending before. */
  readonly before: ReadonlySet<string>;
}

/** What exists of a part. */
export interface PartBefore {
  /** The existing part. */
  readonly part?: StoredPart;
  /** Its marker. */
  readonly marker?: StoredPart;
  /** The head of the part that this upload itself has deleted. */
  readonly withdrawn?: ManifestHead;
  /** The marker's content since this upload started to write. */
  readonly begun?: BegunUpload;
  /** What an unreadable marker means. */
  readonly unread: readonly string[];
}

/** Options of {@linkcode mergeExisting}. */
export interface MergeExistingOptions extends ReadOutputsOptions {
  /** Whether to ignore which job wrote the existing part, because a copy removes nothing. */
  readonly unitesAll: boolean;
}

/**
 * Adds what is kept of the existing part, and of its marker.
 *
 * @param run The run and its storage.
 * @param before What exists of the part.
 * @param ours The new content.
 * @param options Whether everything is kept; a signal.
 * @returns Both together; an error with code `conflict`, if the part belongs to another job.
 */
export async function mergeExisting(
  run: RunIn,
  { part, marker, withdrawn, begun, unread }: PartBefore,
  ours: PartContent,
  { unitesAll, ...options }: MergeExistingOptions,
): Promise<PartToBe | RunOutputsError> {
  let { head, files } = ours;
  let unlisted: readonly string[] = [];
  const pending = new Set(unread);
  const left = new Map<string, LeftFile>();
  const claim = (before: ManifestHead) => unitesAll ? "unite" : claimPart(before, ours.head);
  // The writer of the deleted part counts, unless another part has replaced it.
  if (part === undefined && withdrawn !== undefined) {
    const claimed = claim(withdrawn);
    if (claimed instanceof Error) return claimed;
  }
  for (const before of [part, marker]) {
    if (before === undefined) continue;
    const claimed = claim(before.head);
    if (claimed instanceof Error) return claimed;
    head = { ...head, ...unknownOf(before.head) };
    for (const file of leftOf(before.head)) left.set(file.path, file);
    if (claimed === "replace") {
      const { run_attempt } = before.head.run;
      for await (const { path, size, sha256 } of filesOf(run.backend, before, options)) {
        left.set(path, { path, size, sha256, run_attempt });
      }
      continue;
    }
    const pages = new Set([...before.head.pages ?? [], ...head.pages ?? []]);
    if (pages.size > 0) head = { ...head, pages: [...pages].sort() };
    files = await uniteWith(run, before, files, options);
    // Files that are pending from an earlier attempt do not matter to a copy.
    if (unitesAll && claimPart(before.head, ours.head) === "replace") continue;
    unlisted = unlistedOf(before.head);
    for (const path of pendingOf(before.head)) {
      // What this upload has added is its own work.
      if (!begun?.planned.has(path) || begun.before.has(path)) pending.add(path);
    }
  }
  if (pending.size + left.size > 0) {
    const dropPending = (path: string) => [pending, left].forEach((paths) => paths.delete(path));
    for await (const { path } of files) dropPending(path);
    for (const page of head.pages ?? []) dropPending(page);
  }
  if (left.size > 0) head = { ...head, left: [...left.values()] };
  return { head, files, pending: [...pending], unlisted };
}

/**
 * Whether a part has the same content, except for its time.
 *
 * @param backend The storage.
 * @param part The existing part.
 * @param content The new content.
 * @param options How to format locations; a signal.
 * @returns Whether its text would be the same.
 */
export async function isSamePart(
  backend: StorageBackend,
  part: StoredPart,
  content: PartContent,
  options: ReadOutputsOptions,
): Promise<boolean> {
  const theirs = filesOf(backend, part, options);
  return await hashOf(part.head, theirs) === await hashOf(content.head, content.files);
}

async function hashOf(head: ManifestHead, files: PartContent["files"]): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of streamPartText({ ...head, created_at: "" }, files)) hash.update(piece);
  return hash.digest("hex");
}

/**
 * The head of a part whose files are in a marker.
 *
 * @param marker The marker.
 * @returns All members of the part but its files; `undefined`, if there is no marker.
 */
export function ownHead(marker: StoredPart | undefined): ManifestHead | undefined {
  if (marker === undefined) return undefined;
  const { pending: _1, unlisted: _2, ...head } = marker.head;
  return head as ManifestHead;
}

/** The unknown members of a part. */
function unknownOf(head: ManifestHead): Partial<ManifestHead> {
  const { schema: _1, layout: _2, run: _3, part: _4, created_at: _5, tool: _6, ...more } = head;
  const { writer: _7, pages: _8, pending: _9, unlisted: _10, left: _11, ...unknown } = more;
  return unknown;
}
