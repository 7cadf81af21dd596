/**
 * The one place that turns a failure of the local file system into our error.
 *
 * `Deno.*` throws classes, `node:fs` throws `Error`s with a `code`, and a denied permission of the
 * sandbox is a class of its own. It stands in the lowest layer because storage and archives both
 * touch the disk. None of them is retried: a full disk is as full a second later.
 *
 * @module
 */

import { type ErrorCode, RunOutputsError } from "./error.ts";
import { missingPermission } from "./permission.ts";

/** What a file system says, by its code, and what a person can do about it. */
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
 * Makes an error of a failed call to the file system.
 *
 * @param action What could not be done, as a verb: `read`, `write`, `list`.
 * @param path To what.
 * @param error What was thrown. Our own errors and aborts come back as they are.
 * @returns An error with a code of ours, the path and the reason, never retryable.
 */
export function diskError(action: string, path: string, error: unknown): Error {
  if (error instanceof RunOutputsError) return error;
  if (error instanceof DOMException) return error;
  const [code, reason] = explain(action, error);
  return new RunOutputsError(code, `Cannot ${action} '${shortPath(path)}': ${reason}`, {
    cause: error,
  });
}

/** A path that fits into a line: of a long one, its beginning and its end. */
function shortPath(path: string): string {
  const chars = [...path];
  if (chars.length <= 200) return path;
  return `${chars.slice(0, 60).join("")}…${chars.slice(-120).join("")}`;
}

function explain(action: string, error: unknown): readonly [ErrorCode, string] {
  const permission = missingPermission(error);
  if (permission !== undefined) return ["denied", permission];
  const errorCode = codeOf(error) ?? "";
  // For a writer it is in the way; a reader was given the wrong path.
  if (/^(?:read|list)\b/.test(action)) {
    if (errorCode === "EISDIR") return ["invalid", "it is a directory"];
    if (errorCode === "ENOTDIR") return ["invalid", BY_CODE[errorCode][1]];
  }
  const known = BY_CODE[errorCode];
  if (known !== undefined) return known;
  return ["failed", error instanceof Error ? error.message.split("\n")[0] : String(error)];
}

/**
 * Whether a failure comes of a disk or a quota that is used up, also beneath errors of ours.
 *
 * @param error What was thrown.
 * @returns `true`, if more space would help.
 */
export function isDiskFull(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    const code = codeOf(at);
    if (code === "ENOSPC" || code === "EDQUOT") return true;
  }
  return false;
}

/**
 * Whether a failure is that a file system has no names as long as the one that was asked for. Then
 * nothing with it can be there.
 *
 * @param error What was thrown.
 * @returns `true`, if a shorter name would help.
 */
export function isNameTooLong(error: unknown): boolean {
  return codeOf(error) === "ENAMETOOLONG";
}

/** The code of a file system's error, whichever interface threw it. */
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
