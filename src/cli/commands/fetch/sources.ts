/**
 * The source runs of a fetch: the run that the options name, in the bucket of its time, or the runs
 * that a search on GitHub finds.
 *
 * @module
 */

import { otherPlace } from "../../present_root.ts";
import { checkPart } from "../../run_manifest.ts";
import { RunOutputsError } from "../../../errors/error.ts";
import type { RunOutputRoot } from "../../../layout/run_output_root.ts";
import type { FetchOptions, FetchPlan } from "../../../operations/fetch/fetch.ts";
import type { SourceRun } from "../../../operations/fetch/found.ts";
import type { RunManifest } from "../../../operations/manifest/read.ts";
import type { FindResult, FindSelector } from "../../../operations/find/find.ts";
import type { FetchCommandOptions } from "./options.ts";
import { type Found, search } from "../../github.ts";
import type { Io } from "../../terminal/io.ts";
import type { Output } from "../../terminal/output.ts";
import { type ManifestOptions, readRunManifest } from "../../run_manifest.ts";
import type { RunOptions } from "../../run_root.ts";
import type { OpenStorage } from "../../storage.ts";

/** What commands that read a run need. */
export interface Reading {
  /** The storage. */
  readonly storage: OpenStorage;
  /** The environment. */
  readonly io: Io;
  /** Receives explanations of decisions. */
  readonly output: Output;
  /** Aborts everything. */
  readonly signal: AbortSignal;
}

/** A plan and its source runs. */
export interface PlannedFetch {
  /** The plan. */
  readonly plan: FetchPlan;
  /** The roots of the runs, the newest run first. */
  readonly roots: readonly RunOutputRoot[];
  /** Their manifests. */
  readonly manifests: readonly RunManifest[];
  /** The search on GitHub and the runs that it found, if there was one. */
  readonly found?: Found & { readonly sources: readonly SourceRun[] };
}

/**
 * Plans a fetch from the run that the options name.
 *
 * @param root The run, at its location by today's rules.
 * @param options The values of the command's options.
 * @param fetching The selection and the destination.
 * @param reading The storage.
 * @returns The plan.
 * @throws {RunOutputsError} `not_found`, if the run does not exist or nothing matches.
 */
export async function planNamedRun(
  root: RunOutputRoot,
  options: RunOptions & ManifestOptions,
  fetching: FetchOptions,
  reading: Reading,
): Promise<PlannedFetch> {
  try {
    return await planAt(root, options, fetching, reading);
  } catch (error) {
    // A run that does not exist has no manifest either.
    if (!(error instanceof RunOutputsError) || !/^(?:not_found|incomplete)$/.test(error.code)) {
      throw error;
    }
    const { other, looked } = await otherPlace(root, options, reading);
    if (other !== undefined) return await planAt(other, options, fetching, reading);
    if (looked.length === 0) throw error;
    const where = looked.join(", ");
    throw new RunOutputsError("not_found", `${error.message}; also not found in ${where}`, {
      cause: error,
    });
  }
}

async function planAt(
  root: RunOutputRoot,
  options: ManifestOptions,
  fetching: FetchOptions,
  reading: Reading,
): Promise<PlannedFetch> {
  const { planFetch } = await import("../../../operations/fetch/fetch.ts");
  const manifest = await readRunManifest(options, root, reading);
  await warnUnfinished(manifest, root, reading.output);
  const plan = await planFetch(reading.storage.backend, root, { ...fetching, manifest });
  return { plan, roots: [root], manifests: [manifest] };
}

/**
 * Plans a fetch from the runs that a search on GitHub finds.
 *
 * @param selector Selects the commit.
 * @param options The values of the command's options.
 * @param fetching The selection and the destination.
 * @param reading The storage.
 * @returns The plan.
 * @throws {RunOutputsError} `not_found`, if no run has everything requested.
 */
export async function planFoundRuns(
  selector: FindSelector,
  options: FetchCommandOptions,
  fetching: FetchOptions,
  reading: Reading,
): Promise<PlannedFetch> {
  const { nothingFits } = await import("../../../operations/find/find.ts");
  const { planFoundFetch, sourceRuns } = await import("../../../operations/fetch/found.ts");
  const lacking = options.requireComplete
    ? (result: FindResult) => lackingParts(result, options, reading)
    : undefined;
  const found = await search({ ...reading, options, selector, selection: fetching, lacking });
  const { asked, result } = found;
  if (result.missing.length > 0) throw nothingFits(result, asked);
  const sources = sourceRuns(result.groups);
  const { output } = reading;
  for (const { run } of sources) {
    if (run.status === "completed") continue;
    output.note(
      `run ${run.id} is in progress and may add artifacts; use --require-artifact to require one`,
    );
  }
  if (sources.length > 1) {
    const parts = sources.map(({ run, groups }) => `${groups.join(", ")} of run ${run.id}`);
    output.note(`no single run has all groups; using ${parts.join("; ")}`);
  }
  const manifests: RunManifest[] = [];
  const plan = await planFoundFetch(
    reading.storage.backend,
    sources,
    fetching,
    async (root) => {
      const manifest = await readRunManifest(options, root, reading);
      await warnUnfinished(manifest, root, output);
      manifests.push(manifest);
      return manifest;
    },
  );
  return {
    plan,
    roots: sources.map(({ root }) => root),
    manifests,
    found: { ...found, sources },
  };
}

/** What `--require-complete` finds missing in the found runs, for `--wait`. */
async function lackingParts(
  { groups }: FindResult,
  { part }: FetchCommandOptions,
  { storage: { backend, show }, signal }: Reading,
): Promise<string | undefined> {
  const { readOutputs } = await import("../../../operations/manifest/read.ts");
  const { requireParts } = await import("../../../operations/manifest/require_parts.ts");
  for (const root of new Set(groups.map(({ root }) => root))) {
    for (const name of part ?? []) checkPart("--part", name, root);
    try {
      requireParts(await readOutputs(backend, root, { show, signal }), root, part);
    } catch (error) {
      if (!(error instanceof RunOutputsError) || error.code !== "incomplete") throw error;
      return `all parts (${error.message})`;
    }
  }
}

/** Warns that files of a run may be missing or outdated. */
async function warnUnfinished(
  { unfinished, markers }: RunManifest,
  { runId }: RunOutputRoot,
  output: Output,
): Promise<void> {
  if (unfinished.length === 0) return;
  const { howToClear, NOT_FINISHED, unfinishedWork } = await import(
    "../../../runs/unfinished_part.ts"
  );
  const works = unfinished.map(unfinishedWork).join(", ");
  const what = `run ${runId}: ${works} ${NOT_FINISHED} (--require-complete rejects such a run)`;
  output.warn([what, ...howToClear(markers)].join("; "));
}
