/**
 * The summary of a run in storage: read and checked, or written last by who changes the run.
 *
 * @module
 */

import { isDeepStrictEqual } from "node:util";
import { RunOutputsError } from "../../errors/error.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import {
  formatSummary,
  MAX_SUMMARY_BYTES,
  parseSummary,
  RETENTION_SCHEMA,
  type RetentionSummary,
  type RunFacts,
  summaryShape,
} from "../../runs/retention/summary.ts";
import type { CallOptions, ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { bytesSource } from "../../storage/byte_source.ts";
import type { TransferResult } from "../../storage/transfer/transfer.ts";
import { putContended } from "../manifest/put_contended.ts";
import { deriveRun, inputsOf } from "./derive.ts";
import { readSmall } from "./read_small.ts";

/** Whether the stored summary can be used. */
export interface SummaryStatus {
  /** Only a `current` one is used; otherwise the facts are derived. */
  readonly status: "current" | "absent" | "stale" | "broken";
  /** Why it is stale or broken. */
  readonly reason?: string;
}

/** A stored summary that was checked. */
export interface CheckedSummary {
  /** Whether it can be used. */
  readonly summary: SummaryStatus;
  /** Its facts, if it is current. */
  readonly facts?: RunFacts;
  /** Its object, if it exists. */
  readonly info?: ObjectInfo;
  /** Whether a newer version wrote it. */
  readonly isNewer?: boolean;
}

/**
 * Reads the summary of a run and checks whether it is still true.
 *
 * It is, if `manifests/outputs/` contains the same versions of the same files as when it was derived.
 * Etags are compared, not times: S3 has whole seconds, and the last part and the summary are usually
 * written in the same one.
 *
 * @param backend The storage.
 * @param root The run.
 * @param inputs The files of `manifests/outputs/`, as listed now.
 * @param options A signal.
 * @returns The summary.
 */
export async function readSummary(
  backend: StorageBackend,
  root: RunOutputRoot,
  inputs: readonly ObjectInfo[],
  options: CallOptions = {},
): Promise<CheckedSummary> {
  const location = root.retentionSummary();
  const read = await readSmall(backend, location, MAX_SUMMARY_BYTES, options);
  if (read === undefined) return { summary: { status: "absent" } };
  const { text, info } = read;
  if (text === undefined) {
    const reason = `it is too large (${info.size} bytes)`;
    return { summary: { status: "broken", reason }, info };
  }
  let stored: RetentionSummary;
  try {
    stored = parseSummary(text, location.name);
  } catch (error) {
    if (!(error instanceof RunOutputsError)) throw error;
    const summary = { status: "broken", reason: error.message } as const;
    return { summary, info, isNewer: error.code === "failed" };
  }
  const { external_repo, run_id, platform } = stored.run;
  if (
    external_repo !== root.externalRepo || run_id !== root.runId || platform !== root.platform
  ) {
    return { summary: { status: "stale", reason: "it is the summary of another run" }, info };
  }
  if (!isDeepStrictEqual(stored.inputs, inputsOf(inputs))) {
    const reason = "manifests/outputs/ has changed since it was written";
    return { summary: { status: "stale", reason }, info };
  }
  return { summary: { status: "current" }, facts: factsOf(stored), info };
}

/** Options of {@linkcode writeSummary}. */
export interface WriteSummaryOptions extends CallOptions {
  /** The program that writes it, such as `run-outputs/1.0.0`. */
  readonly tool: string;
  /** The current time. Default: now. */
  readonly now?: () => Date;
}

/**
 * Writes the summary of a run, derived from storage again in each round, so that of several writers at
 * the same time none loses what another has uploaded. A summary that is already right is left alone,
 * and so is one that a newer version wrote.
 *
 * @param backend The storage.
 * @param root The run.
 * @param options Who writes; a signal.
 * @returns The result; `undefined`, if the run has no files. A failure is a failed result.
 * @throws The signal's reason.
 */
export async function writeSummary(
  backend: StorageBackend,
  root: RunOutputRoot,
  { tool, now = () => new Date(), signal }: WriteSummaryOptions,
): Promise<TransferResult | undefined> {
  const location = root.retentionSummary();
  let isEmpty = false;
  const result = await putContended(
    backend,
    { location, path: "the summary", signal },
    async () => {
      const inputs = await listInputs(backend, root, { signal });
      const { facts: stored, info: existing, isNewer } = await readSummary(backend, root, inputs, {
        signal,
      });
      if (existing !== undefined && isNewer) return { existing };
      const derived = await deriveRun(backend, root, inputs, { signal });
      if (derived === undefined) {
        isEmpty = true;
        return { refusal: new RunOutputsError("not_found", "The run has no files") };
      }
      if (existing !== undefined && isDeepStrictEqual(stored, derived.facts)) return { existing };
      const { externalRepo, runId, platform } = root;
      const summary: RetentionSummary = {
        schema: RETENTION_SCHEMA,
        run: { external_repo: externalRepo, run_id: runId, platform },
        ...derived.facts,
        inputs: derived.inputs,
        basis: derived.basis,
        tool,
        written_at: now().toISOString(),
      };
      return { existing, source: bytesSource(formatSummary(summary)) };
    },
  );
  return isEmpty ? undefined : result;
}

/** The files of `manifests/outputs/`. */
async function listInputs(
  backend: StorageBackend,
  root: RunOutputRoot,
  { signal }: CallOptions,
): Promise<ObjectInfo[]> {
  return await Array.fromAsync(
    backend.list(root.outputsManifestDir(), { recursive: false, signal }),
  );
}

/** The facts in a summary, without members that this version does not know. */
function factsOf(summary: RetentionSummary): RunFacts {
  const known = Object.keys(summaryShape);
  return Object.fromEntries(
    Object.entries(summary).filter(([name]) => known.includes(name)),
  ) as unknown as RunFacts;
}
