/**
 * Validates input: every part of a key is checked here before it becomes part of a path.
 *
 * @module
 */

import { invalid } from "../errors/error.ts";

/** S3's limit for the length of a key, in UTF-8 bytes. */
const MAX_KEY_BYTES = 1024;

/** The limit of most file systems for the length of a name, in UTF-8 bytes. */
const MAX_SEGMENT_BYTES = 255;

// deno-lint-ignore no-control-regex -- control characters are what this looks for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** A segment that is empty, `.` or `..`. */
const NO_NAME = /(?:^|\/)\.{0,2}(?:\/|$)/;

const encoder = new TextEncoder();

/**
 * Checks one segment of a key: a file or directory name.
 *
 * @param field The field's name, for the message.
 * @param value The segment.
 * @returns The segment, unchanged.
 * @throws {RunOutputsError} `invalid`: empty, `.`, `..`, a separator (`/` or `\`), a control
 * character, a lone surrogate, or over 255 bytes.
 */
export function checkSegment(field: string, value: string): string {
  const expected = "one name without '/', '\\' or control characters, and not '.' or '..'";
  if (typeof value !== "string" || value === "" || value === "." || value === "..") {
    throw invalid(field, value, expected);
  }
  if (/[/\\]/.test(value) || CONTROL.test(value)) throw invalid(field, value, expected);
  if (!value.isWellFormed()) throw invalid(field, value, "well-formed Unicode");
  if (encoder.encode(value).length > MAX_SEGMENT_BYTES) {
    throw invalid(field, value, `at most ${MAX_SEGMENT_BYTES} bytes`);
  }
  return value;
}

/**
 * Checks a key: segments joined by `/`, or empty for the bucket itself.
 *
 * Unlike a segment that a user names, a key may contain `\`, because build trees from Linux have
 * such file names.
 *
 * @param field The field's name, for the message.
 * @param key The key.
 * @returns The key, unchanged.
 * @throws {RunOutputsError} `invalid`: an empty, `.` or `..` segment (so no leading, trailing or
 * double `/`), a control character, a lone surrogate, or over 1024 bytes.
 */
export function checkKey(field: string, key: string): string {
  if (key === "") return key;
  if (typeof key !== "string") throw invalid(field, key, "text");
  if (NO_NAME.test(key)) {
    throw invalid(field, key, "names joined by single '/', none of them '.' or '..'");
  }
  if (CONTROL.test(key)) throw invalid(field, key, "no control characters");
  if (!key.isWellFormed()) throw invalid(field, key, "well-formed Unicode");
  // A code unit takes at most three bytes, so the short keys, which are most of millions, need no
  // encoding.
  if (key.length > MAX_KEY_BYTES / 3 && encoder.encode(key).length > MAX_KEY_BYTES) {
    throw invalid(field, key, `at most ${MAX_KEY_BYTES} bytes of UTF-8`);
  }
  return key;
}

/** The bucket that was checked last. */
let lastBucket: string | undefined;

/**
 * Checks the name of a bucket against S3's rules.
 *
 * @param field The field's name, for the message.
 * @param value The bucket's name.
 * @returns The name, unchanged.
 * @throws {RunOutputsError} `invalid`, if S3 does not allow such a name.
 */
export function checkBucket(field: string, value: string): string {
  // Nearly all locations are in the bucket of the one before.
  if (value === lastBucket) return value;
  if (
    typeof value !== "string" || !/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(value) ||
    value.includes("..") || /^\d+\.\d+\.\d+\.\d+$/.test(value)
  ) {
    const named = /^s3:\/\/([a-z0-9.-]+)(?:\/|$)/.exec(value)?.[1];
    throw invalid(
      field,
      value,
      named === undefined
        ? "a bucket's name: 3 to 63 of a-z, 0-9, '-' and '.'"
        : `the bucket's name alone: ${named}`,
    );
  }
  return lastBucket = value;
}

/**
 * Checks the full name of a GitHub repository.
 *
 * @param field The field's name, for the message.
 * @param value The repository.
 * @returns The repository, unchanged.
 * @throws {RunOutputsError} `invalid`, if it is not an owner and a name joined by one `/`.
 */
export function checkRepository(field: string, value: string): string {
  if (isRepository(value)) return value;
  throw invalid(field, value, "OWNER/NAME of a repository, as in ROCm/TheRock");
}

/**
 * Whether a value can be the full name of a GitHub repository.
 *
 * @param value The value.
 * @returns Whether it is an owner and a name joined by one `/`.
 */
export function isRepository(value: unknown): value is string {
  return typeof value === "string" && value.length <= 200 &&
    /^[A-Za-z0-9_-]+\/(?!\.\.?$)[A-Za-z0-9._-]+$/.test(value);
}
