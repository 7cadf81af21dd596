/**
 * What the parts of a run's outputs manifest tell of a copy of that run.
 *
 * A part at the copy says what is so there: the files of it that were copied, and no others. Its
 * `run` and `writer` stay, because they say who made the files.
 *
 * @module
 */

import type { ManifestHead, OutputFile } from "../../runs/manifest.ts";
import { plural } from "../../layout/words.ts";
import { inOrder } from "../../runs/format_part.ts";
import { pendingOf, type StillToCome, unlistedOf } from "../../runs/unfinished_part.ts";
import {
  type ReadOutputsOptions,
  readPart,
  type RunManifest,
  type RunPart,
} from "../manifest/read.ts";
import type { RunPlace } from "./plan.ts";
import { UnfinishedMark } from "../manifest/unfinished_mark.ts";

/** What is known of a file's content. */
export interface KnownContent {
  /** Its size in bytes. */
  readonly size?: number;
  /** Its SHA-256. */
  readonly sha256?: string;
}

/** What became of the files of a copy. */
export interface CopiedFiles {
  /** What is there now, by path. */
  readonly there: ReadonlyMap<string, KnownContent>;
  /** The paths of what should be there and is not. */
  readonly failed: ReadonlySet<string>;
}

/** A part as the copy has it. */
export interface CopiedPart {
  /** All members but the files. */
  readonly head: ManifestHead;
  /** Those of its files that are there, sorted by path. */
  readonly files: readonly OutputFile[];
  /** How many files it has told other things of than are there. */
  readonly untrue: number;
}

/** What is there of a part that the copy does not get, and what is not. */
export interface WithheldContent extends StillToCome {
  /** All members but the files. */
  readonly head: ManifestHead;
  /** Those of its files that are there, sorted by path. */
  readonly files: readonly OutputFile[];
}

/** Why the copy does not get a part. */
export interface NoPart {
  /** Why, as a part of a sentence. */
  readonly reason: string;
  /** What is there of it; nothing, if it is gone. */
  readonly content?: WithheldContent;
}

/**
 * What a part tells of a copy. It has to be as it was when the copy was planned: another version
 * can tell of files that were not copied.
 *
 * @param from The run that was copied.
 * @param part One of its parts.
 * @param copied What became of the files.
 * @param options How to format locations; a signal.
 * @returns The part, or why there is none; nothing, if none of its files was to be copied.
 */
export async function copiedPart(
  { backend }: RunPlace,
  part: RunPart,
  { there, failed }: CopiedFiles,
  options: ReadOutputsOptions,
): Promise<CopiedPart | NoPart | undefined> {
  const read = await readPart(backend, part.info, true, options);
  if (read === undefined) return { reason: "it was deleted from the source while it was read" };
  const all = read.files!;
  const taken = all.filter(({ path }) => there.has(path));
  const files = taken.filter((file) => agrees(file, there.get(file.path)!));
  if (read.info.etag !== part.info.etag) {
    const kept = new Set(files);
    const pending = all.filter((file) => !kept.has(file)).map(({ path }) => path);
    const content = { head: read.head, files, pending, unlisted: [] };
    return { reason: "it changed in the source while it was read", content };
  }
  const lost = all.filter(({ path }) => failed.has(path)).map(({ path }) => path);
  if (lost.length > 0) {
    const content = { head: read.head, files, pending: lost, unlisted: [] };
    return { reason: `${plural(lost.length, "file")} of it could not be copied`, content };
  }
  if (files.length === 0 && all.length > 0) return undefined;
  const { pages, ...rest } = read.head;
  const left = pages?.filter((page) => there.has(page)) ?? [];
  // Members keep their order, so that a part of which all was copied stays the same text.
  const head = left.length === pages?.length
    ? read.head
    : left.length === 0
    ? rest as ManifestHead
    : {
      ...read.head,
      pages: left,
    };
  return { head, files, untrue: taken.length - files.length };
}

/**
 * What is there at a copy of a part of which an upload is not finished at the source.
 *
 * @param from The run that was copied.
 * @param name The part's name.
 * @param part The part, if there is one.
 * @param copied What became of the files.
 * @param options How to format locations; a signal.
 * @returns What is there, and what is still to come; nothing, if there is nothing at the source by
 * now, or nothing that can be read.
 */
export async function unfinishedPart(
  { backend, root }: RunPlace,
  name: string,
  part: RunPart | undefined,
  { there, failed }: CopiedFiles,
  options: ReadOutputsOptions,
): Promise<WithheldContent | undefined> {
  const mark = new UnfinishedMark(backend, root, { ...options, part: name, isKept: () => true });
  const marked = await mark.read();
  const before = part && await readPart(backend, part.info, true, options);
  const head = (marked ?? before)?.head;
  if (head === undefined) return undefined;
  const files = new Map<string, OutputFile>();
  const pending = new Set([...mark.unread, ...pendingOf(head)]);
  for (const file of [...before?.files ?? [], ...marked?.files ?? []]) {
    const known = there.get(file.path);
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

/** What the copy's own run tells otherwise of a file that was copied. */
export interface OtherClaim {
  /** The part that tells it. */
  readonly part: string;
  /** When that was written, in milliseconds since 1970. */
  readonly written: number;
}

/**
 * Finds what the parts that are at the copy already tell otherwise of its files.
 *
 * @param manifest The manifest that is there.
 * @param there What is there now, by path.
 * @returns What is told otherwise, by path.
 */
export async function otherClaims(
  manifest: RunManifest,
  there: CopiedFiles["there"],
): Promise<ReadonlyMap<string, readonly OtherClaim[]>> {
  const others = new Map<string, OtherClaim[]>();
  for await (const { file, parts, written, conflicts } of manifest.files()) {
    const known = there.get(file.path);
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
