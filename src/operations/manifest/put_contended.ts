/**
 * Writes a small file that several jobs may write at the same time, each depending on the existing
 * content.
 *
 * @module
 */

import { isReplaced, RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { ByteSource, ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { Contention } from "../../storage/contention.ts";
import { contentType } from "../../storage/content_type.ts";
import { pause } from "../../storage/pause.ts";
import type { TransferResult } from "../../storage/transfer/transfer.ts";

/** How to proceed with an existing file. */
export type Decision =
  | {
    /** The existing file, which will be replaced; missing, if there is none. */
    readonly existing?: ObjectInfo;
    /** The content to write. */
    readonly source: ByteSource;
  }
  | {
    /** The existing file, which needs no change. */
    readonly existing: ObjectInfo;
    readonly source?: undefined;
  }
  | {
    /** Why nothing may be written. */
    readonly refusal: Error;
  };

/** The file, and how to abort. */
export interface PutContendedOptions {
  /** Its location. */
  readonly location: OutputLocation;
  /** The origin of its content, as text. */
  readonly path: string;
  /** Aborts writing. */
  readonly signal?: AbortSignal;
}

/** The maximum number of decisions if other writers are faster. */
const MAX_ROUNDS = 20;

/** The longest pause between them, in milliseconds. */
const MAX_PAUSE = 1000;

/**
 * Decides what to write depending on the existing file, and writes it unless another writer was
 * faster: then it decides again. If the storage does not support conditional writes, the
 * overwritten writer will probably notice it by checking afterwards. A storage that rejects the write
 * although nothing changes is not asked again and again.
 *
 * @param backend The storage.
 * @param options The location, and a signal.
 * @param decide Inspects the existing file, and decides.
 * @returns The result. A failure is a failed result.
 * @throws The signal's reason.
 */
export async function putContended(
  backend: StorageBackend,
  { location, path, signal }: PutContendedOptions,
  decide: () => Promise<Decision>,
): Promise<TransferResult> {
  const result = { location, path, warnings: [] };
  const contention = new Contention();
  for (let round = 1;; round++) {
    // What the write in progress is conditional on.
    let condition: { readonly etag: string | undefined } | undefined;
    try {
      const decision = await decide();
      if ("refusal" in decision) return { ...result, outcome: "failed", error: decision.refusal };
      const { existing, source } = decision;
      if (source === undefined) {
        const { size, sha256, etag } = existing;
        return { ...result, outcome: "unchanged", size, sha256, etag };
      }
      condition = { etag: existing?.etag };
      const { size, sha256, etag } = await backend.write(location, source, {
        contentType: contentType(location.key),
        sha256: source.sha256,
        ifMatch: existing?.etag,
        ifAbsent: existing === undefined && "seen",
        signal,
      });
      condition = undefined;
      if (!backend.writes) return { ...result, outcome: "planned", size, sha256 };
      const now = await backend.stat(location, { signal });
      // Some servers report another etag later. The content is what counts.
      if (now.etag === etag || (sha256 !== undefined && now.sha256 === sha256)) {
        return { ...result, outcome: "written", size, sha256, etag: now.etag };
      }
      if (round === MAX_ROUNDS) throw busy(location);
    } catch (error) {
      signal?.throwIfAborted();
      if (!isReplaced(error) || round === MAX_ROUNDS) {
        return { ...result, outcome: "failed", error: error as Error };
      }
      if (condition === undefined) {
        // The file that was read has changed. If the error is the same each time, it has not.
        if (contention.rejected(error.message)) return { ...result, outcome: "failed", error };
      } else if (contention.rejected(condition.etag)) {
        return { ...result, outcome: "failed", error: contention.describe(error) };
      }
    }
    await pause(Math.random() * Math.min(MAX_PAUSE, 20 * 2 ** round), signal);
  }
}

function busy(location: OutputLocation): RunOutputsError {
  return new RunOutputsError(
    "conflict",
    `Cannot write '${location}': other uploads replaced it ${MAX_ROUNDS} times; try again later`,
  );
}
