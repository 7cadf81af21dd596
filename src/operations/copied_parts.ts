/**
 * What the parts of a run's outputs manifest tell of a copy of that run.
 *
 * A part at the copy says what is so there: the files of it that were copied, and no others. Its
 * `run` and `writer` stay, because they say who made the files.
 *
 * @module
 */

import type { ManifestHead, OutputFile } from "../runs/manifest.ts";
import { plural } from "../layout/words.ts";
import {
  type ReadOutputsOptions,
  readPart,
  type RunManifest,
  type RunPart,
} from "./read_manifest.ts";
import type { RunPlace } from "./copy_plan.ts";

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
  /** All but the files. */
  readonly head: ManifestHead;
  /** Those of its files that are there, in the order of their paths. */
  readonly files: readonly OutputFile[];
  /** How many files it has told other things of than are there. */
  readonly untrue: number;
}

/**
 * What a part tells of a copy.
 *
 * @param from The run that was copied.
 * @param part One of its parts.
 * @param copied What became of the files.
 * @param options How to show locations; a signal.
 * @returns The part; why there is none, as a part of a sentence; nothing, if none of its files was
 * to be copied.
 */
export async function copiedPart(
  { backend }: RunPlace,
  part: RunPart,
  { there, failed }: CopiedFiles,
  options: ReadOutputsOptions,
): Promise<CopiedPart | string | undefined> {
  const read = await readPart(backend, part.info, true, options);
  if (read === undefined) return "it has gone from the source meanwhile";
  const all = read.files!;
  const lost = all.filter(({ path }) => failed.has(path));
  if (lost.length > 0) return `${plural(lost.length, "file")} of it could not be copied`;
  const taken = all.filter(({ path }) => there.has(path));
  const files = taken.filter((file) => agrees(file, there.get(file.path)!));
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
