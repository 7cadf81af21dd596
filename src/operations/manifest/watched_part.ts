/**
 * Updates the manifest before an upload's writes, so that it is never wrong for readers in between.
 *
 * @module
 */

import type { OutputLocation } from "../../layout/output_location.ts";
import type { StorageBackend, WriteOptions } from "../../storage/backend.ts";
import { WatchedWrites } from "../../storage/watched_writes.ts";

/** The updates, each done at most once. */
export interface PartWatch {
  /** Whether a write makes the existing part wrong. */
  changes(location: OutputLocation, options: WriteOptions): boolean;
  /** Called before the first write that does; if it fails, so do the writes. */
  withdraw(first: OutputLocation): Promise<void>;
  /** Called before the first write, unless that makes the part wrong. It does not fail. */
  announce?(first: OutputLocation): Promise<void>;
}

/**
 * A storage whose writes wait for these updates.
 *
 * @param backend The storage.
 * @param watch The updates.
 * @returns The storage to upload to.
 */
export function watchedPart(
  backend: StorageBackend,
  { changes, withdraw, announce }: PartWatch,
): StorageBackend {
  let announcing: Promise<void> | undefined;
  let withdrawing: Promise<void> | undefined;
  const withdrawAfter = async (location: OutputLocation) => {
    await announcing;
    await withdraw(location);
  };
  return new WatchedWrites(backend, async (location, options) => {
    if (changes(location, options)) return await (withdrawing ??= withdrawAfter(location));
    if (announce === undefined) return;
    // Writes that do not affect the existing part are made even if that cannot be deleted.
    if (withdrawing !== undefined) return await withdrawing.catch(() => {});
    await (announcing ??= announce(location));
  });
}
