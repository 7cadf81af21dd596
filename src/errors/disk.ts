/**
 * Turns failures of the local file system into errors of ours.
 *
 * `Deno.*` throws classes, `node:fs` throws `Error`s with a `code`, and a permission denied by the
 * sandbox has its own class. This is in the lowest layer because storage and archives both use the
 * disk. None of these errors is retried: a full disk does not empty itself.
 *
 * @module
 */

import { type ErrorCode, RunOutputsError } from "./error.ts";
import { missingPermission } from "./permission.ts";

/** Error code and reason for each code of the file system, with advice if there is any. */
const BY_CODE: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ENOENT: ["not_found", "no such file or directory"],
  EACCES: ["denied", "permission denied"],
  EPERM: ["denied", "permission denied"],
  EROFS: ["denied", "the file system is read-only"],
  EEXIST: ["conflict", "it already exists"],
  EISDIR: ["conflict", "a directory of this name already exists"],
  ENOTEMPTY: ["conflict", "a directory of this name already exists"],
  ENOTDIR: ["conflict", "part of the path is not a directory"],
  ENAMETOOLONG: ["invalid", "the name is too long for this file system"],
  ENOSPC: ["failed", "no space left on device"],
  EDQUOT: ["failed", "disk quota exceeded"],
  EFBIG: ["failed", "the file is too large for this file system"],
  EMFILE: ["failed", "too many open files: lower --concurrency or raise the limit (ulimit -n)"],
  ELOOP: ["failed", "too many levels of symbolic links"],
  EIO: ["failed", "input/output error of the disk"],
};

/**
 * Creates the error of a failed call to the file system.
 *
 * @param action The failed action, as a verb: `read`, `write`, `list`.
 * @param path The file or directory.
 * @param error What was thrown. Our own errors and aborts are returned unchanged.
 * @returns An error with one of our codes, the path and the reason, never retryable.
 */
export function diskError(action: string, path: string, error: unknown): Error {
  if (error instanceof RunOutputsError) return error;
  if (error instanceof DOMException) return error;
  const [code, reason] = explain(action, error);
  return new RunOutputsError(code, `Cannot ${action} '${shortPath(path)}': ${reason}`, {
    cause: error,
  });
}

/** A path shortened to fit into a line: its beginning and its end. */
function shortPath(path: string): string {
  const chars = [...path];
  if (chars.length <= 200) return path;
  return `${chars.slice(0, 60).join("")}…${chars.slice(-120).join("")}`;
}

function explain(action: string, error: unknown): readonly [ErrorCode, string] {
  const permission = missingPermission(error);
  if (permission !== undefined) return ["denied", permission];
  const errorCode = codeOf(error) ?? "";
  // A writer found something else in its place; a reader got a wrong path.
  if (/^(?:read|list)\b/.test(action)) {
    if (errorCode === "EISDIR") return ["invalid", "it is a directory"];
    if (errorCode === "ENOTDIR") return ["invalid", BY_CODE[errorCode][1]];
  }
  const known = BY_CODE[errorCode];
  if (known !== undefined) return known;
  return ["failed", error instanceof Error ? error.message.split("\n")[0] : String(error)];
}

/**
 * Whether a disk or quota is full. Looks at the causes of our own errors too.
 *
 * @param error What was thrown.
 * @returns `true`, if more space would help.
 */
export function isDiskFull(error: unknown): boolean {
  return hasCode(error, FULL);
}

/**
 * Whether a place on disk can't take what is written: it is full, read-only or broken. Looks at the
 * causes of our own errors too.
 *
 * @param error What was thrown.
 * @returns `true`, if another disk would help.
 */
export function isNotWritable(error: unknown): boolean {
  return hasCode(error, NOT_WRITABLE);
}

const FULL: readonly string[] = ["ENOSPC", "EDQUOT"];
const NOT_WRITABLE: readonly string[] = [...FULL, "EFBIG", "EROFS", "EIO"];

function hasCode(error: unknown, codes: readonly string[]): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (codes.includes(codeOf(at) ?? "")) return true;
  }
  return false;
}

/**
 * Whether a name is longer than the file system allows, so that no such file can exist.
 *
 * @param error What was thrown.
 * @returns `true`, if a shorter name would help.
 */
export function isNameTooLong(error: unknown): boolean {
  return codeOf(error) === "ENAMETOOLONG";
}

/** The code of a file system error, from `Deno.*` or from `node:fs`. */
function codeOf(error: unknown): string | undefined {
  if (error instanceof Error && "code" in error && typeof error.code === "string") {
    return error.code;
  }
  if (error instanceof Deno.errors.NotFound) return "ENOENT";
  if (error instanceof Deno.errors.PermissionDenied) return "EACCES";
  if (error instanceof Deno.errors.AlreadyExists) return "EEXIST";
  if (error instanceof Deno.errors.IsADirectory) return "EISDIR";
  if (error instanceof Deno.errors.NotADirectory) return "ENOTDIR";
  if (error instanceof Deno.errors.FilesystemLoop) return "ELOOP";
  return undefined;
}
