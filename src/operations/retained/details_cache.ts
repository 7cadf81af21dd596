/**
 * Keeps what was read about runs in memory, for a process that answers many questions.
 *
 * @module
 */

import type { RunPrefix } from "../../layout/run_output_root.ts";
import { totalSize } from "../../layout/total_size.ts";
import { compareRuns, formatRunKey } from "../../runs/retention/run_key.ts";
import type { RetentionSummary } from "../../runs/retention/summary.ts";
import type { StoredPins } from "./pins.ts";
import type { ParsedFile } from "./read_small.ts";

/** The default limit. */
const MAX_BYTES = 64 * 1024 * 1024;

/** What a run needs besides the texts of its summary and pins, in bytes. */
const OVERHEAD = 1024;

/** The memory of a parsed text for each byte of it; measured with summaries of 1 to 20 kB. */
const FACTOR = 3;

/** What remains after a clean-up, as a part of the limit: not each new run needs one. */
const REMAINS = 3 / 4;

/** What was read about a run. */
export interface CachedRun {
  /** Its summary. */
  readonly summary: ParsedFile<RetentionSummary>;
  /** What its pins say, by the names of their files. */
  readonly pins: StoredPins;
}

/** Options of {@linkcode RunDetailsCache}. */
export interface RunDetailsCacheOptions {
  /** The maximum memory in bytes, an estimate. Default: 64 MiB. */
  readonly maxBytes?: number;
}

/**
 * The summaries and pins of runs, parsed. Nothing in it is used unless storage still has the same
 * version of the file: so an answer is the same with and without it, and costs less. One cache is for
 * one place.
 *
 * When it is full, the oldest runs give way, because questions are about the newest ones.
 *
 * @example
 * ```ts
 * import { MemoryBackend } from "@therock/run-outputs";
 * import { RunDetailsCache, RunIndex } from "@therock/run-outputs/operations";
 *
 * const cache = new RunDetailsCache({ maxBytes: 16 * 1024 * 1024 });
 * const index = new RunIndex({ backend: new MemoryBackend(), bucket: "lab-artifacts", cache });
 * console.assert((await index.enumerate()).length === 0 && cache.bytes === 0);
 * ```
 */
export class RunDetailsCache {
  /** The maximum memory in bytes. */
  readonly maxBytes: number;
  readonly #runs = new Map<
    string,
    CachedRun & { readonly run: RunPrefix; readonly bytes: number }
  >();
  #bytes = 0;

  /**
   * Creates an empty cache.
   *
   * @param options The limit.
   */
  constructor({ maxBytes = MAX_BYTES }: RunDetailsCacheOptions = {}) {
    this.maxBytes = maxBytes;
  }

  /** The memory that it takes, in bytes: an estimate. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * What was read about a run.
   *
   * @param run The run.
   * @returns What was read, which must be checked; `undefined`, if nothing is known.
   * @internal
   */
  get(run: RunPrefix): CachedRun | undefined {
    return this.#runs.get(formatRunKey(run));
  }

  /**
   * Keeps what was read about a run.
   *
   * @param run The run.
   * @param read What was read; `undefined`, if it has no summary that can be used.
   * @internal
   */
  set({ externalRepo, runId, platform }: RunPrefix, read: CachedRun | undefined): void {
    const run = { externalRepo, runId, platform };
    const key = formatRunKey(run);
    this.#bytes -= this.#runs.get(key)?.bytes ?? 0;
    this.#runs.delete(key);
    if (read === undefined) return;
    const bytes = OVERHEAD + FACTOR * totalSize([read.summary, ...read.pins.values()]);
    this.#runs.set(key, { ...read, run, bytes });
    this.#bytes += bytes;
    if (this.#bytes > this.maxBytes) this.#shrink();
  }

  #shrink(): void {
    const oldestFirst = [...this.#runs.entries()].sort(([, a], [, b]) => compareRuns(b.run, a.run));
    for (const [key, { bytes }] of oldestFirst) {
      if (this.#bytes <= REMAINS * this.maxBytes) return;
      this.#runs.delete(key);
      this.#bytes -= bytes;
    }
  }
}
