/**
 * Checks of directories: whether they can be written, whose they are, how large, and whether their
 * disks have space.
 *
 * @module
 */

import { join, resolve } from "node:path";
import { diskError } from "../../errors/disk.ts";
import { formatBytes, plural } from "../../layout/words.ts";
import { openPlace } from "../../ownership/ours_alone.ts";
import { probeOwner } from "../../ownership/own_user.ts";
import { nearestExisting } from "../../storage/local/enough_space.ts";
import { freeSpace, type ReadSpace } from "../../storage/local/free_space.ts";
import { type Check, failed, ok, warning } from "./check.ts";

/** A directory that the program uses. */
export interface UsedDirectory {
  /** The name of its check. */
  readonly name: string;
  /** Its path; `undefined`, if the environment names none. */
  readonly path: string | undefined;
  /** What is missing without it, and how to name one: the end of a sentence. */
  readonly without: string;
}

/** Less free space does not hold the artifacts of a run, in bytes. */
const LITTLE = 20 * 1024 ** 3;

/** With less, the next file fails. */
const NOTHING = 100 * 1024 ** 2;

/** The number of files after which a size is not counted to the end. */
const MAX_FILES = 200_000;

/**
 * Checks a directory of the user that the program creates and fills.
 *
 * @param used The directory.
 * @returns The check.
 */
export function directoryCheck({ name, path, without }: UsedDirectory): Check {
  return {
    name,
    run: async (signal) => {
      if (path === undefined) {
        return warning("no directory: HOME is not set", without, { path: null });
      }
      const existing = await nearestExisting(path);
      const isThere = existing === resolve(path);
      let owner: number | null;
      try {
        owner = await probeOwner(existing);
      } catch (error) {
        const { message } = diskError("write to", existing, error);
        return warning(message, without, { path, exists: isThere, writable: false });
      }
      const open = openPlace(existing, owner);
      const { files, bytes, all } = isThere
        ? await sizeOf(existing, signal)
        : { files: 0, bytes: 0, all: true };
      const details = {
        path,
        exists: isThere,
        writable: true,
        private: open === undefined,
        files,
        bytes,
      };
      if (open !== undefined) {
        return warning(
          `'${open.path}' ${open.why}`,
          `what others could have changed in '${path}' is not used: choose another directory, or ` +
            "change the owner or the mode",
          details,
        );
      }
      if (!isThere) return ok(`${path}, created when it is needed`, details);
      const size = `${plural(files, "file")}, ${formatBytes(bytes)}`;
      return ok(`${path}: ${all ? size : `more than ${size}`}`, details);
    },
  };
}

/**
 * Checks a local directory with runs.
 *
 * @param path The directory.
 * @param writeTest Whether to create something in it.
 * @returns The check.
 */
export function stagingCheck(path: string, writeTest: boolean): Check {
  return {
    name: "staging-directory",
    run: async () => {
      let entries = 0;
      try {
        for await (const _ of Deno.readDir(path)) if (++entries === 1000) break;
      } catch (error) {
        return failed(diskError("list", path, error));
      }
      const details = { path, writable: writeTest ? true : null };
      if (!writeTest) return ok(`${path} can be listed`, details);
      try {
        await probeOwner(path);
        return ok(`${path} can be listed and written`, details);
      } catch (error) {
        const refused = failed(diskError("write to", path, error));
        return { ...refused, details: { path, writable: false } };
      }
    },
  };
}

/**
 * Checks the space of disks.
 *
 * @param paths Directories on them; they need not exist.
 * @param read Reads the state of the file system of a path.
 * @returns The check.
 */
export function diskCheck(
  paths: readonly string[],
  read?: ReadSpace,
): Check {
  return {
    name: "disk",
    run: async () => {
      const places = new Map<string, number>();
      for (const path of paths) {
        const existing = await nearestExisting(path);
        try {
          places.set(existing, await freeSpace(existing, read));
        } catch (error) {
          return { ...failed(error), status: "warning" };
        }
      }
      const [path, least] = [...places].reduce((a, b) => b[1] < a[1] ? b : a);
      const details = Object.fromEntries(places);
      const message = [...places].map(([path, free]) => `${formatBytes(free)} free in ${path}`)
        .join(", ");
      if (least < NOTHING) {
        return { status: "error", message, advice: `delete files below ${path}`, details };
      }
      return least < LITTLE
        ? warning(
          message,
          "the artifacts of a whole run can take more than 20 GiB, see --cache-size",
          details,
        )
        : ok(message, details);
    },
  };
}

async function sizeOf(
  path: string,
  signal: AbortSignal,
): Promise<{ readonly files: number; readonly bytes: number; readonly all: boolean }> {
  let files = 0;
  let bytes = 0;
  const ahead = [path];
  for (let dir = ahead.pop(); dir !== undefined; dir = ahead.pop()) {
    try {
      for await (const entry of Deno.readDir(dir)) {
        signal.throwIfAborted();
        const at = join(dir, entry.name);
        if (entry.isDirectory) {
          ahead.push(at);
          continue;
        }
        // Another process may delete it meanwhile.
        bytes += (await Deno.lstat(at).catch(() => undefined))?.size ?? 0;
        if (++files === MAX_FILES) return { files, bytes, all: false };
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return { files, bytes, all: true };
}
