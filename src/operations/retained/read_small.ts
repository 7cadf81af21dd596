/**
 * Reads small text files of a run.
 *
 * @module
 */

import type { OutputLocation } from "../../layout/output_location.ts";
import type { CallOptions, ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { bodyText, readIfThere } from "../../storage/if_there.ts";

/** A small file. */
export interface SmallFile {
  /** What is known of it. */
  readonly info: ObjectInfo;
  /** Its text; `undefined`, if it is too large. */
  readonly text?: string;
}

/** A small file that was parsed. */
export interface ParsedFile<T> {
  /** The version that was parsed. */
  readonly etag: string;
  /** Its size in bytes. */
  readonly size: number;
  /** Its content. */
  readonly value: T;
}

/**
 * Reads a small text file.
 *
 * @param backend The storage.
 * @param location The file.
 * @param maxBytes A larger file is not read.
 * @param options A signal.
 * @returns The file; `undefined`, if it does not exist.
 */
export async function readSmall(
  backend: StorageBackend,
  location: OutputLocation,
  maxBytes: number,
  { signal }: CallOptions = {},
): Promise<SmallFile | undefined> {
  const body = await readIfThere(backend, location, { signal });
  if (body === undefined) return undefined;
  await using _ = body;
  const { info } = body;
  if (info.size > maxBytes) return { info };
  return { info, text: await bodyText(body) };
}
