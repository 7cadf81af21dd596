/**
 * `artifact_manifest.txt`: the directories of an artifact, and which members belong to them. The
 * same rule for packing and unpacking. Pure.
 *
 * @module
 */

import { quote } from "../../errors/error.ts";
import { BadArchive } from "./bad_archive.ts";
import { type MapMember, memberSegments, type Segments } from "./member_path.ts";

/** The name of the file that is first in an artifact archive and lists its directories. */
export const ARTIFACT_MANIFEST = "artifact_manifest.txt";

/** The maximum size of a manifest, in bytes. */
export const MAX_MANIFEST = 1024 * 1024;

/** One line of a manifest. */
export interface Relpath {
  /** The line without surrounding blanks. Names of members begin with it and a slash. */
  readonly text: string;
  /** The segments of the path. */
  readonly segments: Segments;
}

/**
 * Parses a manifest: one relative path per line.
 *
 * @param bytes Its content.
 * @returns The paths in order, without blank lines.
 * @throws {BadArchive} If it is too long or not UTF-8, or a path leads out of the artifact.
 */
export function parseManifest(bytes: Uint8Array): Relpath[] {
  checkManifestSize(bytes.length);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new BadArchive("it is not UTF-8");
  }
  return text.split("\n").flatMap((raw, i) => {
    const line = raw.trim();
    if (line === "") return [];
    try {
      const segments = memberSegments(line);
      if (segments.length === 0) throw new BadArchive("it names the whole directory");
      return [{ text: line, segments }];
    } catch (error) {
      if (!(error instanceof BadArchive)) throw error;
      const reason = error.message.replace(/^its name/, "it");
      throw new BadArchive(`line ${i + 1}, ${quote(line)}: ${reason}`);
    }
  });
}

/**
 * Rejects a manifest that is too long, before it is read.
 *
 * @param size Its size in bytes.
 * @throws {BadArchive} If it is too long.
 */
export function checkManifestSize(size: number): void {
  if (size > MAX_MANIFEST) {
    throw new BadArchive(`it has ${size} bytes, too many for a list of paths`);
  }
}

/**
 * The listed path above a member: the first one that contains it.
 *
 * @param relpaths The manifest's paths.
 * @param segments The member's path. A listed directory is not below itself.
 * @returns The path; `undefined` if no listed path contains the member.
 */
export function relpathOf(
  relpaths: readonly Relpath[],
  segments: Segments,
): Relpath | undefined {
  return relpaths.find((relpath) =>
    relpath.segments.length < segments.length && startsWith(segments, relpath.segments)
  );
}

/**
 * Whether a directory is listed, or contains a listed one.
 *
 * @param relpaths The manifest's paths.
 * @param segments The directory's path.
 * @returns `true`, if something in it can be below a listed path.
 */
export function leadsToRelpath(relpaths: readonly Relpath[], segments: Segments): boolean {
  return relpaths.some((relpath) => startsWith(relpath.segments, segments));
}

/**
 * Maps the members of an archive by its manifest.
 *
 * @param relpaths The manifest's paths.
 * @param strip Whether to remove the listed path from the beginning of a member's path.
 * @returns The mapping: `"ancestor"` for a listed path and for directories above one, which are not
 * part of the content; `undefined` for members below no listed path.
 */
export function mapByManifest(relpaths: readonly Relpath[], strip: boolean): MapMember {
  return (segments) => {
    const relpath = relpathOf(relpaths, segments);
    if (relpath !== undefined) return strip ? segments.slice(relpath.segments.length) : segments;
    return leadsToRelpath(relpaths, segments) ? "ancestor" : undefined;
  };
}

function startsWith(segments: Segments, prefix: Segments): boolean {
  return prefix.length <= segments.length && prefix.every((name, i) => name === segments[i]);
}
