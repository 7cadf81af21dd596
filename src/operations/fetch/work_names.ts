/**
 * The names of the working directories of a fetch, without their random part, and those that a thread
 * may use which can't read the directory that they are in.
 *
 * @module
 */

import { basename, dirname, join } from "node:path";
import { realPath } from "../../storage/local/real_path.ts";

/** The end of the name of each working directory, without its random part. */
const NAME = "run-outputs-fetch";

/** The random part. */
const RANDOM = /^[0-9a-f]{12}$/;

/** Where working directories are, each with the beginning of their names. */
export interface WorkPlaces {
  /** In the output directory. */
  readonly inside: string;
  /** Beside it. */
  readonly beside: string;
}

/** The working directories beside an output directory. */
export interface WorkDirs {
  /** The path for a new one. */
  readonly own: string;
  /** Those that are there: left by killed fetches, or in use. */
  readonly left: readonly string[];
}

/** Those that this thread may use beside an output. */
let allowed: WorkDirs | undefined;

/**
 * Sets the only working directories beside an output that this thread may use.
 *
 * @param dirs The directories, from {@linkcode workDirsOf}.
 */
export function allowWorkDirs(dirs: WorkDirs): void {
  allowed = dirs;
}

/**
 * Finds the working directories beside an output directory, and a name for a new one.
 *
 * @param outputDir The output directory, as the user named it.
 * @returns The directories.
 * @throws {RunOutputsError} Errors of the disk.
 */
export async function workDirsOf(outputDir: string): Promise<WorkDirs> {
  const { beside } = workPlaces(await realPath(outputDir));
  return { own: newWorkDir(beside), left: await workDirsAt(beside) };
}

/**
 * The places of the working directories of an output.
 *
 * @param target The output directory's real path.
 * @returns Paths without the random part.
 */
export function workPlaces(target: string): WorkPlaces {
  return {
    inside: join(target, `.${NAME}-`),
    beside: join(dirname(target), `.${basename(target)}.${NAME}-`),
  };
}

/**
 * The path for a new working directory.
 *
 * @param place Its place, from {@linkcode workPlaces}.
 * @returns A path that does not exist yet.
 */
export function newWorkDir(place: string): string {
  if (allowed?.own.startsWith(place)) return allowed.own;
  const random = crypto.getRandomValues(new Uint8Array(6));
  return `${place}${Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/**
 * The paths that have the names of working directories, whoever made them.
 *
 * @param place Their place, from {@linkcode workPlaces}.
 * @returns The paths; none, if the directory can't be listed: we could not have made anything there.
 */
export async function workDirsAt(place: string): Promise<string[]> {
  const start = basename(place);
  const paths: string[] = [];
  try {
    for await (const { name } of Deno.readDir(dirname(place))) {
      if (name.startsWith(start) && RANDOM.test(name.slice(start.length))) {
        paths.push(join(dirname(place), name));
      }
    }
  } catch {
    return allowed?.left.filter((path) => path.startsWith(place)) ?? [];
  }
  return paths;
}
