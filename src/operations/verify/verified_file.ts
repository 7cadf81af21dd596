/**
 * The result of verifying one file, and the messages of errors.
 *
 * @module
 */

import type { OutputKind } from "../../layout/classify.ts";
import { type ErrorCode, RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { plural } from "../../layout/words.ts";

/**
 * The verdict on a file.
 *
 * - `ok`: it is as expected.
 * - `missing`: it is listed but does not exist.
 * - `wrong-size`, `wrong-hash`: it has other content.
 * - `failed`: it could not be checked; `error` says why.
 * - `extra`: no part of the run's manifest lists it.
 * - `left`: no part lists it any more, but one says that an earlier attempt of the run left it.
 * - `unchecked`: its expected content is unknown.
 * - `made`: an index page or a part of the manifest, which uploads regenerate and nothing lists.
 */
export type Verdict =
  | "ok"
  | "missing"
  | "wrong-size"
  | "wrong-hash"
  | "failed"
  | "extra"
  | "left"
  | "unchecked"
  | "made";

/** What was compared: the bytes, the recorded hash, or the size. */
export type CheckedBy = "bytes" | "record" | "size";

/** The expected content of a file. */
export interface ExpectedFile {
  /** Its size in bytes; a `.sha256sum` does not contain it. */
  readonly size?: number;
  /** Its SHA-256, 64 hex digits in lower case. */
  readonly sha256: string;
  /** Its content type; only the manifest lists it. */
  readonly contentType?: string;
  /** The source: `the part build.g of the outputs manifest`, `a.tar.zst.sha256sum`. */
  readonly by: string;
}

/** A verified file of a run. */
export interface VerifiedFile {
  /** Its path relative to the run's prefix. */
  readonly path: string;
  /** Its kind. */
  readonly kind: OutputKind;
  /** Its location, existing or expected. */
  readonly location: OutputLocation;
  /** The verdict. */
  readonly verdict: Verdict;
  /** What was compared; missing, if nothing was. */
  readonly checkedBy?: CheckedBy;
  /** The expected content, if known. */
  readonly expected?: ExpectedFile;
  /** Its size in bytes; missing, if it does not exist. */
  readonly size?: number;
  /** Its SHA-256, if its bytes were read or the storage has recorded it. */
  readonly sha256?: string;
  /** An opaque identifier of the version that was verified; missing, if it does not exist. */
  readonly etag?: string;
  /** The parts of the manifest that list it, the latest first. */
  readonly parts: readonly string[];
  /** Parts of the manifest that list other content than the latest. */
  readonly conflicts: readonly string[];
  /** For a file that is wrong, missing or failed: the error, in one line. */
  readonly error?: RunOutputsError;
  /** For a file that is `unchecked` or `left`: the reason, to follow the path. */
  readonly reason?: string;
}

/** Formats a location for messages. */
export type Show = (location: OutputLocation) => string;

/** The part of a result that does not depend on the content. */
export type Subject = Pick<VerifiedFile, "path" | "kind" | "location" | "parts" | "conflicts">;

/**
 * The result for a missing file.
 *
 * @param subject The file.
 * @param expected The expected content.
 * @param show Formats a location for messages.
 * @returns The result; its error has code `not_found`.
 */
export function missingFile(subject: Subject, expected: ExpectedFile, show: Show): VerifiedFile {
  const error = new RunOutputsError(
    "not_found",
    `Missing: ${show(subject.location)}, listed in ${expected.by}`,
  );
  return { ...subject, verdict: "missing", expected, error };
}

/** The actual content. */
export interface FoundContent {
  /** The size in bytes. */
  readonly size: number;
  /** The SHA-256. */
  readonly sha256?: string;
  /** The identifier of its version. */
  readonly etag: string;
  /** What was compared. */
  readonly checkedBy: CheckedBy;
}

/**
 * The result for a file, from its actual and its expected content.
 *
 * @param subject The file.
 * @param expected The expected content.
 * @param found The actual content.
 * @param show Formats a location for messages.
 * @returns The result: `ok`, or wrong with an error of code `integrity`.
 */
export function comparedFile(
  subject: Subject,
  expected: ExpectedFile,
  found: FoundContent,
  show: Show,
): VerifiedFile {
  const { size, sha256 } = found;
  const result = { ...subject, expected, ...found };
  const where = show(subject.location);
  if (expected.size !== undefined && expected.size !== size) {
    const error = integrity(
      `Size mismatch: ${where} has ${plural(size, "byte")}, ${expected.by} says ${expected.size}`,
    );
    return { ...result, verdict: "wrong-size", error };
  }
  if (sha256 === undefined || sha256 === expected.sha256) return { ...result, verdict: "ok" };
  const recorded = found.checkedBy === "record" ? " on record" : "";
  const error = integrity(
    `Checksum mismatch: ${where} has sha256 ${sha256}${recorded}, ${expected.by} says ` +
      expected.sha256,
  );
  return { ...result, verdict: "wrong-hash", error };
}

/**
 * The result for a file that could not be checked.
 *
 * @param subject The file.
 * @param cause What was thrown.
 * @param show Formats a location for messages.
 * @returns The result.
 */
export function failedFile(
  subject: Subject & Pick<VerifiedFile, "etag" | "expected">,
  cause: unknown,
  show: Show,
): VerifiedFile {
  const code: ErrorCode = cause instanceof RunOutputsError ? cause.code : "failed";
  const message = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
  const error = new RunOutputsError(
    code,
    `Could not verify ${show(subject.location)}: ${message}`,
    { cause },
  );
  return { ...subject, verdict: "failed", error };
}

function integrity(message: string): RunOutputsError {
  return new RunOutputsError("integrity", message);
}
