/**
 * The mirror jobs of a process: one at a time, in memory only. What they have copied is on the disk,
 * so a job that was killed is continued by the same request.
 *
 * @module
 */

import { isDeepStrictEqual } from "node:util";
import { invalid, RunOutputsError } from "../../errors/error.ts";
import { MAIN_REPOSITORY, selectBucket } from "../../layout/buckets.ts";
import { RunOutputRoot, type RunPrefix } from "../../layout/run_output_root.ts";
import { formatRunKey } from "../../runs/retention/run_key.ts";
import type { StorageBackend } from "../../storage/backend.ts";
import type { ReadSpace } from "../../storage/local/free_space.ts";
import type { Mirror, MirrorJob, MirrorRequest } from "../mirror_jobs.ts";
import { hider, httpError, problemOf } from "../problem.ts";
import { mirrorRun, type MirrorSource } from "./mirror_run.ts";
import type { CopyProgress } from "./progress.ts";
import { checkSpace, checkWritable } from "./space.ts";

/** How many jobs that have ended are kept. */
const KEPT = 200;

/** How many requests may wait for a change; more are answered at once. */
const MAX_WAITS = 200;

/** How many jobs may wait. */
const MAX_QUEUED = 100;

/** Options of {@linkcode MirrorJobs}. */
export interface MirrorJobsOptions {
  /** The configured sources. */
  readonly sources: readonly MirrorSource[];
  /** The storage of the staging directory. */
  readonly backend: StorageBackend;
  /** The staging directory, an absolute path. */
  readonly dir: string;
  /** The program, such as `run-outputs/1.0.0`. */
  readonly tool: string;
  /** Receives a line for each note and each failure. */
  readonly log: (line: string) => void;
  /** The current time. Default: now. */
  readonly now?: () => Date;
  /** Reads the free space. Default: that of the disk. */
  readonly readSpace?: ReadSpace;
}

/** A job with what its JSON does not show. */
interface Entry {
  job: MirrorJob;
  progress?: CopyProgress;
  ended: Promise<void>;
  /** Is resolved when the state changes, and replaced. */
  change: PromiseWithResolvers<void>;
  readonly source: MirrorSource;
  readonly run: RunPrefix;
  readonly controller: AbortController;
}

/** The mirror jobs of a process. */
export class MirrorJobs implements Mirror, AsyncDisposable {
  /** The names of the configured sources. */
  readonly sources: readonly string[];
  readonly #options: Required<Omit<MirrorJobsOptions, "readSpace">> & MirrorJobsOptions;
  /** By id, the oldest first. */
  readonly #entries = new Map<string, Entry>();
  #last: Promise<void> = Promise.resolve();
  #isClosed = false;
  /** How many requests wait for a change. */
  #waits = 0;

  /**
   * Creates the history of a process without jobs.
   *
   * @param options The sources and the staging directory.
   */
  constructor(options: MirrorJobsOptions) {
    this.#options = { now: () => new Date(), ...options };
    this.sources = options.sources.map(({ name }) => name);
  }

  /** {@inheritDoc Mirror.submit} */
  async submit(request: MirrorRequest): Promise<MirrorJob> {
    const { sources, dir, readSpace } = this.#options;
    const source = sources.find(({ name }) => name === request.source);
    if (source === undefined) throw invalid("source", request.source, this.sources.join(" or "));
    const run = runOf(request);
    const known = this.#active(run, request);
    if (known !== undefined) return shown(known);
    await checkWritable(dir);
    await checkSpace(dir, 0, readSpace);
    // The same request can have arrived meanwhile.
    const entry = this.#active(run, request) ?? this.#queue(source, run, request);
    return shown(entry);
  }

  /** {@inheritDoc Mirror.list} */
  list(): Promise<readonly MirrorJob[]> {
    return Promise.resolve([...this.#entries.values()].reverse().map(shown));
  }

  /** {@inheritDoc Mirror.find} */
  find(job: string): Promise<MirrorJob | undefined> {
    const entry = this.#entries.get(job);
    return Promise.resolve(entry && shown(entry));
  }

  /** {@inheritDoc Mirror.waitForChange} */
  async waitForChange(
    job: string,
    state: MirrorJob["state"],
    signal: AbortSignal,
  ): Promise<MirrorJob | undefined> {
    const entry = this.#entries.get(job);
    if (entry === undefined) return undefined;
    if (entry.job.state === state && !isFinal(entry.job) && !signal.aborted) {
      if (this.#waits >= MAX_WAITS) return undefined;
      const over = Promise.withResolvers<void>();
      const end = () => over.resolve();
      signal.addEventListener("abort", end);
      this.#waits++;
      await Promise.race([entry.change.promise, over.promise]);
      this.#waits--;
      signal.removeEventListener("abort", end);
    }
    return shown(entry);
  }

  /** {@inheritDoc Mirror.cancel} */
  async cancel(job: string): Promise<MirrorJob | undefined> {
    const entry = this.#entries.get(job);
    if (entry === undefined) return undefined;
    entry.controller.abort(new RunOutputsError("failed", "The job was cancelled"));
    if (entry.job.state === "queued") this.#end(entry, { state: "cancelled" });
    else await entry.ended;
    return shown(entry);
  }

  /** Cancels all jobs, and waits for the one that runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#entries.keys()].map((job) => this.cancel(job)));
  }

  /** The job for a run that is queued or runs. */
  #active(run: RunPrefix, request: MirrorRequest): Entry | undefined {
    const key = formatRunKey(run);
    const entry = [...this.#entries.values()].find(({ job, controller }) =>
      job.run === key && !isFinal(job) && !controller.signal.aborted
    );
    if (entry === undefined || isDeepStrictEqual(entry.job.request, request)) return entry;
    const { job, state } = entry.job;
    throw httpError(
      409,
      "mirror-conflict",
      `Cannot mirror ${key}: job ${job}, which is ${state}, has another request for this run; wait ` +
        "until it has ended, or cancel it",
      { details: { job } },
    );
  }

  #queue(source: MirrorSource, run: RunPrefix, request: MirrorRequest): Entry {
    if (this.#isClosed) throw httpError(503, "stopping", "The service is stopping");
    const queued = [...this.#entries.values()].filter(({ job }) => job.state === "queued").length;
    if (queued >= MAX_QUEUED) {
      throw httpError(503, "queue-full", `Cannot queue the job: ${queued} are queued`, {
        headers: { "retry-after": "60" },
      });
    }
    const key = formatRunKey(run);
    const entry: Entry = {
      job: {
        job: `${key}.${crypto.randomUUID().replaceAll("-", "").slice(0, 16)}`,
        state: "queued",
        run: key,
        request,
        files: 0,
        bytes: 0,
        created_at: this.#options.now().toISOString(),
      },
      ended: Promise.resolve(),
      change: Promise.withResolvers<void>(),
      source,
      run,
      controller: new AbortController(),
    };
    this.#entries.set(entry.job.job, entry);
    entry.ended = this.#last = this.#last.then(() => this.#run(entry));
    return entry;
  }

  /** Runs a job. It never rejects. */
  async #run(entry: Entry): Promise<void> {
    if (isFinal(entry.job)) return;
    const { backend, dir, tool, now, log, readSpace } = this.#options;
    const { source, run, controller: { signal } } = entry;
    const { job: id, request } = entry.job;
    change(entry, { ...entry.job, state: "running", started_at: now().toISOString() });
    let hide = hider([dir]);
    const onNote = (note: string) => log(`mirror job ${id}: ${note}`);
    try {
      using from = await source.open();
      hide = hider(from.dir === undefined ? [dir] : [dir, from.dir]);
      await mirrorRun(from, run, backend, {
        source,
        request,
        checkSpace: (needed) => checkSpace(dir, needed, readSpace),
        onPlan: (progress) => entry.progress = progress,
        onNote,
        tool,
        now,
        signal,
      });
      this.#end(entry, { state: "succeeded" });
    } catch (error) {
      if (signal.aborted) return this.#end(entry, { state: "cancelled" });
      onNote(error instanceof Error ? error.message : String(error));
      this.#end(entry, { state: "failed", error: problemOf(error, hide).document });
    }
  }

  #end(entry: Entry, end: Pick<MirrorJob, "state" | "error">): void {
    change(entry, { ...shown(entry), ...end, finished_at: this.#options.now().toISOString() });
    entry.progress = undefined;
    const ended = [...this.#entries.values()].filter(({ job }) => isFinal(job));
    for (const { job } of ended.slice(0, Math.max(0, ended.length - KEPT))) {
      this.#entries.delete(job.job);
    }
  }
}

/** Gives a job another state, and wakes those who wait for that. */
function change(entry: Entry, job: MirrorJob): void {
  entry.job = job;
  entry.change.resolve();
  entry.change = Promise.withResolvers();
}

function isFinal({ finished_at }: MirrorJob): boolean {
  return finished_at !== undefined;
}

/** A job as it is now. */
function shown({ job, progress }: Entry): MirrorJob {
  return progress === undefined ? job : { ...job, ...progress.done, total: progress.total };
}

/** The run that a request names. It has the same name in the source and in the staging directory. */
function runOf({ repository, run_id, platform, release_type }: MirrorRequest): RunPrefix {
  const { bucket, externalRepo } = selectBucket({
    repository: repository ?? MAIN_REPOSITORY,
    fork: false,
    releaseType: release_type,
    releaseTypeName: "release_type",
    reading: true,
  });
  const { runId } = new RunOutputRoot({ bucket, externalRepo, runId: run_id, platform });
  return { externalRepo, runId, platform };
}
