/**
 * What a verification finds out about one file, and the messages of what is wrong.
 *
 * @module
 */

import type { OutputKind } from "../../layout/classify.ts";
import { type ErrorCode, RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { plural } from "../../layout/words.ts";

/**
 * How a file stands.
 *
 * - `ok`: it is as it is told.
 * - `missing`: it is told of, and is not there.
 * - `wrong-size`, `wrong-hash`: it is there with other content.
 * - `failed`: it could not be checked; `error` tells why.
 * - `extra`: no part of the run's manifest names it.
 * - `left`: no part names it any more, but one says that an earlier attempt of the run has left it.
 * - `unchecked`: nothing tells what it should be.
 * - `made`: an index page or a part of the manifest, which uploads make anew and nothing tells of.
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

/** What a file was held against: its bytes, the hash that the storage has on record, its size. */
export type CheckedBy = "bytes" | "record" | "size";

/** What a file should be. */
export interface ExpectedFile {
  /** Its size in bytes; a `.sha256sum` does not tell it. */
  readonly size?: number;
  /** Its SHA-256, 64 hex digits in lower case. */
  readonly sha256: string;
  /** Its content type; only the manifest tells it. */
  readonly contentType?: string;
  /** Who tells: `the part build.g of the outputs manifest`, `a.tar.zst.sha256sum`. */
  readonly by: string;
}

/** A file of a run, verified. */
export interface VerifiedFile {
  /** Its path relative to the run's prefix. */
  readonly path: string;
  /** What it is. */
  readonly kind: OutputKind;
  /** Where it is, or should be. */
  readonly location: OutputLocation;
  /** How it stands. */
  readonly verdict: Verdict;
  /** How much was looked at; nothing, if it was not held against anything. */
  readonly checkedBy?: CheckedBy;
  /** What it should be, if anything tells. */
  readonly expected?: ExpectedFile;
  /** Its size in bytes; nothing, if it is not there. */
  readonly size?: number;
  /** Its SHA-256, where its bytes were read or the storage has it on record. */
  readonly sha256?: string;
  /** An opaque mark of the version that was looked at; nothing, if it is not there. */
  readonly etag?: string;
  /** The parts of the manifest that name it, the one that is believed first. */
  readonly parts: readonly string[];
  /** Parts of the manifest that tell of other content than the one that is believed. */
  readonly conflicts: readonly string[];
  /** Of a file that is wrong, missing or failed: one line that says so. */
  readonly error?: RunOutputsError;
  /** Of one that is `unchecked` or `left`: why, so that it reads after the path. */
  readonly reason?: string;
}

/** Shows where a location is. */
export type Show = (location: OutputLocation) => string;

/** What there is to say of any file, before anything is known of its content. */
export type Subject = Pick<VerifiedFile, "path" | "kind" | "location" | "parts" | "conflicts">;

/**
 * The result of a file that is missing.
 *
 * @param subject The file.
 * @param expected What it should be.
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

/** What was found instead of the expected content. */
export interface FoundContent {
  /** The size in bytes. */
  readonly size: number;
  /** The SHA-256. */
  readonly sha256?: string;
  /** The mark of its version. */
  readonly etag: string;
  /** How it was found. */
  readonly checkedBy: CheckedBy;
}

/**
 * The result of a file, by what it is and what it should be.
 *
 * @param subject The file.
 * @param expected What it should be.
 * @param found What it is.
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
 * The result of a file that could not be checked.
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
