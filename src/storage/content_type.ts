/**
 * The content type of an output, by its name.
 *
 * @module
 */

import mime from "mime/lite";

const UNKNOWN = "application/octet-stream";

/**
 * Where the system that is served differs from the common table. Logs and Markdown open in the
 * browser as plain text; the rest is what its buckets hold.
 */
const OWN: ReadonlyMap<string, string> = new Map([
  ["gz", "application/gzip"],
  ["log", "text/plain"],
  ["md", "text/plain"],
  ["whl", "application/zip"],
  ["xz", "application/x-xz"],
  ["yaml", UNKNOWN],
  ["yml", UNKNOWN],
  ["zip", "application/zip"],
  ["zst", "application/zstd"],
]);

/**
 * Tells the content type of an output by the last extension of its name, whatever its case.
 *
 * @param name A file's name or a path.
 * @returns The content type, without parameters; `application/octet-stream` if it is not known.
 *
 * @example
 * ```ts
 * import { contentType } from "@therock/run-outputs/storage";
 *
 * console.assert(contentType("build.LOG") === "text/plain");
 * console.assert(contentType("blas_lib_gfx94X.tar.zst") === "application/zstd");
 * ```
 */
export function contentType(name: string): string {
  const base = name.slice(name.lastIndexOf("/") + 1);
  const dot = base.lastIndexOf(".");
  // A name like `.json` is a hidden file, not an extension.
  if (dot <= 0) return UNKNOWN;
  const extension = base.slice(dot + 1).toLowerCase();
  return OWN.get(extension) ?? mime.getType(extension) ?? UNKNOWN;
}
