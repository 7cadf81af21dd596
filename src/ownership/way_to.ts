/**
 * The directories and links on the way to a path. A thread that may read only what is below knows
 * them from the thread that started it.
 *
 * @module
 */

import { dirname, join, resolve } from "node:path";

/** The maximum number of links in a path, as in Linux. */
const MAX_LINKS = 40;

/** What is at a path: a directory, a file or a link. */
export interface Place {
  /** Its path. */
  readonly path: string;
  /** Its information, not followed. */
  readonly info: Deno.FileInfo;
  /** Where it leads, if it is a link. */
  readonly target?: string;
  /** Its path without links, if it is remembered. */
  readonly real?: string;
}

const remembered = new Map<string, Place>();

/**
 * Remembers places that this thread may not read.
 *
 * @param places The places, as another thread has found them.
 */
export function rememberPlaces(places: readonly Place[]): void {
  for (const place of places) remembered.set(place.path, place);
}

/**
 * Looks at a path, without following it.
 *
 * @param path The path.
 * @returns The place; what is remembered, if this thread may not read it.
 * @throws Errors of the disk, as thrown by `Deno`.
 */
export function lookAt(path: string): Place {
  try {
    const info = Deno.lstatSync(path);
    return { path, info, target: info.isSymlink ? Deno.readLinkSync(path) : undefined };
  } catch (error) {
    const known = error instanceof Deno.errors.NotCapable ? remembered.get(path) : undefined;
    if (known === undefined) throw error;
    return known;
  }
}

/**
 * Resolves the links in a path.
 *
 * @param path The path.
 * @returns The path without links; what is remembered, if this thread may not read it.
 * @throws Errors of the disk, as thrown by `Deno`.
 */
export async function realPathAt(path: string): Promise<string> {
  try {
    return await Deno.realPath(path);
  } catch (error) {
    const known = error instanceof Deno.errors.NotCapable ? remembered.get(path) : undefined;
    if (known?.real === undefined) throw error;
    return known.real;
  }
}

/**
 * Walks from `/` to a path, through all links. Not for Windows.
 *
 * @param path The path.
 * @returns Each place on the way, and whether more is below it in the path.
 * @throws Errors of the disk, as thrown by `Deno`, at the first place that does not exist.
 */
export function* wayTo(path: string): Generator<Place & { readonly isAbove: boolean }> {
  // Resolved by hand: `..` after a link leads above its target.
  const ahead = segments(path.startsWith("/") ? path : `${resolve(".")}/${path}`);
  let at = "/";
  let links = 0;
  yield { ...lookAt(at), isAbove: ahead.length > 0 };
  for (let name = ahead.shift(); name !== undefined; name = ahead.shift()) {
    if (name === "..") {
      at = dirname(at);
      continue;
    }
    const place = lookAt(join(at, name));
    yield { ...place, isAbove: ahead.length > 0 };
    if (place.target === undefined) {
      at = place.path;
      continue;
    }
    if (++links > MAX_LINKS) throw new Error(`'${path}' has too many links`);
    ahead.unshift(...segments(place.target));
    if (place.target.startsWith("/")) at = "/";
  }
}

function segments(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}
