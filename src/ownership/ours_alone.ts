/**
 * Whether a place on disk belongs to one user alone: nobody else can change it, or put something
 * else in its place.
 *
 * @module
 */

import { wayTo } from "./way_to.ts";

/** The administrator, who can change everything anyway. */
const ROOT = 0;

/** In a sticky directory such as `/tmp`, all may create, and only owners rename and delete. */
const STICKY = 0o1000;

/** A directory, file or link that other users can change. */
export interface OpenPlace {
  /** Its path: the one that was asked about, or one on the way to it. */
  readonly path: string;
  /** The reason, for messages: the path is the subject of it. */
  readonly why:
    | "belongs to another user"
    | "its group may write to it"
    | "all users may write to it"
    | "can't be checked";
}

/**
 * Finds what other users could change on the way from `/` to a path, or there. Links are followed,
 * and the directories on their way are checked too.
 *
 * The result holds as long as the user and root change nothing: what others cannot write to, or is
 * in a sticky directory and belongs to the user, they can neither rename nor replace.
 *
 * @param path The directory or file. It must exist.
 * @param user The user id of files that this process creates; `null` if it is unknown.
 * @returns The first such place; `undefined`, if only this user and root can change the path, and
 * on Windows.
 */
export function openPlace(path: string, user: number | null): OpenPlace | undefined {
  if (Deno.build.os === "windows") return undefined;
  let at = "/";
  try {
    for (const { path: here, info, isAbove } of wayTo(path)) {
      at = here;
      const why = reason(info, user, isAbove);
      if (why !== undefined) return { path: here, why };
    }
    return undefined;
  } catch {
    return { path: at, why: "can't be checked" };
  }
}

/**
 * Whether only this user and root can change a place: nobody else owns it, a directory above it or
 * a link on the way to it, or may write there.
 *
 * @param path The directory or file.
 * @param user The user id of files that this process creates; `null` if it is unknown.
 * @returns `false` also if this cannot be determined.
 */
export function isOursAlone(path: string, user: number | null): boolean {
  return openPlace(path, user) === undefined;
}

function reason(
  { uid, mode, isSymlink, isDirectory }: Deno.FileInfo,
  user: number | null,
  isAbove: boolean,
): OpenPlace["why"] | undefined {
  if (uid === null || mode === null) return "can't be checked";
  if (uid !== ROOT && uid !== user) return "belongs to another user";
  // The mode of a link means nothing.
  if (isSymlink || (isAbove && isDirectory && (mode & STICKY) !== 0)) return undefined;
  if ((mode & 0o002) !== 0) return "all users may write to it";
  if ((mode & 0o020) !== 0) return "its group may write to it";
  return undefined;
}
