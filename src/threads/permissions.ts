/**
 * Decides whether workers get restricted permissions.
 *
 * @module
 */

const ALL = ["read", "write", "net", "env", "sys", "run", "ffi"] as const;

/**
 * Whether workers get restricted permissions: if that is possible, and if this thread does not have
 * all permissions.
 *
 * Deno ends the whole program if a worker gets permissions without `--unstable-worker-options`, and
 * there is no way to check for it. So this is only done if this package's `deno.json`, which
 * enables it, is known to be in effect.
 *
 * With `-A` the user wants no restrictions and gets the speed: with any, Deno resolves each link in
 * the path of each opened file, which takes twice as long as writing a small file.
 *
 * @returns `true` if workers get restricted permissions.
 */
export function areWorkersNarrowed(): boolean {
  // A thread has no main module, but its own.
  return isOwnProgram(Deno.mainModule ?? globalThis.location?.href) && isFenced();
}

/**
 * Whether the main module is this package's program, run from files. Then its `deno.json` is in
 * effect.
 *
 * @param mainModule The URL of the main module.
 * @param here The URL of this module.
 * @returns `true` for `cli.ts` and `mod.ts` of this package, for the `cli.js` of its bundle, and for
 * the thread that runs a command.
 */
export function isOwnProgram(
  mainModule: string | undefined,
  here: string = import.meta.url,
): boolean {
  return here.startsWith("file:") &&
    ["../../cli.ts", "../../mod.ts", "../cli/worker.ts"]
      .some((path) => mainModule === new URL(path, here).href);
}

/**
 * Whether this thread lacks a permission, such as one denied by `--deny-*`, also with `-A`.
 *
 * @returns `true` if there is anything that it may not do.
 */
export function isFenced(): boolean {
  return ALL.some((name) => {
    const { state, partial } = Deno.permissions.querySync({ name });
    return state !== "granted" || partial;
  });
}
