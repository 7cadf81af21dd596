/**
 * Turns names of members and targets of links into safe path segments. Pure.
 *
 * @module
 */

import { quote } from "../../errors/error.ts";
import { encodeWindowsName } from "../../layout/local_name.ts";
import { isReservedName } from "../../layout/reserved_names.ts";
import { BadArchive } from "./bad_archive.ts";

/** The system whose rules apply to names on disk. */
export type PathStyle = "posix" | "windows";

/** A path below the root that is unpacked to, as segments; empty for the root. */
export type Segments = readonly string[];

/** Maps a member to a path, or says why it has none. */
export type MapMember = (segments: Segments) => Segments | "ancestor" | undefined;

/** The maximum length of a file name, in UTF-8 bytes: that of common file systems. */
export const MAX_NAME_BYTES = 255;

/**
 * The maximum length of a member's path, and of a link's target, in UTF-8 bytes. Linux allows
 * 4,095, which must include the output directory.
 */
export const MAX_PATH_BYTES = 3072;

/** The maximum number of directories in a member's path: many times that of real ones. */
export const MAX_SEGMENTS = 256;

/**
 * Splits the name of a member into segments.
 *
 * `./` and repeated slashes are ignored, as in every tar.
 *
 * @param name The name in the archive.
 * @returns Its segments; empty for the root itself.
 * @throws {BadArchive} If it is absolute, contains `..`, is empty or too long, or is reserved for
 * our own working files.
 */
export function memberSegments(name: string): string[] {
  if (name === "") throw new BadArchive("a member has no name");
  refuseLong(name, "its name");
  refuseAbsolute(name, "its name");
  const segments = splitPath(name);
  if (segments.includes("..")) throw new BadArchive("its name contains '..'", name);
  refuseReserved(segments, "its name");
  return segments;
}

/**
 * Splits the target of a symbolic link into segments.
 *
 * @param text The target in the archive.
 * @returns Its segments, including `..`; empty for `.`.
 * @throws {BadArchive} If it is absolute, empty or too long, or leads to our own working files.
 */
export function linkSegments(text: string): string[] {
  if (text === "") throw new BadArchive("its link target is empty");
  refuseLong(text, "its target");
  refuseAbsolute(text, `its target ${quote(text)}`);
  const segments = splitPath(text);
  refuseReserved(segments, `its target ${quote(text)}`);
  return segments;
}

function splitPath(path: string): string[] {
  return path.split("/").filter((segment) => segment !== "" && segment !== ".");
}

function refuseLong(path: string, what: string): void {
  if (byteLength(path, MAX_PATH_BYTES) > MAX_PATH_BYTES) {
    throw new BadArchive(`${what} is longer than ${MAX_PATH_BYTES} bytes`);
  }
  const names = path.split("/");
  if (names.length > MAX_SEGMENTS) {
    throw new BadArchive(`${what} has more than ${MAX_SEGMENTS} parts`);
  }
  if (names.some((name) => byteLength(name, MAX_NAME_BYTES) > MAX_NAME_BYTES)) {
    throw new BadArchive(`a part of ${what} is longer than ${MAX_NAME_BYTES} bytes`);
  }
}

/** The length of a text in UTF-8 bytes. Texts that cannot exceed the limit are not encoded. */
function byteLength(text: string, limit: number): number {
  return text.length * 3 <= limit || text.length > limit
    ? text.length
    : encoder.encode(text).length;
}

const encoder = new TextEncoder();

function refuseReserved(segments: Segments, what: string): void {
  const reserved = segments.find(isReservedName);
  if (reserved === undefined) return;
  throw new BadArchive(
    `${what} has ${quote(reserved)} in it, a name reserved for working files of run-outputs`,
  );
}

function refuseAbsolute(path: string, what: string): void {
  if (path.includes("\0")) throw new BadArchive(`${what} has a NUL byte`);
  if (path.startsWith("/")) throw new BadArchive(`${what} is absolute`);
  if (/^(?:[A-Za-z]:(?:[\\/]|$)|\\\\)/.test(path)) {
    throw new BadArchive(`${what} is an absolute Windows path`);
  }
}

/**
 * The name of a segment on disk.
 *
 * @param segment One segment of a member's name.
 * @param style The rules for names.
 * @returns The segment itself or, for Windows, with invalid characters encoded.
 */
export function diskName(segment: string, style: PathStyle): string {
  return style === "windows" ? encodeWindowsName(segment) : segment;
}

/**
 * The target of a symbolic link on disk.
 *
 * @param text The target in the archive.
 * @param style The rules for names.
 * @returns The target itself or, for Windows, with its separators and names converted.
 */
export function diskLink(text: string, style: PathStyle): string {
  if (style === "posix") return text;
  const names = linkSegments(text);
  return names.map((name) => name === ".." ? name : encodeWindowsName(name)).join("\\") || ".";
}

/**
 * Folds names that a disk treats as equal to the same text. Apple's disks also ignore the
 * composition of letters, and invisible characters.
 *
 * @param path A path.
 * @returns The same text for all paths that would collide.
 */
export function foldCase(path: string): string {
  return path.replace(/\p{Default_Ignorable_Code_Point}/gu, "").normalize("NFC").toUpperCase();
}
