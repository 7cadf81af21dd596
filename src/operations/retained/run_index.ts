/**
 * The index of the runs in a staging directory or a bucket. It is never stored: names say which runs
 * exist and in which order, and each run says the rest.
 *
 * @module
 */

import pMap from "p-map";
import { OutputLocation } from "../../layout/output_location.ts";
import { RunOutputRoot, type RunPrefix } from "../../layout/run_output_root.ts";
import {
  compareRuns,
  parseRunKey,
  tryParseRunName,
  tryParseRunPrefix,
} from "../../runs/retention/run_key.ts";
import type { CallOptions, StorageBackend } from "../../storage/backend.ts";
import { describeRun, type RetainedRun } from "./describe.ts";
import type { RunDetailsCache } from "./details_cache.ts";
import { matchesRepo } from "./filter.ts";
import { problem } from "./problem.ts";

/** How many directories of repositories are listed at once. */
const CONCURRENCY = 16;

/** Options of {@linkcode RunIndex}. */
export interface RunIndexOptions {
  /** The storage. */
  readonly backend: StorageBackend;
  /** The bucket; any name for a staging directory. */
  readonly bucket: string;
  /** The place, for messages. Default: the S3 URI of the bucket. */
  readonly where?: string;
  /** The current time. Default: now. */
  readonly now?: () => Date;
  /** What was read about runs, for a process that answers many questions. Default: none. */
  readonly cache?: RunDetailsCache;
  /** How long the names of the runs are used again, in milliseconds. Default: not at all. */
  readonly reuseNames?: number;
}

/** The names of the runs. */
export interface RunNames {
  /** The runs, the newest first. A directory without files can be among them. */
  readonly runs: readonly RunPrefix[];
  /** How many seconds ago they were listed, if not now. */
  readonly age?: number;
}

/** Decides between runs with the same id. */
export interface RunChoice {
  /** Only runs for this system. */
  readonly platform?: string;
  /** Only runs of this repository, `OWNER/NAME`. */
  readonly repo?: string;
}

/**
 * The runs in one place.
 *
 * @example
 * ```ts
 * import { bytesSource, MemoryBackend, RunOutputRoot } from "@therock/run-outputs";
 * import { latestRun, RunIndex } from "@therock/run-outputs/operations";
 *
 * const backend = new MemoryBackend();
 * const root = new RunOutputRoot({ bucket: "lab-artifacts", runId: 123, platform: "linux" });
 * await backend.write(root.file("logs/build.log"), bytesSource("built"));
 * const index = new RunIndex({ backend, bucket: "lab-artifacts" });
 * const { run } = await latestRun(index, { filter: { platform: "linux" } });
 * console.assert(run?.key === "123-linux" && run.completeness === "unproven");
 * ```
 */
export class RunIndex {
  /** The storage. */
  readonly backend: StorageBackend;
  /** The bucket. */
  readonly bucket: string;
  /** The place, for messages. */
  readonly where: string;
  /** The current time. */
  readonly now: () => Date;
  readonly #cache: RunDetailsCache | undefined;
  readonly #reuseNames: number;
  #listed: { readonly runs: readonly RunPrefix[]; readonly at: Date } | undefined;

  /**
   * Opens an index. Nothing is read.
   *
   * @param options The place.
   */
  constructor(options: RunIndexOptions) {
    const { backend, bucket, where, now = () => new Date(), cache, reuseNames = 0 } = options;
    this.backend = backend;
    this.bucket = bucket;
    this.where = where ?? new OutputLocation(bucket, "").s3Uri;
    this.now = now;
    this.#cache = cache;
    this.#reuseNames = reuseNames;
  }

  /**
   * The runs by the names of their directories: as {@linkcode enumerate} lists them, or as it listed
   * them a moment ago, if the index was opened with `reuseNames`.
   *
   * @param options A signal.
   * @returns The runs, and how old the list is.
   */
  async names({ signal }: CallOptions = {}): Promise<RunNames> {
    if (this.#listed !== undefined) {
      const { runs, at } = this.#listed;
      const age = this.now().getTime() - at.getTime();
      if (age >= 0 && age <= this.#reuseNames) return { runs, age: age / 1000 };
    }
    return { runs: await this.enumerate({ signal }) };
  }

  /**
   * Lists the runs by the names of their directories: one listing of the top level, and one for each
   * directory there that is not a run, which may hold the runs of a repository.
   *
   * @param options A signal.
   * @returns The runs, the newest first. A directory without files can be among them.
   */
  async enumerate({ signal }: CallOptions = {}): Promise<readonly RunPrefix[]> {
    const at = this.now();
    const top = new OutputLocation(this.bucket, "");
    const runs: RunPrefix[] = [];
    const others: OutputLocation[] = [];
    for await (const { location, info } of this.backend.children(top, { signal })) {
      if (info !== undefined) continue;
      const run = tryParseRunPrefix(location.key);
      if (run !== undefined) runs.push(run);
      else if (!location.name.startsWith(".")) others.push(location);
    }
    await pMap(others, async (directory) => {
      for await (const { location, info } of this.backend.children(directory, { signal })) {
        const run = info === undefined ? tryParseRunPrefix(location.key) : undefined;
        if (run !== undefined) runs.push(run);
      }
    }, { concurrency: CONCURRENCY });
    runs.sort(compareRuns);
    if (this.#reuseNames > 0) this.#listed = { runs, at };
    return runs;
  }

  /**
   * Describes a run.
   *
   * @param run The run.
   * @param options A signal.
   * @returns The run; `undefined`, if it has no files.
   */
  async describe(run: RunPrefix, { signal }: CallOptions = {}): Promise<RetainedRun | undefined> {
    const options = { now: this.now(), cache: this.#cache, signal };
    return await describeRun(this.backend, this.root(run), options);
  }

  /**
   * The root of a run here.
   *
   * @param run The run.
   * @returns Its root.
   */
  root({ externalRepo, runId, platform }: RunPrefix): RunOutputRoot {
    return new RunOutputRoot({ bucket: this.bucket, externalRepo, runId, platform });
  }

  /**
   * Finds the place of the run that a user names, without a look into it if its name decides. The run
   * may not exist.
   *
   * @param name A run's key or prefix, with the platform in any case, or its id.
   * @param choice Decides between runs with the same id.
   * @param options A signal.
   * @returns The run.
   * @throws {RunOutputsError} As `find`.
   */
  async locate(
    name: string,
    choice: RunChoice = {},
    { signal }: CallOptions = {},
  ): Promise<RunPrefix> {
    const { platform, repo } = choice;
    const candidates = (await this.#candidates(name, { signal }))
      .filter((run) => platform === undefined || run.platform === platform);
    if (candidates.length === 1 && repo === undefined) return candidates[0];
    return parseRunKey((await this.find(name, choice, { signal })).key);
  }

  async #candidates(name: string, { signal }: CallOptions): Promise<RunPrefix[]> {
    const named = tryParseRunName(name);
    // As in enumerate(): directories of run-outputs' own, such as trash, hold no runs.
    if (named !== undefined) return named.externalRepo.startsWith(".") ? [] : [named];
    const isIt = ({ runId }: RunPrefix) => runId === name;
    const { runs, age } = await this.names({ signal });
    const found = runs.filter(isIt);
    if (found.length > 0 || age === undefined) return found;
    // What is not in an old list may be new.
    return (await this.enumerate({ signal })).filter(isIt);
  }

  /**
   * Finds the run that a user names.
   *
   * @param name A run's key or prefix, with the platform in any case, or its id.
   * @param choice Decides between runs with the same id.
   * @param options A signal.
   * @returns The run.
   * @throws {RunOutputsError} `not_found`, if it does not exist; `conflict`, naming the keys, if the id
   * is that of several runs.
   */
  async find(
    name: string,
    { platform, repo }: RunChoice = {},
    { signal }: CallOptions = {},
  ): Promise<RetainedRun> {
    const described = await pMap(
      (await this.#candidates(name, { signal })).filter((run) =>
        platform === undefined || run.platform === platform
      ),
      (run) => this.describe(run, { signal }),
      { concurrency: CONCURRENCY },
    );
    const found = described.filter((run) => run !== undefined)
      .filter((run) => repo === undefined || matchesRepo(run, repo));
    if (found.length === 1) return found[0];
    if (found.length === 0) {
      const message = `No run '${name}' in ${this.where}`;
      throw problem("not_found", "unknown-run", message, { run: name });
    }
    const choices = found.map(({ key }) => key);
    throw problem(
      "conflict",
      "ambiguous-run",
      `Run ${name} is ambiguous in ${this.where}: it can be ${choices.join(" or ")}; name one of ` +
        "these",
      { run: name, choices },
    );
  }
}
