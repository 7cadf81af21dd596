/**
 * What comes before an upload's writes, so that whoever reads the run in between is told nothing
 * that is not so.
 *
 * @module
 */

import type { OutputLocation } from "../../layout/output_location.ts";
import type { StorageBackend, WriteOptions } from "../../storage/backend.ts";
import { WatchedWrites } from "../../storage/watched_writes.ts";

/** What is to be done, each at most once. */
export interface PartWatch {
  /** Whether a write makes untrue what the part from before tells. */
  changes(location: OutputLocation, options: WriteOptions): boolean;
  /** Done before the first write that does; if that fails, so do the writes. */
  withdraw(first: OutputLocation): Promise<void>;
  /** Done before the first write, unless that makes the part untrue. It does not fail. */
  announce?(first: OutputLocation): Promise<void>;
}

/**
 * A storage whose writes wait for what has to come before them.
 *
 * @param backend The storage.
 * @param watch What comes before.
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
    // What leaves the part as it is is uploaded also where that can't be taken away.
    if (withdrawing !== undefined) return await withdrawing.catch(() => {});
    await (announcing ??= announce(location));
  });
}
