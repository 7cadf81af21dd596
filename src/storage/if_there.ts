/**
 * Looks up and reads objects that may not exist.
 *
 * @module
 */

import { RunOutputsError } from "../errors/error.ts";
import type { OutputLocation } from "../layout/output_location.ts";
import type { Chunks, ObjectBody, ObjectInfo, ReadOptions, StorageBackend } from "./backend.ts";

/**
 * Returns what is known of an object, if it exists.
 *
 * @param backend The storage.
 * @param location The object.
 * @param signal Aborts the request.
 * @returns What is known of it; `undefined` if it does not exist.
 * @throws {RunOutputsError} Other errors of the storage.
 */
export async function statIfThere(
  backend: StorageBackend,
  location: OutputLocation,
  signal: AbortSignal | undefined,
): Promise<ObjectInfo | undefined> {
  return await ifThere(() => backend.stat(location, { signal }));
}

/**
 * Reads an object, if it exists.
 *
 * @param backend The storage.
 * @param location The object.
 * @param options A signal.
 * @returns Its body; `undefined` if it does not exist.
 * @throws {RunOutputsError} Other errors of the storage.
 */
export async function readIfThere(
  backend: StorageBackend,
  location: OutputLocation,
  options?: ReadOptions,
): Promise<ObjectBody | undefined> {
  return await ifThere(() => backend.read(location, options));
}

/**
 * Reads a body as text.
 *
 * @param body The body.
 * @returns Its text; malformed UTF-8 is replaced.
 */
export async function bodyText(body: Chunks): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}

/**
 * Reads an object whose content will be merged with other content. If it exists but can't be read,
 * the merged object would lack what is in it. So a denial is an error, even if `UnseenBackend` counts
 * the object as missing.
 *
 * @param backend The storage.
 * @param location The object.
 * @param options A signal.
 * @returns Its body; `undefined` if it does not exist.
 * @throws {RunOutputsError} `denied`, if the role may not read it, or may not know that it is missing.
 */
export async function readToMerge(
  backend: StorageBackend,
  location: OutputLocation,
  options?: ReadOptions,
): Promise<ObjectBody | undefined> {
  return await ifThere(() => backend.read(location, options), ({ cause }) => {
    if (cause instanceof RunOutputsError && cause.code === "denied") throw cause;
  });
}

/** What a call returns; `undefined`, if there is no such object, unless `check` throws. */
async function ifThere<T>(
  call: () => Promise<T>,
  check: (missing: RunOutputsError) => void = () => {},
): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof RunOutputsError) || error.code !== "not_found") throw error;
    check(error);
    return undefined;
  }
}
