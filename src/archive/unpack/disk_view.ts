/**
 * What is on a disk: names, kinds, links, and paths with their links followed.
 *
 * @module
 */

import { join } from "node:path";
import { diskError } from "../../errors/disk.ts";
import { quote, RunOutputsError } from "../../errors/error.ts";
import { BadArchive } from "../tar/bad_archive.ts";
import { type LinkLookup, LinkWork, resolveLinks } from "./link_model.ts";
import { diskName, foldCase, type PathStyle } from "../tar/member_path.ts";

/** What is at a path. */
export type Kind = "directory" | "symlink" | "file";

/** How names are on this disk. */
export interface DiskRules {
  /** Whose rules names follow. */
  readonly style: PathStyle;
  /** Whether the disk ignores case in names. */
  readonly caseless: boolean;
}

/**
 * A path of a directory with all links on the way to it followed, and none at its end.
 *
 * @param root The directory that it must not lead out of.
 * @param path The path below it, as its names are on disk.
 * @param style Whose rules names follow.
 * @returns The path.
 * @throws {RunOutputsError} `conflict`, if a link on the way leads out or in circles.
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
 * The name on disk of a path in an archive.
 *
 * @param path The path, with `/`.
 * @param style Whose rules.
 * @returns The path on disk, still with `/`.
 */
export function diskPath(path: string, style: PathStyle): string {
  return path.split("/").map((name) => diskName(name, style)).join("/");
}

/**
 * What is at a path; a link is not followed.
 *
 * @param path The path.
 * @returns Its kind, or `undefined` if nothing is there.
 * @throws {RunOutputsError} What else the disk says.
 */
export function kindOf(path: string): Kind | undefined {
  try {
    const stat = Deno.lstatSync(path);
    return stat.isDirectory ? "directory" : stat.isSymlink ? "symlink" : "file";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    // A file is above it, so it is not there; that the file is in the way is found at the file.
    if (error instanceof Deno.errors.NotADirectory) return undefined;
    throw diskError("read", path, error);
  }
}

/**
 * The text of a link.
 *
 * @param path The path.
 * @param style Whose rules names follow.
 * @returns The text with `/` between its names, or `undefined` if no link is there.
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
 * The names in a directory, by what those have in common that a disk takes for one.
 *
 * @param directory The directory.
 * @param rules How names are on this disk.
 * @returns The names; none where each is one of its own, or where there is no directory.
 */
export function foldedNames(directory: string, { caseless }: DiskRules): Map<string, string> {
  const names = new Map<string, string>();
  if (!caseless || kindOf(directory) !== "directory") return names;
  for (const { name } of Deno.readDirSync(directory)) names.set(foldCase(name), name);
  return names;
}

/**
 * The error of something in the target that is in the way.
 *
 * @param path Where.
 * @param reason What is there, and what is needed.
 * @returns An error with the code `conflict`.
 */
export function conflictAt(path: string, reason: string): RunOutputsError {
  return new RunOutputsError("conflict", `Cannot unpack to ${quote(path)}: ${reason}`);
}
