/**
 * Verifies a run's files with the outputs manifest and the `.sha256sum` files.
 *
 * @module
 */

import { pMapIterable } from "p-map";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { OutputPaths } from "../../layout/output_paths.ts";
import type { CallOptions, StorageBackend } from "../../storage/backend.ts";
import { checkConcurrency } from "../../storage/concurrency.ts";
import { shownBy } from "../../storage/shown_by.ts";
import type { TransferEvent } from "../../storage/transfer/transfer.ts";
import { joinListing, type RemovedOutput } from "../manifest/list_outputs.ts";
import { type FileAndSidecar, pairSidecars } from "../artifacts/pair_sidecars.ts";
import { readOutputs, type RunManifest } from "../manifest/read.ts";
import type { VerifiedFile } from "./verified_file.ts";
import { FileVerifier } from "./file.ts";

/** Options of {@linkcode verifyRun}. */
export interface VerifyRunOptions extends CallOptions {
  /**
   * The run's manifest, if it was read already; `NO_MANIFEST` to use only checksum files. Default:
   * it is read.
   */
  readonly manifest?: RunManifest;
  /** Compare sizes and recorded hashes, without reading the files. */
  readonly quick?: boolean;
  /**
   * Whether a file that was written after the part that lists it counts as changed, if only sizes
   * are compared. Not in a copy, whose times are those of the copying. Default: `true`.
   */
  readonly times?: boolean;
  /** The number of files read concurrently. Default: 16; with `quick`, 32. */
  readonly concurrency?: number;
  /** Formats a location for messages. Default: as the storage does. */
  readonly show?: (location: OutputLocation) => string;
  /** Called for each file that retention has removed. Such files have no result. */
  readonly onRemoved?: (removed: RemovedOutput) => void;
  /** Called for each file that is read, and for each result. */
  readonly onEvent?: (event: TransferEvent) => void;
}

/** The number of results that may wait for a slow file, in addition to the files in progress. */
const AHEAD = 8;

/**
 * Verifies the files of a run: all that its manifest lists and all that exist, each once. The
 * results are a stream, nearly sorted by path, and are not kept in memory, so a run of any length
 * can be verified.
 *
 * A file in the manifest must match its entry, and so must one that the marker of an incomplete part
 * lists as uploaded; any other file must match its `.sha256sum`. A
 * `.sha256sum` must match its file, and one without a file means that the file is missing.
 *
 * @param backend The storage.
 * @param root The run; `new RunDirectory()` for a directory that holds just that.
 * @param options How to verify.
 * @returns The results. An error of one file is a result, and never thrown.
 * @throws {RunOutputsError} Errors that stop everything: a run that cannot be listed, a manifest
 * that cannot be read; `invalid`, unless `concurrency` is a whole number from 1, or `Infinity`.
 *
 * @example
 * ```ts
 * import { bytesSource, MemoryBackend, RunOutputRoot, verifyRun } from "@therock/run-outputs";
 *
 * const root = RunOutputRoot.forLocal({ platform: "linux" });
 * const storage = new MemoryBackend();
 * await storage.write(root.file("a_lib_generic.tar.zst"), bytesSource("not what it was"));
 * await storage.write(
 *   root.file("a_lib_generic.tar.zst.sha256sum"),
 *   bytesSource("0".repeat(64)),
 * );
 * const bad = [];
 * for await (const { path, verdict, error } of verifyRun(storage, root)) {
 *   if (error !== undefined) bad.push(`${verdict} ${path}`);
 * }
 * console.assert(bad.join() === "wrong-hash a_lib_generic.tar.zst");
 * ```
 */
export async function* verifyRun(
  backend: StorageBackend,
  root: OutputPaths,
  options: VerifyRunOptions = {},
): AsyncGenerator<VerifiedFile> {
  const { signal, quick = false, times = true, show = shownBy(backend) } = options;
  const { onRemoved, onEvent } = options;
  const concurrency = checkConcurrency(options.concurrency ?? (quick ? 32 : 16));
  const manifest = options.manifest ?? await readOutputs(backend, root, { show, signal });
  // Leaving the loop early ends operations in progress.
  const stop = new AbortController();
  const ended = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const verifier = new FileVerifier(backend, root, {
    manifest,
    quick,
    times,
    show,
    onEvent,
    signal: ended,
  });
  const underWay = new Set<Promise<unknown>>();
  const verify = async (pair: FileAndSidecar): Promise<readonly VerifiedFile[]> => {
    const verifying = verifier.verify(pair).catch((error) => {
      if (ended.aborted) return [];
      throw error;
    });
    underWay.add(verifying);
    try {
      const results = await verifying;
      for (const result of results) onEvent?.({ type: "finish", result: asTransfer(result) });
      return results;
    } finally {
      underWay.delete(verifying);
    }
  };
  try {
    const pairs = pairSidecars(
      joinListing(backend, root, manifest, { marked: true, onRemoved, signal: ended }),
    );
    const backpressure = concurrency * AHEAD;
    for await (const results of pMapIterable(pairs, verify, { concurrency, backpressure })) {
      signal?.throwIfAborted();
      yield* results;
    }
    signal?.throwIfAborted();
  } finally {
    stop.abort();
    await Promise.allSettled(underWay);
  }
}

function asTransfer({ location, path, size, error }: VerifiedFile) {
  const outcome = error === undefined ? "unchanged" as const : "failed" as const;
  return { location, path, size, outcome, warnings: [], error };
}
