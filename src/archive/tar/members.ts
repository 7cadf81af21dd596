/**
 * What goes into an archive: the members of a directory, in a fixed order.
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
  /** Aborts the walk. */
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
  return await walk(dir, options, (segments) => ({ name: segments.join("/"), linkGroup: "" }));
}

/** The members of an artifact. */
export interface ArtifactMembers {
  /** What goes in: the manifest, and what is below the paths that it lists. */
  readonly members: readonly ArchiveMember[];
  /** The paths that the manifest lists. */
  readonly relpaths: readonly Relpath[];
  /** What is beside them, by its path in the directory; of a directory only itself. */
  readonly leftOut: readonly string[];
}

/**
 * Lists what goes into the archive of an artifact: `artifact_manifest.txt` and what is below the
 * paths that it lists. Readers of the live system refuse anything else, a directory above a listed
 * path and the listed directory itself included.
 *
 * @param dir The artifact's directory.
 * @param options A signal.
 * @returns The members, the manifest first, and what is left out.
 * @throws {BadArchive} If there is no manifest, or a line of it can't be used.
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
    // No member is a hard link to the manifest: that is not a part of the unpacked content.
    if (name === ARTIFACT_MANIFEST) return { name, linkGroup: name };
    const relpath = relpathOf(relpaths, segments);
    if (relpath !== undefined) {
      const below = segments.slice(relpath.segments.length).join("/");
      // Flattening can give two names under two paths the same place, so links stay within one.
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

/** What becomes of something in a directory. */
type Choice =
  | {
    /** Its name in the archive. */
    readonly name: string;
    /** Files that have several names become hard links where both are in the same group. */
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
      // A listing tells a name that is not UTF-8 as another one, and that other can be there too.
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
