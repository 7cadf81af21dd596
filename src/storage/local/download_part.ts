/**
 * The files beside a large download, `NAME.part` and `NAME.part.journal`. The journal's first line
 * distinguishes them from the user's files with such names.
 *
 * @module
 */

import { basename } from "node:path";
import { diskError, isNameTooLong } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { Chunks } from "../backend.ts";
import { look } from "./look.ts";

/** The schema in the first line of a download's journal. */
export const DOWNLOAD_SCHEMA = "run-outputs.download/1";

/** The number of bytes of a journal to read to recognize it. */
const LOOK = 256;

/**
 * The maximum length of names on any disk; some count bytes. For a longer name Windows reports that
 * it is invalid, not that it is too long.
 */
const MAX_NAME = 255;

/**
 * The names that the download of a file needs beside it.
 *
 * @param path The file.
 * @returns The file for its bytes, and its journal.
 */
export function partNames(path: string): { readonly part: string; readonly journal: string } {
  const part = `${path}.part`;
  return { part, journal: `${part}.journal` };
}

/**
 * The line of a journal about its part: a part that was replaced by another file, or brought along
 * with a journal by somebody else, has other bytes than the journal says.
 *
 * @param info The file information of the part.
 * @returns The line, to compare.
 */
export function partNote({ ino, birthtime }: Deno.FileInfo): { readonly part: string } {
  // Without the device, whose number can change with the next mount.
  return { part: `${ino}:${birthtime?.getTime() ?? ""}` };
}

/**
 * Whether a download may use the names beside a file: they are free, or left by an earlier
 * download. The user's own files are not touched; names that are too long for the disk cannot be
 * used.
 *
 * @param path The file.
 * @returns Whether both files may be written.
 * @throws Errors of the disk.
 */
export async function maySpread(path: string): Promise<boolean> {
  const { part, journal } = partNames(path);
  const owner = await ownerOf(journal);
  // A download that has just begun has an empty journal, and nothing else yet.
  if (owner === "another's") return false;
  const existing = await look(part);
  // A link is not ours, and its target would be overwritten.
  return existing === undefined || owner === "ours" && existing.isFile;
}

/**
 * Whether a name can be that of a download in progress or of its journal.
 *
 * @param name The name, or a path.
 * @returns `false`, if {@linkcode isUnfinished} need not look.
 */
export function isPartName(name: string): boolean {
  return name.endsWith(".part") || name.endsWith(".part.journal");
}

/**
 * Whether a file belongs to a download in progress or unfinished, beside its destination.
 *
 * @param path The file.
 * @returns Whether it is an unfinished download or the journal of one.
 * @throws Errors of the disk.
 */
export async function isUnfinished(path: string): Promise<boolean> {
  if (path.endsWith(".part.journal")) return await ownerOf(path) === "ours";
  return path.endsWith(".part") && await ownerOf(`${path}.journal`) === "ours";
}

/**
 * Whether bytes are those of a download's journal.
 *
 * @param chunks The bytes, of which only the beginning is read.
 * @returns Whether {@linkcode isUnfinished} would recognize a file with them.
 */
export async function isJournal(chunks: Chunks): Promise<boolean> {
  const bytes = new Uint8Array(LOOK);
  let count = 0;
  for await (const chunk of chunks) {
    const piece = chunk.subarray(0, LOOK - count);
    bytes.set(piece, count);
    count += piece.length;
    if (count === LOOK) break;
  }
  return beginsLikeJournal(bytes.subarray(0, count));
}

function beginsLikeJournal(bytes: Uint8Array): boolean {
  const start = `{"schema":${JSON.stringify(DOWNLOAD_SCHEMA)},`;
  return new TextDecoder().decode(bytes).startsWith(start);
}

async function ownerOf(journal: string): Promise<"ours" | "nobody's" | "another's"> {
  if (basename(journal).length > MAX_NAME) return "another's";
  try {
    if (!(await Deno.lstat(journal)).isFile) return "another's";
    using file = await Deno.open(journal);
    const bytes = new Uint8Array(LOOK);
    const count = await file.read(bytes);
    if (count === null) return "nobody's";
    return beginsLikeJournal(bytes.subarray(0, count)) ? "ours" : "another's";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "nobody's";
    // If there cannot be a journal, there is none of ours.
    if (isNameTooLong(error)) return "another's";
    // On Windows nobody can read a file that another process has locked, as a download locks its
    // journal.
    if (Deno.build.os === "windows") return "ours";
    throw error;
  }
}

/**
 * Rejects an object that no list would show, because it looks like an unfinished download of ours:
 * it is beside such a download, or a copy of its journal.
 *
 * @param path The path of the object.
 * @param open Opens its bytes.
 * @throws {RunOutputsError} `invalid`, if it is one.
 */
export async function refuseUnlisted(path: string, open: () => Chunks): Promise<void> {
  if (!isPartName(path)) return;
  let taken: boolean;
  try {
    taken = await isUnfinished(path) || (path.endsWith(".journal") && await isJournal(open()));
  } catch (error) {
    throw diskError("write", path, error);
  }
  if (!taken) return;
  throw new RunOutputsError(
    "invalid",
    `Cannot write '${path}': run-outputs has this name for an unfinished download, which is no ` +
      "object; remove or rename the file at the source",
  );
}
