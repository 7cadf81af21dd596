/**
 * A file on disk under another name: as a copy that shares its blocks where the file system can, or
 * as a hard link. The name appears at once and whole, instead of what had it.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { diskError } from "../../errors/disk.ts";
import { createTemporary, TEMPORARY_PREFIX, writeFileAtomic } from "./atomic_file.ts";
import { readFile } from "../byte_source.ts";

/** Options of {@linkcode placeFile}. */
export interface PlaceOptions {
  /**
   * Try a hard link first: it takes no space and no time. Whoever then writes into the file, or
   * changes its mode, does it to the source too. Default: no.
   */
  readonly hardLink?: boolean;
  /** Stops before the next step; a copy inside the system can't be stopped halfway. */
  readonly signal?: AbortSignal;
}

/** How a file came to its second name. */
export type Placement = "copy" | "hardlink";

/**
 * Gives a file's content a second name. A copy is a new file with the mode that the umask gives.
 *
 * @param source The file.
 * @param target The name; directories above it are made as needed.
 * @param options Copy or link.
 * @returns How it was done. A hard link that the system refuses becomes a copy.
 * @throws {RunOutputsError} What the disk says: then what had the name still has it.
 */
export async function placeFile(
  source: string,
  target: string,
  options: PlaceOptions = {},
): Promise<Placement> {
  const { hardLink = false, signal } = options;
  try {
    signal?.throwIfAborted();
    if (hardLink && await link(source, target)) return "hardlink";
    // Windows copies into no file that is locked, as our temporary ones are.
    if (Deno.build.os === "windows") await writeFileAtomic(target, readFile(source), { signal });
    else await copy(source, target, signal);
    return "copy";
  } catch (error) {
    signal?.throwIfAborted();
    throw diskError("write", target, error);
  }
}

/** Copies by the one call that lets the system share blocks (reflinks), or copy by itself. */
async function copy(
  source: string,
  target: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const temporary = await createTemporary(dirname(target));
  try {
    const { mode } = await temporary.file.stat();
    await Deno.copyFile(source, temporary.path);
    // The copy took over the mode of the source.
    if (mode !== null) await Deno.chmod(temporary.path, mode & 0o777);
    signal?.throwIfAborted();
    await Deno.rename(temporary.path, target);
  } catch (error) {
    await Deno.remove(temporary.path).catch(() => {/* the first error is the one to tell */});
    throw error;
  } finally {
    temporary.file.close();
  }
}

/** Links; `false`, if that can't be done: another file system, too many links, somebody's file. */
async function link(source: string, target: string): Promise<boolean> {
  const directory = dirname(target);
  await Deno.mkdir(directory, { recursive: true });
  const temporary = join(directory, TEMPORARY_PREFIX + crypto.randomUUID());
  try {
    await Deno.link(source, temporary);
  } catch {
    // Whatever is wrong with source or directory, the copy meets it too, and tells it.
    return false;
  }
  try {
    await Deno.rename(temporary, target);
  } finally {
    // A rename between two names of one file leaves both.
    await Deno.remove(temporary).catch(() => {/* it has its name */});
  }
  return true;
}
