/**
 * The summary of a run in storage: read and checked, or written last by who changes the run.
 *
 * @module
 */

import { isDeepStrictEqual } from "node:util";
import { RunOutputsError } from "../../errors/error.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { removedRecord } from "../../runs/removed.ts";
import {
  formatSummary,
  MAX_SUMMARY_BYTES,
  parseSummary,
  RETENTION_SCHEMA,
  type RetentionSummary,
  type RunFacts,
  type SummaryInput,
  summaryShape,
} from "../../runs/retention/summary.ts";
import type { CallOptions, ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { bytesSource } from "../../storage/byte_source.ts";
import { statIfThere } from "../../storage/if_there.ts";
import type { TransferResult } from "../../storage/transfer/transfer.ts";
import { putContended } from "../manifest/put_contended.ts";
import { deriveRun, inputsOf } from "./derive.ts";
import { type ParsedFile, readSmall } from "./read_small.ts";

/** Whether the stored summary can be used. */
export interface SummaryStatus {
  /** Only a `current` one is used; otherwise the facts are derived. */
  readonly status: "current" | "absent" | "stale" | "broken";
  /** Why it is stale or broken. */
  readonly reason?: string;
}

/** A stored summary as it was read. */
export interface ReadSummary {
  /** Its object. */
  readonly info: ObjectInfo;
  /** Its content, if it can be used. */
  readonly summary?: ParsedFile<RetentionSummary>;
  /** Why it can't be used. */
  readonly broken?: string;
  /** Whether a newer version wrote it. */
  readonly isNewer?: boolean;
}

/** A stored summary that was checked. */
export interface CheckedSummary {
  /** Whether it can be used. */
  readonly summary: SummaryStatus;
  /** Its facts, if it is current. */
  readonly facts?: RunFacts;
  /**
   * What it was derived from. If that is a listing, the facts must be compared with another one,
   * because nothing less shows that the files are the same.
   */
  readonly basis?: RetentionSummary["basis"];
}

/**
 * Reads the summary of a run, which {@linkcode checkSummary} checks.
 *
 * @param backend The storage.
 * @param root The run.
 * @param options What was read before, which is used for the same version; a signal.
 * @returns The summary; `undefined`, if it does not exist.
 */
export async function readSummary(
  backend: StorageBackend,
  root: RunOutputRoot,
  { known, signal }: CallOptions & { readonly known?: ParsedFile<RetentionSummary> } = {},
): Promise<ReadSummary | undefined> {
  const location = root.retentionSummary();
  if (known !== undefined) {
    const info = await statIfThere(backend, location, signal);
    if (info === undefined) return undefined;
    if (info.etag === known.etag && info.size === known.size) return { info, summary: known };
  }
  const read = await readSmall(backend, location, MAX_SUMMARY_BYTES, { signal });
  if (read === undefined) return undefined;
  const { text, info } = read;
  if (text === undefined) return { info, broken: `it is too large (${info.size} bytes)` };
  try {
    const value = parseSummary(text, location.name);
    return { info, summary: { etag: info.etag, size: info.size, value } };
  } catch (error) {
    if (!(error instanceof RunOutputsError)) throw error;
    return { info, broken: error.message, isNewer: error.code === "failed" };
  }
}

/**
 * Checks whether the summary of a run is still true.
 *
 * It is, if `manifests/outputs/` contains the same versions of the same files as when it was derived,
 * and the record of removed files is the same.
 * Etags are compared, not times: S3 has whole seconds, and the last part and the summary are usually
 * written in the same one.
 *
 * @param root The run.
 * @param read Its summary.
 * @param inputs The files of `manifests/outputs/` and the record of removed files, as listed now.
 * @returns The summary.
 */
export function checkSummary(
  root: RunOutputRoot,
  read: ReadSummary | undefined,
  inputs: readonly ObjectInfo[],
): CheckedSummary {
  if (read === undefined) return { summary: { status: "absent" } };
  if (read.summary === undefined) return { summary: { status: "broken", reason: read.broken } };
  const { value: stored } = read.summary;
  const { external_repo, run_id, platform } = stored.run;
  if (
    external_repo !== root.externalRepo || run_id !== root.runId || platform !== root.platform
  ) {
    return { summary: { status: "stale", reason: "it is the summary of another run" } };
  }
  if (!isSame(stored.inputs, inputsOf(inputs))) {
    const reason = "manifests/outputs/ has changed since it was written";
    return { summary: { status: "stale", reason } };
  }
  return { summary: { status: "current" }, facts: factsOf(stored), basis: stored.basis };
}

function isSame(stored: readonly SummaryInput[], inputs: readonly SummaryInput[]): boolean {
  return stored.length === inputs.length && inputs.every(({ name, size, etag }, i) => {
    const old = stored[i];
    return old.name === name && old.size === size && old.etag === etag;
  });
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
      const read = await readSummary(backend, root, { signal });
      const { facts: stored } = checkSummary(root, read, inputs);
      const existing = read?.info;
      if (existing !== undefined && read?.isNewer) return { existing };
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

/** The files of `manifests/outputs/`, and the record of removed files: there is little else. */
async function listInputs(
  backend: StorageBackend,
  root: RunOutputRoot,
  { signal }: CallOptions,
): Promise<ObjectInfo[]> {
  const [outputs, removed] = [root.outputsManifestDir(), removedRecord(root)];
  const all = await Array.fromAsync(backend.list(root.manifestsDir(), { signal }));
  return all.filter(({ location }) => location.parent.equals(outputs) || location.equals(removed));
}

const FACTS = Object.keys(summaryShape) as (keyof RunFacts)[];

/** The facts in a summary, without members that this version does not know. */
function factsOf(summary: RetentionSummary): RunFacts {
  const facts: Partial<Record<keyof RunFacts, unknown>> = {};
  for (const name of FACTS) if (name in summary) facts[name] = summary[name];
  return facts as RunFacts;
}
