/**
 * Writes the list of a run's expected parts.
 *
 * @module
 */

import type { OutputPaths } from "../../layout/output_paths.ts";
import { addExpected, formatExpected } from "../../runs/expected_parts.ts";
import type { StorageBackend } from "../../storage/backend.ts";
import { bytesSource } from "../../storage/byte_source.ts";
import type { TransferResult } from "../../storage/transfer/transfer.ts";
import type { PartUploadOptions } from "./part_content.ts";
import { putContended } from "./put_contended.ts";
import { isBroken, readExpected, type StoredExpected } from "./read.ts";

/**
 * Adds parts to the list of a run's expected parts.
 *
 * @param backend The storage.
 * @param root The run.
 * @param parts The parts; those that are listed already stay.
 * @param options A callback for notes; a signal.
 * @returns The result for the list.
 */
export async function writeExpected(
  backend: StorageBackend,
  root: OutputPaths,
  parts: readonly string[],
  options: Pick<PartUploadOptions, "show" | "onNote" | "signal">,
): Promise<TransferResult> {
  const location = root.expectedParts();
  const path = "the list of expected parts";
  return await putContended(backend, { location, path, signal: options.signal }, async () => {
    const { list: before, info: existing } = await read(backend, root, options);
    const list = addExpected(before, parts);
    if (existing !== undefined && before?.parts.length === list.parts.length) return { existing };
    return { existing, source: bytesSource(formatExpected(list)) };
  });
}

/** The existing list. A broken one can only be replaced. */
async function read(
  backend: StorageBackend,
  root: OutputPaths,
  { show, onNote, signal }: Pick<PartUploadOptions, "show" | "onNote" | "signal">,
): Promise<Partial<StoredExpected>> {
  try {
    return await readExpected(backend, root, { show, signal }) ?? {};
  } catch (error) {
    if (!isBroken(error)) throw error;
    onNote?.(`${error.message}; replacing it`);
    return { info: await backend.stat(root.expectedParts(), { signal }) };
  }
}
