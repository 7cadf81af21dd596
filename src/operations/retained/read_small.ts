/**
 * Reads small text files of a run.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { CallOptions, ObjectInfo, StorageBackend } from "../../storage/backend.ts";

/** A small file. */
export interface SmallFile {
  /** What is known of it. */
  readonly info: ObjectInfo;
  /** Its text; `undefined`, if it is too large. */
  readonly text?: string;
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
  let body;
  try {
    body = await backend.read(location, { signal });
  } catch (error) {
    if (error instanceof RunOutputsError && error.code === "not_found") return undefined;
    throw error;
  }
  await using _ = body;
  const { info } = body;
  if (info.size > maxBytes) return { info };
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) text += decoder.decode(chunk, { stream: true });
  return { info, text: text + decoder.decode() };
}
