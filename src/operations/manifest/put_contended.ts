/**
 * The writing of a small file that several jobs may write at the same time, each going by what is
 * there.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { ByteSource, ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { contentType } from "../../storage/content_type.ts";
import { pause } from "../../storage/pause.ts";
import type { TransferResult } from "../../storage/transfer/transfer.ts";

/** What to do with what is there. */
export type Decision =
  | {
    /** What is there, and is to be written over; nothing, if nothing is there. */
    readonly there?: ObjectInfo;
    /** What is to be written. */
    readonly source: ByteSource;
  }
  | {
    /** What is there, and is as it should be. */
    readonly there: ObjectInfo;
    readonly source?: undefined;
  }
  | {
    /** Why nothing may be written. */
    readonly refusal: Error;
  };

/** What is written, and how it can be stopped. */
export interface PutContendedOptions {
  /** Where. */
  readonly location: OutputLocation;
  /** What it is made from, for people. */
  readonly path: string;
  /** Stops the writing. */
  readonly signal?: AbortSignal;
}

/** How often it is decided anew because another writer was faster. */
const MAX_ROUNDS = 20;

/** The longest pause between, in milliseconds. */
const MAX_PAUSE = 1000;

/**
 * Decides what to write by what is there, and writes it unless another writer was faster: then it
 * decides anew. Where the storage can't decide that in the moment of the write, who was overwritten
 * is likely to see it by a look afterwards.
 *
 * @param backend The storage.
 * @param options Where to, and a signal.
 * @param decide Looks at what is there, and decides.
 * @returns What became of it. Trouble is a failed result.
 * @throws The signal's reason.
 */
export async function putContended(
  backend: StorageBackend,
  { location, path, signal }: PutContendedOptions,
  decide: () => Promise<Decision>,
): Promise<TransferResult> {
  const result = { location, path, warnings: [] };
  for (let round = 1;; round++) {
    try {
      const decision = await decide();
      if ("refusal" in decision) return { ...result, outcome: "failed", error: decision.refusal };
      const { there, source } = decision;
      if (source === undefined) {
        const { size, sha256, etag } = there;
        return { ...result, outcome: "unchanged", size, sha256, etag };
      }
      const { size, sha256, etag } = await backend.write(location, source, {
        contentType: contentType(location.key),
        sha256: source.sha256,
        ifMatch: there?.etag,
        ifAbsent: there === undefined && "seen",
        signal,
      });
      if (!backend.writes) return { ...result, outcome: "planned", size, sha256 };
      if ((await backend.stat(location, { signal })).etag === etag) {
        return { ...result, outcome: "written", size, sha256, etag };
      }
      if (round === MAX_ROUNDS) throw busy(location);
    } catch (error) {
      signal?.throwIfAborted();
      if (!isFaster(error) || round === MAX_ROUNDS) {
        return { ...result, outcome: "failed", error: error as Error };
      }
    }
    await pause(Math.random() * Math.min(MAX_PAUSE, 20 * 2 ** round), signal);
  }
}

/** Whether another writer has come between: what was read, or was to be replaced, has changed. */
function isFaster(error: unknown): boolean {
  return error instanceof RunOutputsError &&
    (error.code === "conflict" || error.code === "not_found");
}

function busy(location: OutputLocation): RunOutputsError {
  return new RunOutputsError(
    "conflict",
    `Cannot write '${location}': other uploads replaced it ${MAX_ROUNDS} times; try again later`,
  );
}
