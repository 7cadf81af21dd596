/**
 * The download of objects into files.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { OutputLocation } from "../layout/output_location.ts";
import { writeFileAtomic } from "./atomic_file.ts";
import type { StorageBackend } from "./backend.ts";
import { readFile } from "./byte_source.ts";
import { diskError } from "../layout/disk_error.ts";
import { transferAll, type TransferOptions, type TransferResult } from "./transfer.ts";

/** One object to download. */
export interface DownloadItem {
  /** The object. */
  readonly location: OutputLocation;
  /** The file to make of it. */
  readonly path: string;
  /** The size in bytes, where it is known from a listing. */
  readonly size?: number;
  /** The SHA-256 that the bytes must have, 64 hex digits in lower case. */
  readonly sha256?: string;
}

/** Options of {@linkcode download}. */
export interface DownloadOptions extends TransferOptions {
  /** Look at what is there on both sides, and write nothing. */
  readonly dryRun?: boolean;
}

/**
 * Downloads objects, each into a file that appears only once it is whole and has the expected
 * hash. A file that is there and has the hash already is left alone. A failure of one does not
 * stop the others.
 *
 * @param backend The storage.
 * @param items The objects.
 * @param options Dry run, concurrency, progress, a signal.
 * @returns What became of each, in the order of the items.
 * @throws The signal's reason, after files under way have been cleaned up.
 */
export async function download(
  backend: StorageBackend,
  items: Iterable<DownloadItem>,
  options: DownloadOptions = {},
): Promise<TransferResult[]> {
  return await transferAll(
    items,
    async (item) => {
      options.onEvent?.({ type: "start", path: item.path, size: item.size });
      const result = await downloadOne(backend, item, options);
      options.onEvent?.({ type: "finish", result });
      return [result];
    },
    ({ location, path, size }, error) => (
      { location, path, outcome: "failed", size, warnings: [], error }
    ),
    options,
  );
}

async function downloadOne(
  backend: StorageBackend,
  item: DownloadItem,
  options: DownloadOptions,
): Promise<TransferResult> {
  const { location, path, sha256 } = item;
  const { signal, onEvent } = options;
  if (sha256 !== undefined && await isWhole(path, sha256, item.size, signal)) {
    return { location, path, outcome: "unchanged", size: item.size, sha256, warnings: [] };
  }
  if (options.dryRun) {
    const { size } = await backend.stat(location, { signal });
    return { location, path, outcome: "planned", size, sha256, warnings: [] };
  }
  await using body = await backend.read(location, { signal });
  const { size, sha256: actual } = await writeFileAtomic(path, body, {
    size: body.info.size,
    sha256,
    onBytes: (bytes) => onEvent?.({ type: "bytes", path, bytes }),
    signal,
  });
  return { location, path, outcome: "written", size, sha256: actual, warnings: [] };
}

/** Whether a file is there and has the hash. */
async function isWhole(
  path: string,
  sha256: string,
  size: number | undefined,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    const stat = await Deno.lstat(path);
    if (!stat.isFile || (size !== undefined && stat.size !== size)) return false;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw diskError("read", path, error);
  }
  const digest = createHash("sha256");
  for await (const chunk of readFile(path, undefined, signal)) digest.update(chunk);
  return digest.digest("hex") === sha256;
}
