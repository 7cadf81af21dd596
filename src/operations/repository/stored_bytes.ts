/**
 * The small files of a package repository: read completely, with a limit, and written if they are
 * missing.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { joined } from "../../archive/compression/in_memory.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { CallOptions, ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { bytesSource } from "../../storage/byte_source.ts";
import { contentType } from "../../storage/content_type.ts";
import { readToMerge, statIfThere } from "../../storage/if_there.ts";
import type { TransferResult } from "../../storage/transfer/transfer.ts";

/** The maximum size of a metadata file, compressed or not. */
export const MAX_METADATA = 512 * 1024 * 1024;

/** How to format locations, and a signal. */
export interface RepositoryOptions extends CallOptions {
  /** Formats a location for messages. Default: its S3 URI. */
  readonly show?: (location: OutputLocation) => string;
}

/** A file that was read. */
export interface StoredBytes {
  readonly bytes: Uint8Array;
  readonly info: ObjectInfo;
}

/**
 * Reads a file.
 *
 * @param backend The storage.
 * @param location The file.
 * @param options How to format its location; a signal.
 * @returns Its bytes; `undefined`, if it does not exist.
 * @throws {RunOutputsError} `integrity`, if it is too large.
 */
export async function readStored(
  backend: StorageBackend,
  location: OutputLocation,
  { show = String, signal }: RepositoryOptions,
): Promise<StoredBytes | undefined> {
  const body = await readToMerge(backend, location, { signal });
  if (body === undefined) return undefined;
  await using _ = body;
  if (body.info.size > MAX_METADATA) {
    throw new RunOutputsError(
      "integrity",
      `Cannot read ${show(location)}: it has ${body.info.size} bytes, expected at most ` +
        `${MAX_METADATA}`,
    );
  }
  const pieces: Uint8Array[] = [];
  for await (const chunk of body) pieces.push(chunk.slice());
  return { bytes: joined(pieces), info: body.info };
}

/** A file to write. */
export interface FileToBe {
  readonly location: OutputLocation;
  /** The origin of its content, as text. */
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

/**
 * Writes a file whose name is its hash, unless it exists.
 *
 * @param backend The storage.
 * @param file The file.
 * @param options A signal.
 * @returns Its result.
 */
export async function putByHash(
  backend: StorageBackend,
  file: FileToBe,
  { signal }: CallOptions,
): Promise<TransferResult> {
  const { location, path, bytes, sha256 } = file;
  const existing = await statIfThere(backend, location, signal);
  if (existing?.size === bytes.length && (existing.sha256 ?? sha256) === sha256) {
    const { size, etag } = existing;
    return { location, path, outcome: "unchanged", size, sha256, etag, warnings: [] };
  }
  return await put(backend, file, {}, { signal });
}

/**
 * Writes a file, unless it has the same content.
 *
 * @param backend The storage.
 * @param file The file.
 * @param existing The existing file when the content was determined; another writer may have replaced
 * it since.
 * @param options A signal.
 * @returns Its result.
 * @throws {RunOutputsError} `conflict`, if another writer was faster.
 */
export async function putShared(
  backend: StorageBackend,
  file: FileToBe,
  existing: StoredBytes | undefined,
  { signal }: CallOptions,
): Promise<TransferResult> {
  const { location, path, bytes, sha256 } = file;
  if (existing !== undefined && sha256Of(existing.bytes) === sha256) {
    const { size, etag } = existing.info;
    return { location, path, outcome: "unchanged", size, sha256, etag, warnings: [] };
  }
  const condition = existing === undefined
    ? { ifAbsent: true } as const
    : { ifMatch: existing.info.etag };
  return await put(backend, { location, path, bytes, sha256 }, condition, { signal });
}

async function put(
  backend: StorageBackend,
  { location, path, bytes, sha256 }: FileToBe,
  condition: { readonly ifAbsent?: boolean; readonly ifMatch?: string },
  { signal }: CallOptions,
): Promise<TransferResult> {
  const { size, etag } = await backend.write(location, bytesSource(bytes), {
    ...condition,
    contentType: contentType(location.key),
    sha256,
    signal,
  });
  const outcome = backend.writes ? "written" : "planned";
  return { location, path, outcome, size, sha256, etag, warnings: [] };
}

/**
 * The SHA-256 of bytes.
 *
 * @param bytes The bytes.
 * @returns 64 hex digits.
 */
export function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
