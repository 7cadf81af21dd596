/**
 * What goes into an archive: the members of a directory, in a fixed order.
 *
 * @module
 */

import { basename, join } from "node:path";
import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";

/** The name of the file that comes first in an artifact archive and lists its directories. */
export const ARTIFACT_MANIFEST = "artifact_manifest.txt";

/** One member of an archive that is to be made. */
export interface ArchiveMember {
  /** Its name in the archive: relative, with `/`, a directory's without a trailing one. */
  readonly name: string;
  /** Where it is on disk. */
  readonly path: string;
  /** What it is. */
  readonly type: "file" | "directory" | "symlink" | "hardlink";
  /** The size in bytes; 0 for anything but a file. */
  readonly size: number;
  /** The permission bits. Windows has none: directories and files get those of a common umask. */
  readonly mode: number;
  /** When it was last changed. */
  readonly modified: Date;
  /** Where a link points: as it stands for a symbolic one, a member's name for a hard one. */
  readonly target?: string;
}

/** Options of {@linkcode listMembers}. */
export interface ListMembersOptions {
  /** A file that comes before all others, if it is there. */
  readonly first?: string;
  /** Stops the walk. */
  readonly signal?: AbortSignal;
}

/**
 * Lists all that is in a directory as members of an archive.
 *
 * The order is that of the names, whatever the file system's, so the same tree makes the same
 * archive. A second name of one file becomes a hard link to the first.
 *
 * @param dir The directory.
 * @param options What comes first; a signal.
 * @returns The members; the directory itself is none.
 * @throws {RunOutputsError} `invalid`, for a device, socket or pipe, and for a name or a link's
 * target that is not UTF-8; or what the disk says.
 */
export async function listMembers(
  dir: string,
  options: ListMembersOptions = {},
): Promise<ArchiveMember[]> {
  const members: ArchiveMember[] = [];
  const firstNames = new Map<string, string>();

  async function walk(path: string, above: string): Promise<void> {
    const names: string[] = [];
    for await (const entry of Deno.readDir(path)) names.push(entry.name);
    names.sort();
    if (above === "" && options.first !== undefined && names.includes(options.first)) {
      names.splice(names.indexOf(options.first), 1);
      names.unshift(options.first);
    }
    for (const [i, entry] of names.entries()) {
      options.signal?.throwIfAborted();
      const name = above + entry;
      const inside = join(path, entry);
      // A listing tells a name that is not UTF-8 as another one, and that other can be there too.
      if (entry === names[i - 1]) {
        throw cannotPack(inside, "the name of a file next to it is not UTF-8");
      }
      const member = await lookAt(name, inside, firstNames);
      members.push(member);
      if (member.type === "directory") await walk(inside, `${name}/`);
    }
  }

  try {
    await walk(dir, "");
  } catch (error) {
    options.signal?.throwIfAborted();
    throw diskError("read", dir, error);
  }
  return members;
}

/**
 * Describes one file, directory or link as a member.
 *
 * @param name Its name in the archive.
 * @param path Where it is on disk.
 * @param firstNames The name of the first member for each file that has several names; this call
 * adds to it.
 * @returns The member.
 * @throws {RunOutputsError} `invalid`, for a device, socket or pipe, and for a name or a link's
 * target that is not UTF-8; or what the disk says, as `Deno` throws it.
 */
export async function lookAt(
  name: string,
  path: string,
  firstNames: Map<string, string> = new Map(),
): Promise<ArchiveMember> {
  const stat = await lstat(path);
  const modified = stat.mtime ?? new Date(0);
  const mode = stat.mode === null ? (stat.isDirectory ? 0o755 : 0o644) : stat.mode & 0o777;
  const common = { name, path, size: 0, mode, modified };
  if (stat.isDirectory) return { ...common, type: "directory" };
  if (stat.isSymlink) return { ...common, type: "symlink", target: await readLink(path) };
  if (!stat.isFile) {
    throw cannotPack(path, "it is neither a file, a directory nor a link");
  }
  if ((stat.nlink ?? 1) > 1 && stat.ino !== null) {
    const identity = `${stat.dev}:${stat.ino}`;
    const target = firstNames.get(identity);
    if (target !== undefined) return { ...common, type: "hardlink", target };
    firstNames.set(identity, name);
  }
  return { ...common, type: "file", size: stat.size };
}

/** What a listing tells of a name that is not UTF-8 leads to nothing. */
async function lstat(path: string): Promise<Deno.FileInfo> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound && basename(path).includes("\ufffd")) {
      throw cannotPack(path, "its name is not UTF-8");
    }
    throw error;
  }
}

async function readLink(path: string): Promise<string> {
  try {
    return await Deno.readLink(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.InvalidData)) throw error;
    throw cannotPack(path, "it is a link to a name that is not UTF-8");
  }
}

function cannotPack(path: string, why: string): RunOutputsError {
  return new RunOutputsError("invalid", `Cannot pack '${path}': ${why}`);
}
