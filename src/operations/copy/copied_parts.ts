/**
 * The content of the parts of a run's outputs manifest in a copy of the run.
 *
 * A part in the copy lists only the files that were copied. It keeps `run` and `writer`, which say
 * who made the files.
 *
 * @module
 */

import type { ManifestHead, OutputFile } from "../../runs/manifest.ts";
import { plural } from "../../layout/words.ts";
import { inOrder } from "../../runs/format_part.ts";
import { type PendingContent, pendingOf, unlistedOf } from "../../runs/unfinished_part.ts";
import {
  type ReadOutputsOptions,
  readPart,
  type RunManifest,
  type RunPart,
} from "../manifest/read.ts";
import type { ObjectInfo } from "../../storage/backend.ts";
import type { KnownContent } from "../../storage/transfer/planned_results.ts";
import { filesOf, type FileStream, filesWhere } from "../manifest/part_files.ts";
import type { RunPlace } from "./plan.ts";
import { UnfinishedMarker } from "../manifest/unfinished_marker.ts";

/** The maximum size of a part whose files are kept in memory, in bytes. */
const KEEP_BYTES = 4 * 1024 * 1024;

/** The result for the files of a copy. */
export interface CopiedFiles {
  /** The files that exist now, by path. */
  readonly existing: Pick<ReadonlyMap<string, KnownContent>, "get" | "has">;
  /** The paths of missing files. */
  readonly failed: ReadonlySet<string>;
  /** The paths of files that retention has removed from the source. The copy's parts list them too. */
  readonly removed?: ReadonlySet<string>;
}

/** A part in the copy. */
export interface CopiedPart {
  /** All members but the files. */
  readonly head: ManifestHead;
  /** Its files that exist. */
  readonly files: FileStream;
  /** The number of files that differ from its entries. */
  readonly untrue: number;
}

/** What exists of a part that is not written to the copy, and what is missing. */
export interface WithheldContent extends PendingContent {
  /** All members but the files. */
  readonly head: ManifestHead;
  /** Its files that exist. */
  readonly files: FileStream;
}

/** Why a part is not written to the copy. */
export interface NoPart {
  /** The reason, as a clause. */
  readonly reason: string;
  /** What exists of it; `undefined`, if the part is gone. */
  readonly content?: WithheldContent;
}

/**
 * The content of a part in a copy. The part must not have changed since the copy was planned: a new
 * version can list files that were not copied.
 *
 * @param from The source run.
 * @param part One of its parts.
 * @param copied The result for the files.
 * @param options How to format locations; a signal.
 * @returns The part, or why there is none; `undefined`, if none of its files was selected.
 */
export async function copiedPart(
  { backend }: RunPlace,
  part: RunPart,
  { existing, failed, removed = new Set() }: CopiedFiles,
  options: ReadOutputsOptions,
): Promise<CopiedPart | NoPart | undefined> {
  const isTaken = ({ path }: OutputFile) => existing.has(path) || removed.has(path);
  const isTrue = (file: OutputFile) => {
    const known = existing.get(file.path);
    return known === undefined ? removed.has(file.path) : agrees(file, known);
  };
  let [count, untrue] = [0, 0];
  const lost: string[] = [];
  const isKept = ({ size }: ObjectInfo) => size <= KEEP_BYTES;
  const read = await readPart(backend, part.info, isKept, options, (file) => {
    if (failed.has(file.path)) lost.push(file.path);
    if (isTrue(file)) count++;
    else if (isTaken(file)) untrue++;
  });
  if (read === undefined) return { reason: "it was deleted from the source while it was read" };
  const all = filesOf(backend, read, options);
  const files = filesWhere(all, isTrue);
  if (read.info.etag !== part.info.etag) {
    const pending = await Array.fromAsync(filesWhere(all, (one) => !isTrue(one)), pathOf);
    const content = { head: read.head, files, pending, unlisted: [] };
    return { reason: "it changed in the source while it was read", content };
  }
  if (lost.length > 0) {
    const content = { head: read.head, files, pending: lost, unlisted: [] };
    return { reason: `${plural(lost.length, "file")} of it could not be copied`, content };
  }
  if (count === 0 && read.count > 0) return undefined;
  const { pages, ...rest } = read.head;
  const left = pages?.filter((page) => existing.has(page)) ?? [];
  // Members keep their order, so that the text of a completely copied part does not change.
  const head = left.length === pages?.length
    ? read.head
    : left.length === 0
    ? rest as ManifestHead
    : {
      ...read.head,
      pages: left,
    };
  return { head, files, untrue };
}

function pathOf({ path }: OutputFile): string {
  return path;
}

/**
 * What exists in a copy of a part with an unfinished upload at the source.
 *
 * @param from The source run.
 * @param name The part's name.
 * @param part The part, if there is one.
 * @param copied The result for the files.
 * @param options How to format locations; a signal.
 * @returns What exists, and the pending files; `undefined`, if the source has nothing any more, or
 * nothing readable.
 */
export async function unfinishedPart(
  { backend, root }: RunPlace,
  name: string,
  part: RunPart | undefined,
  { existing, failed }: CopiedFiles,
  options: ReadOutputsOptions,
): Promise<WithheldContent | undefined> {
  const marker = new UnfinishedMarker(backend, root, {
    ...options,
    part: name,
    isKept: () => true,
  });
  const marked = await marker.read();
  const before = part && await readPart(backend, part.info, true, options);
  const head = (marked ?? before)?.head;
  if (head === undefined) return undefined;
  const files = new Map<string, OutputFile>();
  const pending = new Set([...marker.unread, ...pendingOf(head)]);
  for (const file of [...before?.files ?? [], ...marked?.files ?? []]) {
    const known = existing.get(file.path);
    if (known !== undefined && agrees(file, known)) files.set(file.path, file);
    else if (failed.has(file.path)) pending.add(file.path);
  }
  return {
    head,
    files: inOrder([...files.values()].filter(({ path }) => !pending.has(path))),
    pending: [...pending],
    unlisted: unlistedOf(head),
  };
}

/** A different entry for a copied file in the manifest of the destination. */
export interface OtherClaim {
  /** The part with the entry. */
  readonly part: string;
  /** When that was written, in milliseconds since 1970. */
  readonly written: number;
}

/**
 * Finds entries in existing parts at the destination that differ from the copied files.
 *
 * @param manifest The manifest at the destination.
 * @param existing The files that exist now, by path.
 * @returns The different entries, by path.
 */
export async function otherClaims(
  manifest: RunManifest,
  existing: CopiedFiles["existing"],
): Promise<ReadonlyMap<string, readonly OtherClaim[]>> {
  const others = new Map<string, OtherClaim[]>();
  for await (const { file, parts, written, conflicts } of manifest.files()) {
    const known = existing.get(file.path);
    if (known === undefined) continue;
    const claims = [...parts.map((part) => ({ part, written, file })), ...conflicts]
      .filter((claim) => !agrees(claim.file, known));
    if (claims.length > 0) others.set(file.path, claims);
  }
  return others;
}

function agrees(file: OutputFile, known: KnownContent): boolean {
  return (known.sha256 === undefined || known.sha256 === file.sha256) &&
    (known.size === undefined || known.size === file.size);
}
