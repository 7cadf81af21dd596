/**
 * The content type of an output, by its name.
 *
 * @module
 */

import mime from "mime/lite";

const UNKNOWN = "application/octet-stream";

const TEXT = "text/plain";

/**
 * Types for which the system that we replace differs from the common table. Text opens in the
 * browser; the others are those in its buckets.
 */
const OWN: ReadonlyMap<string, string> = new Map([
  ...["cfg", "err", "ini", "log", "md", "out", "py", "sh", "toml", "txt"].map((name) =>
    [name, TEXT] as const
  ),
  ["gz", "application/gzip"],
  ["whl", "application/zip"],
  ["xz", "application/x-xz"],
  ["yaml", UNKNOWN],
  ["yml", UNKNOWN],
  ["zip", "application/zip"],
  ["zst", "application/zstd"],
]);

/** Text files among the logs: without extension, or with one that is a download elsewhere. */
const TEXT_LOGS: ReadonlySet<string> = new Set(["", "yaml", "yml"]);

/**
 * Validates a content type from a storage or a manifest.
 *
 * @param value The type; a server can return an empty one, or bytes outside of ASCII.
 * @returns The type, if it is valid in an HTTP header; otherwise `undefined`, as if there were
 * none.
 *
 * @example
 * ```ts
 * import { usableType } from "@therock/run-outputs/storage";
 *
 * console.assert(usableType("text/plain; charset=utf-8") === "text/plain; charset=utf-8");
 * console.assert(usableType("") === undefined);
 * ```
 */
export function usableType(value: string | undefined): string | undefined {
  return value !== undefined && /^[\x20-\x7e]*[\x21-\x7e][\x20-\x7e]*$/.test(value)
    ? value
    : undefined;
}

/**
 * Returns the content type of an output by the last extension of its name, ignoring case. Among the
 * logs (`logs/`) a file without extension is text.
 *
 * @param path A file's path or name.
 * @returns The content type; for text and JSON with `charset=utf-8`; `application/octet-stream` if
 * it is unknown.
 *
 * @example
 * ```ts
 * import { contentType } from "@therock/run-outputs/storage";
 *
 * console.assert(contentType("build.LOG") === "text/plain; charset=utf-8");
 * console.assert(contentType("blas_lib_gfx94X.tar.zst") === "application/zstd");
 * ```
 */
export function contentType(path: string): string {
  const type = mediaType(path);
  return type.startsWith("text/") || type === "application/json" ? `${type}; charset=utf-8` : type;
}

function mediaType(path: string): string {
  const base = path.slice(path.lastIndexOf("/") + 1);
  const dot = base.lastIndexOf(".");
  // A name like `.json` is a hidden file, not an extension.
  const extension = dot <= 0 ? "" : base.slice(dot + 1).toLowerCase();
  if (base !== "" && TEXT_LOGS.has(extension) && /(?:^|\/)logs\//.test(path)) return TEXT;
  if (extension === "") return UNKNOWN;
  return OWN.get(extension) ?? mime.getType(extension) ?? UNKNOWN;
}
