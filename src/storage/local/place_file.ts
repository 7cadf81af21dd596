/**
 * Gives a file another name: by a copy that shares its blocks if the file system can, or by a hard
 * link. The name appears atomically, and replaces an existing file.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { diskError } from "../../errors/disk.ts";
import { createTemporary, TEMPORARY_PREFIX, writeFileAtomic } from "./atomic_file.ts";
import { readFile } from "../byte_source.ts";
import { makeDirs } from "./make_dirs.ts";

/** Options of {@linkcode placeFile}. */
export interface PlaceOptions {
  /**
   * Try a hard link first: it takes no space and no time. Changes of its content or mode then
   * affect the source too. Default: `false`.
   */
  readonly hardLink?: boolean;
  /** Aborts before the next step; a copy inside the system cannot be aborted. */
  readonly signal?: AbortSignal;
}

/** How a file got its second name. */
export type Placement = "copy" | "hardlink";

/**
 * Gives a file's content a second name. A copy is a new file; its mode follows the umask.
 *
 * @param source The file.
 * @param target The name; missing directories above it are created.
 * @param options Copy or link.
 * @returns How it was done. If the system rejects a hard link, the file is copied.
 * @throws {RunOutputsError} Errors of the disk. An existing file then stays.
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
    // Windows cannot copy into locked files, such as our temporary ones.
    if (Deno.build.os === "windows") await writeFileAtomic(target, readFile(source), { signal });
    else await copy(source, target, signal);
    return "copy";
  } catch (error) {
    signal?.throwIfAborted();
    throw diskError("write", target, error);
  }
}

/** Copies with the call that lets the system share blocks (reflinks) or copy by itself. */
async function copy(
  source: string,
  target: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const temporary = await createTemporary(dirname(target));
  try {
    const { mode } = await temporary.file.stat();
    await Deno.copyFile(source, temporary.path);
    // The copy has the mode of the source.
    if (mode !== null) await Deno.chmod(temporary.path, mode & 0o777);
    signal?.throwIfAborted();
    await Deno.rename(temporary.path, target);
  } catch (error) {
    await Deno.remove(temporary.path).catch(() => {/* the first error is thrown */});
    throw error;
  } finally {
    temporary.file.close();
  }
}

/**
 * Creates a hard link; `false`, if it fails: another file system, too many links, another owner.
 */
async function link(source: string, target: string): Promise<boolean> {
  const directory = dirname(target);
  makeDirs(directory);
  const temporary = join(directory, TEMPORARY_PREFIX + crypto.randomUUID());
  try {
    await Deno.link(source, temporary);
  } catch {
    // Other errors of source or directory occur in the copy too, which reports them.
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
