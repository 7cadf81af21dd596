/**
 * Looks at a disk: names, kinds, links, and paths with links resolved.
 *
 * @module
 */

import { join } from "node:path";
import { diskError } from "../../errors/disk.ts";
import { quote, RunOutputsError } from "../../errors/error.ts";
import { BadArchive } from "../tar/bad_archive.ts";
import { type LinkLookup, LinkWork, resolveLinks } from "./link_model.ts";
import { diskName, foldCase, type PathStyle } from "../tar/member_path.ts";

/** The kind of a path. */
export type Kind = "directory" | "symlink" | "file";

/** The rules for names on this disk. */
export interface DiskRules {
  /** The system whose rules apply to names. */
  readonly style: PathStyle;
  /** Whether the disk ignores case in names. */
  readonly caseless: boolean;
}

/**
 * Resolves all links in a directory's path, except at its end.
 *
 * @param root The directory that it must stay in.
 * @param path The path below it, with names as on disk.
 * @param style The rules for names.
 * @returns The path.
 * @throws {RunOutputsError} `conflict`, if a link leads out or the links form a circle.
 */
export function ownPlace(root: string, path: string, style: PathStyle): string {
  const names = path.split("/");
  const linkAt: LinkLookup = (other) => readLink(join(root, other), style);
  let parent: string | undefined;
  try {
    parent = resolveLinks(names.slice(0, -1), "", linkAt, true, new LinkWork());
  } catch (error) {
    if (!(error instanceof BadArchive)) throw error;
  }
  if (parent === undefined) {
    throw conflictAt(
      join(root, path),
      "a link in its path points outside the target, or is circular",
    );
  }
  return join(parent, names[names.length - 1]);
}

/**
 * The path on disk for a path in an archive.
 *
 * @param path The path, with `/`.
 * @param style The rules for names.
 * @returns The path on disk, still with `/`.
 */
export function diskPath(path: string, style: PathStyle): string {
  return path.split("/").map((name) => diskName(name, style)).join("/");
}

/**
 * Creates the missing directories of a path, but not the one that it begins in: if that is gone,
 * somebody has moved it, and whatever has its name now is not ours.
 *
 * @param root The directory that it begins in.
 * @param path The path in it, with `/`.
 * @throws Errors of the disk; `NotFound`, if the directory is gone.
 */
export function makeDirs(root: string, path: string): void {
  let at = root;
  for (const name of path.split("/")) {
    at = join(at, name);
    try {
      Deno.mkdirSync(at);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
}

/**
 * The kind of a path; a link is not followed.
 *
 * @param path The path.
 * @returns Its kind; `undefined` if it does not exist.
 * @throws {RunOutputsError} Other errors of the disk.
 */
export function kindOf(path: string): Kind | undefined {
  try {
    const stat = Deno.lstatSync(path);
    return stat.isDirectory ? "directory" : stat.isSymlink ? "symlink" : "file";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    // A file is above it, so it does not exist; the conflict is found at that file.
    if (error instanceof Deno.errors.NotADirectory) return undefined;
    throw diskError("read", path, error);
  }
}

/**
 * The target of a link.
 *
 * @param path The path.
 * @param style The rules for names.
 * @returns The target with `/` between names; `undefined` if the path is not a link.
 */
export function readLink(path: string, style: PathStyle): string | undefined {
  try {
    const text = Deno.readLinkSync(path);
    return style === "windows" ? text.replaceAll("\\", "/") : text;
  } catch {
    return undefined;
  }
}

/**
 * The names in a directory, by the folded form that the disk compares.
 *
 * @param directory The directory.
 * @param rules The rules for names on this disk.
 * @returns The names; empty where all names differ, or if there is no such directory.
 */
export function foldedNames(directory: string, { caseless }: DiskRules): Map<string, string> {
  const names = new Map<string, string>();
  if (!caseless || kindOf(directory) !== "directory") return names;
  for (const { name } of Deno.readDirSync(directory)) names.set(foldCase(name), name);
  return names;
}

/**
 * The error of existing content in the target that is in conflict.
 *
 * @param path The path.
 * @param reason What exists, and what is needed.
 * @returns An error with the code `conflict`.
 */
export function conflictAt(path: string, reason: string): RunOutputsError {
  return new RunOutputsError("conflict", `Cannot unpack to ${quote(path)}: ${reason}`);
}
