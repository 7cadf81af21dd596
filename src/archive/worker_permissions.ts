/**
 * Whether workers are given permissions of their own.
 *
 * @module
 */

const ALL = ["read", "write", "net", "env", "sys", "run", "ffi"] as const;

/**
 * Whether workers are given permissions of their own: where that can be done, and where this thread
 * has not been given all of them.
 *
 * Deno ends the whole program when permissions are given to a worker without
 * `--unstable-worker-options`, and nothing tells beforehand. So it is done only where this
 * package's `deno.json`, which switches it on, is known to be in effect.
 *
 * Who says `-A` wants no fence and gets the speed: inside any, Deno resolves the path of each file
 * that is opened twice, link by link, which takes twice as long as to write a small one.
 *
 * @returns `true` if workers get permissions of their own.
 */
export function areWorkersNarrowed(): boolean {
  return isOwnProgram(Deno.mainModule) && isFenced();
}

/**
 * Whether a main module is this package's program, run from files: then its `deno.json` is in
 * effect.
 *
 * @param mainModule The URL of the main module.
 * @param here The URL of this module.
 * @returns `true` for `cli.ts` and `mod.ts` of this package.
 */
export function isOwnProgram(mainModule: string, here: string = import.meta.url): boolean {
  return here.startsWith("file:") &&
    ["cli.ts", "mod.ts"].some((name) => mainModule === new URL(`../../${name}`, here).href);
}

/**
 * Whether this thread has not been given all permissions, or something is kept from it: what
 * `--deny-*` names is, also with `-A`.
 *
 * @returns `true` if there is anything that it may not do.
 */
export function isFenced(): boolean {
  return ALL.some((name) => {
    const { state, partial } = Deno.permissions.querySync({ name });
    return state !== "granted" || partial;
  });
}
