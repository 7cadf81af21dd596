/**
 * Whether other users can change a cached file between the check of its hash and its use.
 *
 * @module
 */

import { dirname } from "node:path";

/** The administrator, who can change everything anyway. */
const ROOT = 0;

/**
 * Whether only this user can change a file: nobody else owns it or a directory above it, or may
 * write there.
 *
 * @param path The file.
 * @param top The directory above which nothing is checked.
 * @param user The user id of files that this process creates; `undefined` if the system has none.
 * @returns `false` also if this cannot be determined.
 */
export function isOursAlone(path: string, top: string, user: number | null): boolean {
  if (Deno.build.os === "windows") return true;
  try {
    for (let at = path;; at = dirname(at)) {
      const { uid, mode, isSymlink } = at === top ? Deno.statSync(at) : Deno.lstatSync(at);
      if (isSymlink || mode === null || (mode & 0o022) !== 0) return false;
      if (uid !== ROOT && uid !== user) return false;
      if (at === top || dirname(at) === at) return true;
    }
  } catch {
    return false;
  }
}
