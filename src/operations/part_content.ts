/**
 * What a part of the outputs manifest is to tell: what an upload has, and what stays of what was
 * told before.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { RunOutputsError } from "../layout/error.ts";
import { streamPartText } from "../runs/format_part.ts";
import type { ManifestHead } from "../runs/manifest.ts";
import { claimPart } from "../runs/part_claim.ts";
import { pendingOf } from "../runs/unfinished_part.ts";
import { filesOf, type FileStream, type RunIn, uniteWith } from "./part_files.ts";
import type { ReadOutputsOptions, StoredPart } from "./read_manifest.ts";

/** What a part tells. */
export interface PartContent {
  /** All but the files. */
  readonly head: ManifestHead;
  /** The files in the order of their paths. */
  readonly files: FileStream;
}

/** What a part is to tell, and the paths that have to come before it tells all. */
export interface PartToBe extends PartContent {
  /** Paths relative to the run's prefix. */
  readonly pending: readonly string[];
}

/** A part that an upload has taken away. Its files are in the mark that was left in its place. */
export interface WithdrawnPart {
  /** All of it but the files. */
  readonly head: ManifestHead;
  /** What had been left undone by then. */
  readonly pending: readonly string[];
}

/** What was told before an upload, or by its own mark. */
export interface ToldBefore {
  /** The part that is there. */
  readonly there?: StoredPart;
  /** The mark of what was left undone. */
  readonly mark?: StoredPart;
  /** The part that this upload has taken away. */
  readonly withdrawn?: WithdrawnPart;
  /** Whether all is kept, whoever has written it. */
  readonly unitesAll?: boolean;
}

/**
 * Takes over what stays of what was told before.
 *
 * @param run Where the run is.
 * @param before What was told.
 * @param ours What the upload has to tell.
 * @param options How to show locations; a signal.
 * @returns The part to be; why it may not be, if what is there is another job's.
 */
export async function goOnFrom(
  run: RunIn,
  { there, mark, withdrawn, unitesAll = false }: ToldBefore,
  ours: PartContent,
  options: ReadOutputsOptions,
): Promise<PartToBe | RunOutputsError> {
  let { head, files } = ours;
  const pending = new Set<string>();
  const claim = (before: ManifestHead) => unitesAll ? "unite" : claimPart(before, ours.head);
  // Whose the part was that was taken away counts, unless another one has come in its place.
  if (there === undefined && withdrawn !== undefined) {
    const claimed = claim(withdrawn.head);
    if (claimed instanceof Error) return claimed;
  }
  for (const before of [there, mark]) {
    if (before === undefined) continue;
    const claimed = claim(before.head);
    if (claimed instanceof Error) return claimed;
    head = { ...head, ...unknownOf(before.head) };
    if (claimed === "replace") continue;
    const pages = new Set([...before.head.pages ?? [], ...head.pages ?? []]);
    if (pages.size > 0) head = { ...head, pages: [...pages].sort() };
    files = await uniteWith(run, before, files, options);
    // A mark of this upload's own tells of what it has yet to do itself.
    for (const path of withdrawn?.pending ?? pendingOf(before.head)) pending.add(path);
  }
  if (pending.size > 0) { for await (const { path } of files) pending.delete(path); }
  return { head, files, pending: [...pending] };
}

/**
 * Whether a part tells what is to be told, if not at the same time.
 *
 * @param run Where the run is.
 * @param there The part.
 * @param ours What is to be told.
 * @param options How to show locations; a signal.
 * @returns Whether it can stay as it is.
 */
export async function isSamePart(
  { backend }: RunIn,
  there: StoredPart,
  ours: PartContent,
  options: ReadOutputsOptions,
): Promise<boolean> {
  const theirs = { head: there.head, files: filesOf(backend, there, options) };
  return await timelessHash(theirs) === await timelessHash(ours);
}

async function timelessHash({ head, files }: PartContent): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of streamPartText({ ...head, created_at: "" }, files)) hash.update(piece);
  return hash.digest("hex");
}

/** Members of a part that this version does not know. */
function unknownOf(head: ManifestHead): Partial<ManifestHead> {
  const { schema: _1, layout: _2, run: _3, part: _4, created_at: _5, tool: _6, ...more } = head;
  const { writer: _7, pages: _8, pending: _9, ...unknown } = more;
  return unknown;
}
