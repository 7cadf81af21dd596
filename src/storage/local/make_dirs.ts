/**
 * Creates directories for files.
 *
 * @module
 */

/** The name of the working directory of a fetch. */
const WORK_DIR = /\.run-outputs-fetch-[0-9a-f]{12}$/;

/**
 * Creates a directory and its missing parents, except in the working directory of a fetch. That
 * exists before anything is put there. If it is gone, somebody has moved it, and whatever has its
 * name now is not ours.
 *
 * @param path The directory.
 * @throws Errors of the disk; `NotFound`, if a working directory is gone.
 */
export function makeDirs(path: string): void {
  const isWork = path.split(/[/\\]/).some((name) => WORK_DIR.test(name));
  if (isWork) Deno.lstatSync(path);
  else Deno.mkdirSync(path, { recursive: true });
}
