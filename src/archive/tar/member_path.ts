/**
 * From the name of a member, or the text of a link, to segments that can be trusted. Pure.
 *
 * @module
 */

import { quote } from "../../errors/error.ts";
import { encodeWindowsName } from "../../layout/local_name.ts";
import { isReservedName } from "../../layout/reserved_names.ts";
import { BadArchive } from "./bad_archive.ts";

/** Whose rules names have to follow on disk. */
export type PathStyle = "posix" | "windows";

/** A place below the root of what is unpacked: the names on the way to it, none for the root. */
export type Segments = readonly string[];

/** Where a member belongs, or why it belongs nowhere. */
export type MapMember = (segments: Segments) => Segments | "ancestor" | undefined;

/**
 * The longest name of one file or directory, in bytes of UTF-8: that of common file systems.
 */
export const MAX_NAME_BYTES = 255;

/**
 * The longest path of a member, and the longest text of a link, in bytes of UTF-8. Linux takes
 * 4,095, and the directory that is unpacked to has to fit as well.
 */
export const MAX_PATH_BYTES = 3072;

/** The most directories on the way to a member: many times what real ones have. */
export const MAX_SEGMENTS = 256;

/**
 * Takes the name of a member apart.
 *
 * `./` and doubled slashes are passed over, as every tar does.
 *
 * @param name The name as it stands in the archive.
 * @returns Its segments; none for the root itself.
 * @throws {BadArchive} If it is absolute, has `..` in it, is empty or too long, or is one that our
 * own working files have.
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
 * Takes the text of a symbolic link apart.
 *
 * @param text The text as it stands in the archive.
 * @returns Its segments, with `..` where it has them; none for `.`.
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

/** The bytes of a text in UTF-8; a text that can't have more than a limit is not looked at. */
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
 * @param style Whose rules.
 * @returns The segment itself or, for Windows, with what that refuses encoded.
 */
export function diskName(segment: string, style: PathStyle): string {
  return style === "windows" ? encodeWindowsName(segment) : segment;
}

/**
 * The text of a symbolic link on disk.
 *
 * @param text The text as it stands in the archive.
 * @param style Whose rules.
 * @returns The text itself or, for Windows, with its separator and its names.
 */
export function diskLink(text: string, style: PathStyle): string {
  if (style === "posix") return text;
  const names = linkSegments(text);
  return names.map((name) => name === ".." ? name : encodeWindowsName(name)).join("\\") || ".";
}

/**
 * What two names have in common that a disk without upper and lower case can't tell apart. Apple's
 * also take composed and decomposed letters for one, and don't see characters of no width.
 *
 * @param path A path.
 * @returns The same for all that would collide.
 */
export function foldCase(path: string): string {
  return path.replace(/\p{Default_Ignorable_Code_Point}/gu, "").normalize("NFC").toUpperCase();
}
