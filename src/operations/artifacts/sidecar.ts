/**
 * The `.sha256sum` file of an archive.
 *
 * @module
 */

import { quote, RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { checksumEntries, decodeChecksumText } from "./checksum_text.ts";

/** The suffix of a checksum file's name. */
export const SIDECAR_SUFFIX = ".sha256sum";

/** Enough for a list of the checksums of all archives of a run; longer files are something else. */
export const MAX_SIDECAR_BYTES = 65536;

/**
 * Parses a checksum file: a bare digest, or the output of `sha256sum`, `sha256sum --tag`, OpenSSL
 * or PowerShell's `Get-FileHash`, for one file or several.
 *
 * @param text The text.
 * @param name Its location, for the message.
 * @param file The name of the file whose digest is needed. Default: the first digest.
 * @returns The digest, 64 hex digits in lower case.
 * @throws {RunOutputsError} `integrity`, if it has no SHA-256, two for the file, or only those of
 * other files.
 *
 * @example
 * ```ts
 * import { parseSidecar } from "@therock/run-outputs/operations";
 *
 * const digest = "0".repeat(64);
 * const archive = "a_lib_generic.tar.zst";
 * console.assert(parseSidecar(`${digest}  ${archive}\n`, "example", archive) === digest);
 * console.assert(parseSidecar(`SHA256 (${archive}) = ${digest}\n`, "example", archive) === digest);
 * ```
 */
export function parseSidecar(text: string, name: string, file?: string): string {
  const entries = checksumEntries(text);
  if (entries.length === 0) {
    throw unreadable(
      name,
      "expected a SHA-256, 64 hex digits, alone or as sha256sum, openssl dgst -sha256 or " +
        "Get-FileHash write it",
    );
  }
  if (file === undefined) return entries[0].sha256;
  const named = entries.filter((entry) => entry.name === file);
  const found = named.length > 0 ? named : entries.filter((entry) => entry.name === undefined);
  if (found.length === 0) {
    const others = [...new Set(entries.map((entry) => quote(entry.name)))];
    const more = others.length > NAMED ? ` and ${others.length - NAMED} more` : "";
    throw unreadable(
      name,
      `it is of ${others.slice(0, NAMED).join(", ")}${more}, not of ${quote(file)}`,
    );
  }
  if (found.some(({ sha256 }) => sha256 !== found[0].sha256)) {
    throw unreadable(name, `it has several checksums for ${quote(file)}`);
  }
  return found[0].sha256;
}

/** The maximum number of other files in a message. */
const NAMED = 3;

function unreadable(name: string, reason: string): RunOutputsError {
  return new RunOutputsError("integrity", `Cannot read the checksum in '${name}': ${reason}`);
}

/** The content of a checksum file in storage. */
export interface SidecarContent {
  /** Its object. */
  readonly info: ObjectInfo;
  /** Its bytes. */
  readonly bytes: Uint8Array;
  /** Its text, for {@linkcode parseSidecar}. */
  readonly text: string;
}

/**
 * Reads a file that should be a checksum file, whatever its content.
 *
 * @param backend The storage.
 * @param sidecar Its location.
 * @param show Formats a location for messages.
 * @param signal Aborts reading.
 * @returns Its content.
 * @throws {RunOutputsError} `integrity`, if it is too long; `not_found`.
 */
export async function readSidecarContent(
  backend: StorageBackend,
  { location }: Pick<ObjectInfo, "location">,
  show: (location: OutputLocation) => string,
  signal: AbortSignal | undefined,
): Promise<SidecarContent> {
  await using body = await backend.read(location, { signal });
  const { info } = body;
  if (info.size > MAX_SIDECAR_BYTES) throw tooLong(show(location), info.size);
  const bytes = new Uint8Array(info.size);
  let at = 0;
  for await (const chunk of body) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return { info, bytes, text: decodeChecksumText(bytes) };
}

/**
 * Reads the checksum file of an archive.
 *
 * @param backend The storage.
 * @param sidecar Its location.
 * @param show Formats a location for messages.
 * @param signal Aborts reading.
 * @returns The digest, 64 hex digits in lower case.
 * @throws {RunOutputsError} `integrity`, if it is not a checksum; `not_found`.
 */
export async function readSidecar(
  backend: StorageBackend,
  sidecar: Pick<ObjectInfo, "location">,
  show: (location: OutputLocation) => string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { text } = await readSidecarContent(backend, sidecar, show, signal);
  const { location } = sidecar;
  return parseSidecar(text, show(location), archiveOf(location.name));
}

/**
 * The name of the file that a checksum file belongs to.
 *
 * @param name The checksum file's name or path.
 * @returns The file's name, without directories.
 */
export function archiveOf(name: string): string {
  const base = name.slice(name.lastIndexOf("/") + 1);
  return base.endsWith(SIDECAR_SUFFIX) ? base.slice(0, -SIDECAR_SUFFIX.length) : base;
}

/**
 * The text of a checksum file.
 *
 * @param sha256 The digest, 64 hex digits.
 * @returns The digest and a line break.
 */
export function formatSidecar(sha256: string): string {
  return `${sha256}\n`;
}

function tooLong(name: string, size: number): RunOutputsError {
  const message =
    `Cannot read the checksum '${name}': it is too large (${size} bytes, expected about 64)`;
  return new RunOutputsError("integrity", message);
}
