/**
 * The record of what retention has removed from a run, in storage.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { OutputPaths } from "../../layout/output_paths.ts";
import type { MergedFile } from "../../runs/merge_parts.ts";
import {
  MAX_RECORD_BYTES,
  parseRemoved,
  type RemovedFiles,
  type RemovedRecord,
  removedRecord,
} from "../../runs/removed.ts";
import type { CallOptions, ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { bodyText, readToMerge } from "../../storage/if_there.ts";
import { shownBy } from "../../storage/shown_by.ts";

/** A record in storage. */
export interface StoredRemoved {
  /** The record. */
  readonly content: RemovedRecord;
  /** Its object. */
  readonly info: ObjectInfo;
}

/** Options of {@linkcode readRemoved}. */
export interface ReadRemovedOptions extends CallOptions {
  /** Formats a location for messages. Default: as the storage does. */
  readonly show?: (location: OutputLocation) => string;
}

/**
 * Reads the record of what retention has removed from a run.
 *
 * @param backend The storage.
 * @param root The run.
 * @param options How to format locations; a signal.
 * @returns The record; `undefined`, if the run has none.
 * @throws {RunOutputsError} `integrity`, if it is broken; `failed`, if its schema is newer.
 */
export async function readRemoved(
  backend: StorageBackend,
  root: OutputPaths,
  { show = shownBy(backend), signal }: ReadRemovedOptions = {},
): Promise<StoredRemoved | undefined> {
  const location = removedRecord(root);
  const body = await readToMerge(backend, location, { signal });
  if (body === undefined) return undefined;
  await using _ = body;
  const { info } = body;
  if (info.size > MAX_RECORD_BYTES) {
    throw new RunOutputsError(
      "integrity",
      `Cannot read the record of removed files '${show(location)}': it is too large ` +
        `(${info.size} bytes)`,
    );
  }
  return { content: parseRemoved(await bodyText(body), show(location)), info };
}

/**
 * Adds to each file of a manifest whether retention has removed it.
 *
 * @param files The files.
 * @param removed What it has removed.
 * @returns The files.
 */
export async function* withRemovals(
  files: AsyncGenerator<MergedFile>,
  removed: RemovedFiles,
): AsyncGenerator<MergedFile> {
  for await (const merged of files) {
    const removal = removed.of(merged.file.path, merged.parts);
    yield removal === undefined ? merged : { ...merged, removal };
  }
}
