/**
 * Lists the members of a directory for an archive, in a fixed order.
 *
 * @module
 */

import { basename, join } from "node:path";
import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import {
  ARTIFACT_MANIFEST,
  checkManifestSize,
  leadsToRelpath,
  parseManifest,
  type Relpath,
  relpathOf,
} from "./artifact_manifest.ts";
import { BadArchive } from "./bad_archive.ts";
import type { Segments } from "./member_path.ts";

export { ARTIFACT_MANIFEST };

/** A member for a new archive. */
export interface ArchiveMember {
  /** Its name in the archive: relative, with `/`; a directory has no trailing slash. */
  readonly name: string;
  /** Its path on disk. */
  readonly path: string;
  /** Its type. */
  readonly type: "file" | "directory" | "symlink" | "hardlink";
  /** The size in bytes; 0 for everything except files. */
  readonly size: number;
  /** The permission bits. On Windows, which has none, those of a common umask. */
  readonly mode: number;
  /** Its modification time. */
  readonly modified: Date;
  /** The target of a link: unchanged for a symbolic link, the name of a member for a hard link. */
  readonly target?: string;
}

/** Options of {@linkcode listMembers}. */
export interface ListMembersOptions {
  /** A file to put first, if it exists. */
  readonly first?: string;
  /** Aborts the walk. */
  readonly signal?: AbortSignal;
}

/**
 * Lists everything in a directory as members of an archive.
 *
 * Members are sorted by name, whatever the order of the file system, so the same tree gives the
 * same archive. A second name of a file becomes a hard link to the first.
 *
 * @param dir The directory.
 * @param options The first file; a signal.
 * @returns The members, without the directory itself.
 * @throws {RunOutputsError} `invalid`, for a device, socket or pipe, and for a name or a link
 * target that is not UTF-8; or errors of the disk.
 */
export async function listMembers(
  dir: string,
  options: ListMembersOptions = {},
): Promise<ArchiveMember[]> {
  return await walk(dir, options, (segments) => ({ name: segments.join("/"), linkGroup: "" }));
}

/** The members of an artifact. */
export interface ArtifactMembers {
  /** The manifest, and what is below the paths that it lists. */
  readonly members: readonly ArchiveMember[];
  /** The paths that the manifest lists. */
  readonly relpaths: readonly Relpath[];
  /** Everything else, by path relative to the directory; for a directory only itself. */
  readonly leftOut: readonly string[];
}

/**
 * Lists the members of an artifact's archive: `artifact_manifest.txt` and what is below the paths
 * that it lists. Readers of the live system reject anything else, including a directory above a
 * listed path and the listed directory itself.
 *
 * @param dir The artifact's directory.
 * @param options A signal.
 * @returns The members, the manifest first, and what is not included.
 * @throws {BadArchive} If there is no manifest, or it has an invalid line.
 * @throws {RunOutputsError} As {@linkcode listMembers}.
 */
export async function listArtifactMembers(
  dir: string,
  options: Pick<ListMembersOptions, "signal"> = {},
): Promise<ArtifactMembers> {
  const relpaths = await readManifest(join(dir, ARTIFACT_MANIFEST));
  const leftOut: string[] = [];
  const members = await walk(dir, { ...options, first: ARTIFACT_MANIFEST }, (segments, type) => {
    const name = segments.join("/");
    // No member is a hard link to the manifest, which is not part of the unpacked content.
    if (name === ARTIFACT_MANIFEST) return { name, linkGroup: name };
    const relpath = relpathOf(relpaths, segments);
    if (relpath !== undefined) {
      const below = segments.slice(relpath.segments.length).join("/");
      // Flattening can map names from two paths to the same path, so links stay within one.
      return { name: `${relpath.text}/${below}`, linkGroup: relpath.text };
    }
    if (type === "directory" && leadsToRelpath(relpaths, segments)) return "descend";
    leftOut.push(name);
    return "leave out";
  });
  return { members, relpaths, leftOut };
}

async function readManifest(path: string): Promise<Relpath[]> {
  try {
    const { isFile, size } = await Deno.lstat(path);
    if (!isFile) throw new Deno.errors.NotFound();
    checkManifestSize(size);
    return parseManifest(await Deno.readFile(path));
  } catch (error) {
    if (error instanceof BadArchive) throw new BadArchive(error.message, ARTIFACT_MANIFEST);
    if (!(error instanceof Deno.errors.NotFound)) throw diskError("read", path, error);
    throw new BadArchive(`it has no ${ARTIFACT_MANIFEST}`);
  }
}

/** How a path in a directory is included. */
type Choice =
  | {
    /** Its name in the archive. */
    readonly name: string;
    /** Files with several names become hard links within the same group. */
    readonly linkGroup: string;
  }
  | "descend"
  | "leave out";

async function walk(
  dir: string,
  options: ListMembersOptions,
  choose: (segments: Segments, type: "directory" | "other") => Choice,
): Promise<ArchiveMember[]> {
  const members: ArchiveMember[] = [];
  const groups = new Map<string, Map<string, string>>();

  async function walkInto(path: string, above: Segments): Promise<void> {
    const entries = await Array.fromAsync(Deno.readDir(path));
    entries.sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
    const first = entries.findIndex(({ name }) => name === options.first);
    if (above.length === 0 && first > 0) entries.unshift(...entries.splice(first, 1));
    for (const [i, { name: entry, isDirectory }] of entries.entries()) {
      options.signal?.throwIfAborted();
      const inside = join(path, entry);
      // A listing replaces a name that is not UTF-8 by another, which can exist too.
      if (entry === entries[i - 1]?.name) {
        throw cannotPack(inside, "the name of a file next to it is not UTF-8");
      }
      const segments = [...above, entry];
      const choice = choose(segments, isDirectory ? "directory" : "other");
      if (choice === "leave out") continue;
      if (choice !== "descend") {
        const { name, linkGroup } = choice;
        if (!groups.has(linkGroup)) groups.set(linkGroup, new Map());
        members.push(await lookAt(name, inside, groups.get(linkGroup)));
      }
      if (isDirectory) await walkInto(inside, segments);
    }
  }

  try {
    await walkInto(dir, []);
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
 * @param path Its path on disk.
 * @param firstNames The name of the first member for each file with several names; this call adds
 * to it.
 * @returns The member.
 * @throws {RunOutputsError} `invalid`, for a device, socket or pipe, and for a name or a link
 * target that is not UTF-8; or errors of the disk, as thrown by `Deno`.
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

/** A listed name that replaces one that is not UTF-8 does not exist. */
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
