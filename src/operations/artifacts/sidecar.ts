/**
 * The `.sha256sum` file beside an archive.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { ObjectInfo, StorageBackend } from "../../storage/backend.ts";

/** What the name of a sidecar adds to that of its archive. */
export const SIDECAR_SUFFIX = ".sha256sum";

/** A sidecar holds one line; anything longer is something else. */
export const MAX_SIDECAR_BYTES = 4096;

/**
 * Reads the text of a sidecar: a bare digest, or the two columns that `sha256sum` prints.
 *
 * @param text The text.
 * @param name Where it was read, for the message.
 * @returns The digest, 64 hex digits in lower case.
 * @throws {RunOutputsError} `integrity`, if it does not begin with a SHA-256.
 *
 * @example
 * ```ts
 * import { parseSidecar } from "@therock/run-outputs/operations";
 *
 * const digest = "0".repeat(64);
 * console.assert(parseSidecar(`${digest}  a_lib_generic.tar.zst\n`, "example") === digest);
 * ```
 */
export function parseSidecar(text: string, name: string): string {
  const token = /^\s*\\?([0-9A-Fa-f]{64})(?:\s|$)/.exec(text.replace(/^\uFEFF/, ""))?.[1];
  if (token === undefined) {
    throw new RunOutputsError(
      "integrity",
      `Cannot read the checksum in '${name}': expected 64 hex digits at its start`,
    );
  }
  return token.toLowerCase();
}

/** A sidecar as it is in storage. */
export interface SidecarContent {
  /** Its object. */
  readonly info: ObjectInfo;
  /** Its bytes. */
  readonly bytes: Uint8Array;
  /** Its text, for {@linkcode parseSidecar}. */
  readonly text: string;
}

/**
 * Reads a file that is to be a sidecar, whatever is in it.
 *
 * @param backend The storage.
 * @param sidecar Where it is.
 * @param show Where a location is, for messages.
 * @param signal Stops the reading.
 * @returns Its content.
 * @throws {RunOutputsError} `integrity`, if it is too long for a sidecar; `not_found`.
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
  return { info, bytes, text: new TextDecoder().decode(bytes) };
}

/**
 * Reads the sidecar beside an archive.
 *
 * @param backend The storage.
 * @param sidecar Where it is.
 * @param show Where a location is, for messages.
 * @param signal Stops the reading.
 * @returns The digest, 64 hex digits in lower case.
 * @throws {RunOutputsError} `integrity`, if it is no checksum; `not_found`.
 */
export async function readSidecar(
  backend: StorageBackend,
  sidecar: Pick<ObjectInfo, "location">,
  show: (location: OutputLocation) => string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { text } = await readSidecarContent(backend, sidecar, show, signal);
  return parseSidecar(text, show(sidecar.location));
}

/**
 * The text of a sidecar.
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
