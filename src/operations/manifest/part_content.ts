/**
 * What a part of the outputs manifest is to tell: what an upload has put there, what stays of the
 * part from before and of the mark beside it, and what is still to come.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { classify } from "../../layout/classify.ts";
import type { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { inOrder, streamPartText } from "../../runs/format_part.ts";
import {
  MANIFEST_SCHEMA,
  type ManifestHead,
  type ManifestRun,
  type ManifestWriter,
  type OutputFile,
} from "../../runs/manifest.ts";
import { type LeftFile, leftOf } from "../../runs/left_files.ts";
import { claimPart } from "../../runs/part_claim.ts";
import { pendingOf, type StillToCome, unlistedOf } from "../../runs/unfinished_part.ts";
import type { StorageBackend } from "../../storage/backend.ts";
import { contentType } from "../../storage/content_type.ts";
import type { TransferResult } from "../../storage/transfer/transfer.ts";
import { filesOf, type FileStream, type RunIn, uniteWith } from "./part_files.ts";
import type { ReadOutputsOptions, StoredPart } from "./read.ts";

/** What a part tells. */
export interface PartContent {
  /** All members but the files. */
  readonly head: ManifestHead;
  /** The files sorted by path. */
  readonly files: FileStream;
}

/** What a part is to tell, and what has to come before it tells all. */
export type PartToBe = PartContent & StillToCome;

/** Who writes a part. */
export interface PartAuthor {
  /** The part's name. */
  readonly part: string;
  /** Which run it is, as far as it is known. */
  readonly run: Omit<ManifestRun, "run_id" | "platform">;
  /** What writes it, such as `run-outputs/1.0.0`. */
  readonly tool: string;
  /** Which job writes it. */
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
   * Up to how many bytes of a part from before are kept in memory; the files of a larger one are
   * read anew each time they are needed. Default: 4 MiB.
   */
  readonly keepBytes?: number;
}

/** What an upload has put there, and the pages that tell of it. */
export interface UploadedFiles {
  /** What became of each file; none has failed. */
  readonly results: readonly TransferResult[];
  /** What became of each index page. */
  readonly pages?: readonly TransferResult[];
}

/** What a copy has put there of a part. */
export interface CopiedContent {
  /**
   * All of the part but the files, as the run that was copied has it: its `run` and `writer` go on
   * telling who made them. Default: as the part was before.
   */
  readonly head?: ManifestHead;
  /** What is there now of its files, in the order of the paths. */
  readonly files?: readonly OutputFile[];
  /** What became of other files that the part told of before. */
  readonly replaced?: readonly TransferResult[];
  /** The paths of all files that are there now. */
  readonly there?: ReadonlySet<string>;
}

/**
 * What an upload has to tell.
 *
 * @param backend The storage.
 * @param root The run.
 * @param results What became of its files; none has failed.
 * @param pages The index pages that are there.
 * @param author Who writes the part.
 * @returns The part.
 */
export async function describePart(
  backend: StorageBackend,
  root: RunOutputRoot,
  results: readonly TransferResult[],
  pages: readonly OutputLocation[],
  { part, run, tool, writer, now = () => new Date(), signal }: PartAuthor,
): Promise<PartContent & { readonly files: readonly OutputFile[] }> {
  const { runId: run_id, platform, layout } = root;
  const pathOf = (location: OutputLocation) => location.relativeTo(root.root())!;
  const paths = new Set(pages.map(pathOf));
  const files: OutputFile[] = [];
  for (const result of results) {
    const path = pathOf(result.location);
    if (paths.has(path)) continue;
    const { size, sha256 } = await contentOf(backend, result, signal);
    files.push({ path, kind: classify(path), size, sha256, content_type: contentType(path) });
  }
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
  return { head, files: inOrder(files) };
}

/**
 * What has not come of an upload.
 *
 * @param root The run.
 * @param failed What became of the files that are not there.
 * @returns The paths of those that have one in the run, and what the others are made from.
 */
export function lostFiles(root: RunOutputRoot, failed: readonly TransferResult[]): StillToCome {
  const pending: string[] = [];
  const unlisted: string[] = [];
  for (const { location, path, unlisted: isUnlisted } of failed) {
    const inRun = location.relativeTo(root.root());
    if (isUnlisted || !inRun) unlisted.push(path);
    else pending.push(inRun);
  }
  return { pending, unlisted };
}

/** Size and hash of what is there; of a file that was left alone they need not be known. */
async function contentOf(
  backend: StorageBackend,
  { location, size, sha256 }: TransferResult,
  signal: AbortSignal | undefined,
) {
  if (size !== undefined && sha256 !== undefined) return { size, sha256 };
  await using body = await backend.read(location, { signal });
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of body) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { size: bytes, sha256: hash.digest("hex") };
}

/** What an upload has added to the mark, of paths in the run. */
export interface BegunUpload {
  /** What it is going to put there. */
  readonly planned: ReadonlySet<string>;
  /** What was still to come before. */
  readonly before: ReadonlySet<string>;
}

/** What there is of a part. */
export interface PartBefore {
  /** The part that is there. */
  readonly part?: StoredPart;
  /** The mark beside it. */
  readonly mark?: StoredPart;
  /** The head of the one that the upload itself has taken away. */
  readonly withdrawn?: ManifestHead;
  /** What the mark tells since the upload has begun to write. */
  readonly begun?: BegunUpload;
  /** What a mark that can't be read stands for. */
  readonly unread: readonly string[];
}

/** Options of {@linkcode takeOver}. */
export interface TakeOverOptions extends ReadOutputsOptions {
  /** Whether it does not matter which job has written what is there: a copy removes nothing. */
  readonly unitesAll: boolean;
}

/**
 * Takes over what stays from the part from before, and from the mark of what was left undone.
 *
 * @param run Where the run is.
 * @param before What there is of the part.
 * @param ours What is to be told.
 * @param options Whether all is united; a signal.
 * @returns Both; an error with code `conflict`, if the part is another job's.
 */
export async function takeOver(
  run: RunIn,
  { part, mark, withdrawn, begun, unread }: PartBefore,
  ours: PartContent,
  { unitesAll, ...options }: TakeOverOptions,
): Promise<PartToBe | RunOutputsError> {
  let { head, files } = ours;
  let unlisted: readonly string[] = [];
  const pending = new Set(unread);
  const left = new Map<string, LeftFile>();
  const claim = (before: ManifestHead) => unitesAll ? "unite" : claimPart(before, ours.head);
  // Whose the part was that was taken away counts, unless another one has come in its place.
  if (part === undefined && withdrawn !== undefined) {
    const claimed = claim(withdrawn);
    if (claimed instanceof Error) return claimed;
  }
  for (const before of [part, mark]) {
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
    // What an earlier attempt has left undone does not matter to the one that is copied.
    if (unitesAll && claimPart(before.head, ours.head) === "replace") continue;
    unlisted = unlistedOf(before.head);
    for (const path of pendingOf(before.head)) {
      // What the upload has added is what it has yet to do itself.
      if (!begun?.planned.has(path) || begun.before.has(path)) pending.add(path);
    }
  }
  if (pending.size + left.size > 0) {
    const there = (path: string) => [pending, left].forEach((paths) => paths.delete(path));
    for await (const { path } of files) there(path);
    for (const page of head.pages ?? []) there(page);
  }
  if (left.size > 0) head = { ...head, left: [...left.values()] };
  return { head, files, pending: [...pending], unlisted };
}

/**
 * Whether a part tells what is to be told, if not at the same time.
 *
 * @param backend The storage.
 * @param part The part that is there.
 * @param content What is to be told.
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
 * The head of a part of which a mark has the files.
 *
 * @param mark The mark.
 * @returns All of the part but its files; nothing, if there is no mark.
 */
export function ownHead(mark: StoredPart | undefined): ManifestHead | undefined {
  if (mark === undefined) return undefined;
  const { pending: _1, unlisted: _2, ...head } = mark.head;
  return head as ManifestHead;
}

/** Members of a part that this version does not know. */
function unknownOf(head: ManifestHead): Partial<ManifestHead> {
  const { schema: _1, layout: _2, run: _3, part: _4, created_at: _5, tool: _6, ...more } = head;
  const { writer: _7, pages: _8, pending: _9, unlisted: _10, left: _11, ...unknown } = more;
  return unknown;
}
