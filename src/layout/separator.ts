/**
 * The separator of paths on this system.
 *
 * @module
 */

/** What separates the names of a path on disk. */
export const SEPARATOR: string = Deno.build.os === "windows" ? "\\" : "/";
