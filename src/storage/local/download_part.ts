/**
 * The names beside a file under which a large download collects it, `NAME.part` and
 * `NAME.part.journal`, and how they are told from files of somebody else with such names: by the
 * journal's first line.
 *
 * @module
 */

import { basename } from "node:path";
import { isNameTooLong } from "../../errors/disk.ts";
import type { Chunks } from "../backend.ts";

/** What the first line of a download's journal has as its schema. */
export const DOWNLOAD_SCHEMA = "run-outputs.download/1";

/** So much of a journal is read to see whose it is. */
const LOOK = 256;

/**
 * No disk takes longer names; some count bytes. Windows says of a longer one that it is no name, and
 * not that it is too long.
 */
const MAX_NAME = 255;

/**
 * The names that the download of a file needs beside it.
 *
 * @param path The file.
 * @returns Where its bytes are collected, and the journal of them.
 */
export function partNames(path: string): { readonly part: string; readonly journal: string } {
  const part = `${path}.part`;
  return { part, journal: `${part}.journal` };
}

/**
 * Whether a download may use the names beside a file: nothing is there, or what an earlier download
 * has left. Somebody else's file is not touched; names that are too long for the disk can't be used.
 *
 * @param path The file.
 * @returns Whether both names may be written.
 * @throws What the disk says.
 */
export async function maySpread(path: string): Promise<boolean> {
  const { part, journal } = partNames(path);
  const owner = await ownerOf(journal);
  // One that has begun this moment has an empty journal, and nothing else yet.
  if (owner === "another's") return false;
  const there = await look(part);
  // A link is not ours: what it leads to would be overwritten.
  return there === undefined || owner === "ours" && there.isFile;
}

/**
 * Whether a file is what a download has left, or is just making, beside the file that it is to be.
 *
 * @param path The file.
 * @returns Whether it is an unfinished download or the journal of one.
 * @throws What the disk says.
 */
export async function isUnfinished(path: string): Promise<boolean> {
  if (path.endsWith(".part.journal")) return await ownerOf(path) === "ours";
  return path.endsWith(".part") && await ownerOf(`${path}.journal`) === "ours";
}

/**
 * Whether bytes are those of a download's journal.
 *
 * @param chunks The bytes, of which no more than the beginning is read.
 * @returns Whether {@linkcode isUnfinished} would take a file with them for one of ours.
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
    // Where a journal can't be, there is none of ours, and none can be made.
    if (isNameTooLong(error)) return "another's";
    // Windows lets nobody read what another process has locked, as each download does its journal.
    if (Deno.build.os === "windows") return "ours";
    throw error;
  }
}

async function look(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
