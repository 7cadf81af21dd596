/**
 * From the name of a member, or the text of a link, to segments that can be trusted. Pure.
 *
 * @module
 */

import { quote } from "../../errors/error.ts";
import { encodeWindowsName } from "../../layout/local_name.ts";
import { BadArchive } from "./bad_archive.ts";

/** Whose rules names have to follow on disk. */
export type PathStyle = "posix" | "windows";

/** A place below the root of what is unpacked: the names on the way to it, none for the root. */
export type Segments = readonly string[];

/** Where a member belongs, or why it belongs nowhere. */
export type MapMember = (segments: Segments) => Segments | "ancestor" | undefined;

/**
 * Takes the name of a member apart.
 *
 * `./` and doubled slashes are passed over, as every tar does.
 *
 * @param name The name as it stands in the archive.
 * @returns Its segments; none for the root itself.
 * @throws {BadArchive} If it is absolute, has `..` in it, or is empty.
 */
export function memberSegments(name: string): string[] {
  if (name === "") throw new BadArchive("a member has no name");
  refuseAbsolute(name, "its name");
  const segments = name.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (segments.includes("..")) throw new BadArchive("its name leads upwards by '..'", name);
  return segments;
}

/**
 * Takes the text of a symbolic link apart.
 *
 * @param text The text as it stands in the archive.
 * @returns Its segments, with `..` where it has them; none for `.`.
 * @throws {BadArchive} If it is absolute or empty.
 */
export function linkSegments(text: string): string[] {
  if (text === "") throw new BadArchive("it is a link to nothing");
  refuseAbsolute(text, `its target ${quote(text)}`);
  return text.split("/").filter((segment) => segment !== "" && segment !== ".");
}

function refuseAbsolute(path: string, what: string): void {
  if (path.includes("\0")) throw new BadArchive(`${what} has a NUL byte`);
  if (path.startsWith("/")) throw new BadArchive(`${what} is absolute`);
  if (/^(?:[A-Za-z]:(?:[\\/]|$)|\\\\)/.test(path)) {
    throw new BadArchive(`${what} is an absolute one of Windows`);
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
 * What two names have in common that a disk without upper and lower case can't tell apart.
 *
 * @param path A path.
 * @returns The same for all that would collide.
 */
export function foldCase(path: string): string {
  return path.normalize("NFC").toUpperCase();
}
