/**
 * Detects symbolic links between a directory given by the user and a file that an upload takes by
 * name. Whatever creates the directory, such as a build, could lead out of it with them.
 *
 * @module
 */

import { join, relative } from "node:path";
import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";

/**
 * Finds a symbolic link in the path of a file.
 *
 * @param dir The directory given by the user, which may be a link itself.
 * @param path A path below it.
 * @returns The first link; `undefined`, if there is none, or the path does not exist.
 * @throws {RunOutputsError} Errors of the disk.
 */
export async function linkOnTheWay(dir: string, path: string): Promise<string | undefined> {
  let at = dir;
  for (const name of relative(dir, path).split(/[\\/]/)) {
    if (name === "") continue;
    at = join(at, name);
    try {
      if ((await Deno.lstat(at)).isSymlink) return at;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
        return undefined;
      }
      throw diskError("read", at, error);
    }
  }
}

/**
 * Rejects a path that goes through a symbolic link.
 *
 * @param dir The directory given by the user.
 * @param path A path below it.
 * @throws {RunOutputsError} `failed`, naming the link; or errors of the disk.
 */
export async function refuseLinks(dir: string, path: string): Promise<void> {
  const link = await linkOnTheWay(dir, path);
  if (link === undefined) return;
  throw new RunOutputsError(
    "failed",
    `Cannot upload '${path}': '${link}' is a symbolic link, which could lead out of '${dir}'; ` +
      "put the files there, or upload them by a command that takes their path",
  );
}
