/**
 * Mirror jobs as requests see them. The jobs run elsewhere: the service itself may not write.
 *
 * @module
 */

import type { Platform } from "../layout/output_paths.ts";

/** Which run to mirror, and what of it. */
export interface MirrorRequest {
  /** The name of a configured source. */
  readonly source: string;
  /** The run's repository, `OWNER/NAME`. Default: `ROCm/TheRock`. */
  readonly repository?: string;
  /** The run's id. */
  readonly run_id: string;
  /** The run's system. */
  readonly platform: Platform;
  /** The run's release type. Default: `ci`. */
  readonly release_type?: string;
  /** Globs of paths in the run. Default: all files. */
  readonly include?: readonly string[];
  /** Whether the job fails before it copies, if an expected part of the run is missing. */
  readonly require_complete?: boolean;
}

/** The states of a job; the last three are final. */
export const JOB_STATES = ["queued", "running", "succeeded", "failed", "cancelled"] as const;

/** A number of files with their size. */
export interface FileCount {
  /** The number of files. */
  readonly files: number;
  /** Their size in bytes. */
  readonly bytes: number;
}

/** A mirror job. */
export interface MirrorJob extends FileCount {
  /** Its id: the run's key, a `.`, and random digits. */
  readonly job: string;
  /** Its state. */
  readonly state: typeof JOB_STATES[number];
  /** The key of the run in the staging directory. */
  readonly run: string;
  /** The request. */
  readonly request: MirrorRequest;
  /** All files to copy; unknown until the source has been listed. */
  readonly total?: FileCount;
  /** When it was requested, in ISO 8601. */
  readonly created_at: string;
  /** When it began, in ISO 8601. */
  readonly started_at?: string;
  /** When it ended, in ISO 8601. */
  readonly finished_at?: string;
  /** Why it failed: a problem as errors of requests have it. */
  readonly error?: { readonly type: string; readonly status: number; readonly detail: string };
}

/** The mirror jobs of this process. */
export interface Mirror {
  /** The names of the configured sources. */
  readonly sources: readonly string[];
  /**
   * Queues a job, unless the same request is queued or running.
   *
   * @param request The request.
   * @returns The job.
   * @throws {RunOutputsError} `invalid`, naming what is; with the status 403, if the directory can't be
   * written, 409, if another request for this run is queued or running, 503, if too many are queued,
   * 507, if the disk is full.
   */
  submit(request: MirrorRequest): Promise<MirrorJob>;
  /** The jobs, the newest first. */
  list(): Promise<readonly MirrorJob[]>;
  /**
   * Finds a job by its id.
   *
   * @param job The id.
   * @returns The job; `undefined`, if it is unknown.
   */
  find(job: string): Promise<MirrorJob | undefined>;
  /**
   * Waits until the state of a job changes; one that has ended does not change any more.
   *
   * @param job The id.
   * @param state The state that is known.
   * @param signal Ends the wait.
   * @returns The job as it is then; `undefined`, if too many wait already, or the job is unknown.
   */
  waitForChange(
    job: string,
    state: MirrorJob["state"],
    signal: AbortSignal,
  ): Promise<MirrorJob | undefined>;
  /** Cancels a job, and waits until it has ended. One that has ended stays as it is. */
  cancel(job: string): Promise<MirrorJob | undefined>;
}
