/**
 * Where archives are packed before they are uploaded.
 *
 * @module
 */

import { join } from "node:path";
import { RunOutputsError } from "../../errors/error.ts";

/** The directory in a build directory for archives that are not uploaded yet. Uploads skip it. */
const WORK_DIR = ".run-outputs-tmp-work";

/**
 * The default of `--work-dir`: a directory of its own in the build, which has the space. After a
 * kill, an archive stays there until the next upload, and not among the files of the build.
 *
 * @param dir The build directory, or that of the artifacts.
 * @returns The directory; it is created with the first archive, and deleted with the last.
 */
export function defaultWorkDir(dir: string): string {
  return join(dir, WORK_DIR);
}

/**
 * Adds to an error of a working directory what to do.
 *
 * @param error The error.
 * @returns The error.
 */
export function withAdvice(error: unknown): unknown {
  if (!(error instanceof RunOutputsError) || !error.message.startsWith("Cannot write ")) {
    return error;
  }
  const message = `${error.message}; --work-dir names another directory for archives`;
  return new RunOutputsError(error.code, message, { cause: error });
}
