/**
 * Whether workers can be given permissions of their own.
 *
 * @module
 */

/**
 * Whether this is this package's own program, run from a file or compiled.
 *
 * Deno ends the whole program when permissions are given to a worker without
 * `--unstable-worker-options`, and nothing tells beforehand. So it is done only where this
 * package's `deno.json`, which switches it on, is known to be in effect.
 *
 * @returns `true` if workers can be given permissions.
 */
export function isOwnProgram(): boolean {
  if (!import.meta.url.startsWith("file:")) return false;
  return Deno.mainModule === new URL("../../cli.ts", import.meta.url).href;
}
