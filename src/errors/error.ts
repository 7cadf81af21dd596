/**
 * The one error class of run-outputs.
 *
 * It is in the lowest layer because every layer uses it.
 *
 * @module
 */

/**
 * The kind of a failure. Callers decide by the code, never by the message.
 *
 * | code | means | exit code of the command line |
 * |---|---|---|
 * | `invalid` | the caller's input is wrong; nothing was changed | 2 |
 * | `not_found` | what was asked for does not exist | 3 |
 * | `denied` | known to the other side, but not allowed | 4 |
 * | `unauthenticated` | no credentials, or credentials that are not accepted | 4 |
 * | `transient` | a network or server error that remained after all retries | 5 |
 * | `integrity` | bytes that are not what they claim to be | 6 |
 * | `incomplete` | some of a set is missing or failed; the rest is done | 7 |
 * | `conflict` | something else is there, or came in between | 1 |
 * | `failed` | none of the above: a full disk, an unreadable file | 1 |
 */
export type ErrorCode =
  | "invalid"
  | "not_found"
  | "denied"
  | "unauthenticated"
  | "transient"
  | "integrity"
  | "incomplete"
  | "conflict"
  | "failed";

/** Options of {@linkcode RunOutputsError}. */
export interface RunOutputsErrorOptions {
  /** The underlying error, for `-v` and for debuggers. */
  readonly cause?: unknown;
  /** Whether the same call can succeed later. Default: only for `transient`. */
  readonly retryable?: boolean;
  /** For a checksum mismatch: the SHA-256 of the content, 64 hex digits. */
  readonly actualSha256?: string;
}

/**
 * A failure with an {@linkcode ErrorCode}, and whether a retry can help.
 *
 * The message is one line: what failed on what, the given value, and what to try.
 *
 * @example
 * ```ts
 * import { RunOutputsError } from "@therock/run-outputs";
 *
 * const error = new RunOutputsError("not_found", "Cannot read 'a.log': no such object");
 * console.assert(error.code === "not_found" && !error.retryable);
 * ```
 */
export class RunOutputsError extends Error {
  /** The kind of failure. */
  readonly code: ErrorCode;
  /** Whether the same call can succeed later. */
  readonly retryable: boolean;
  /** For a checksum mismatch: the SHA-256 of the content, 64 hex digits. */
  readonly actualSha256?: string;

  /**
   * Creates an error.
   *
   * @param code The kind of failure.
   * @param message One line: what failed on what, and what to try.
   * @param options The cause, whether a retry can help, and the hash of other content.
   */
  constructor(code: ErrorCode, message: string, options: RunOutputsErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "RunOutputsError";
    this.code = code;
    this.retryable = options.retryable ?? code === "transient";
    this.actualSha256 = options.actualSha256;
  }
}

/**
 * Creates the error of an invalid input value: names the field, shows the value, says what was
 * expected.
 *
 * @param field The name of the field, option or variable, as the user knows it.
 * @param value The value that was given.
 * @param expected What a valid value looks like, without a final dot.
 * @returns An error with code `invalid`.
 */
export function invalid(field: string, value: unknown, expected: string): RunOutputsError {
  return new RunOutputsError("invalid", `Invalid ${field} ${quote(value)}: expected ${expected}`);
}

/**
 * Whether a version of an object is no longer there: the object was replaced or deleted.
 *
 * @param error What was thrown by a call that needs this version.
 * @returns `true`, for `conflict` and `not_found`.
 */
export function isReplaced(error: unknown): error is RunOutputsError {
  return error instanceof RunOutputsError &&
    (error.code === "conflict" || error.code === "not_found");
}

/** Characters that could break the line, control a terminal, or change the direction of text. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}]/gu;

/**
 * Shows a value in a one-line message: text is quoted, unprintable characters are escaped, long
 * values are cut.
 *
 * @param value The value to show.
 * @returns Its text, at most 120 characters, without line breaks.
 */
export function quote(value: unknown): string {
  const text = escapeUnprintable(typeof value === "string" ? JSON.stringify(value) : plain(value));
  if (text.length <= 120) return text;
  return `${text.slice(0, 119).replace(/[\ud800-\udbff]$/, "")}…`;
}

/**
 * Makes a text safe to print in one line of a terminal or a log.
 *
 * @param text Any text, such as a file's name.
 * @returns The text, with line breaks, control characters and the like as `\\uXXXX`.
 */
export function escapeUnprintable(text: string): string {
  return text.replace(UNPRINTABLE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Text of a value that is not a string. An object's `toString` can be missing or throw. */
function plain(value: unknown): string {
  return typeof value === "object" && value !== null
    ? Object.prototype.toString.call(value)
    : String(value);
}
