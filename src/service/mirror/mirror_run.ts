/**
 * Mirrors one run: the existing copy, from a configured source into the staging directory.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { RunOutputRoot, type RunPrefix } from "../../layout/run_output_root.ts";
import { totalSize } from "../../layout/total_size.ts";
import { plural } from "../../layout/words.ts";
import { executeCopyCompactly } from "../../operations/copy/execute.ts";
import type { CopyResults } from "../../operations/copy/results.ts";
import { planCopy, type RunPlace } from "../../operations/copy/plan.ts";
import { readOutputs } from "../../operations/manifest/read.ts";
import { requireParts } from "../../operations/manifest/require_parts.ts";
import { writeSummary } from "../../operations/retained/summary_file.ts";
import type { StorageBackend } from "../../storage/backend.ts";
import type { MirrorRequest } from "../mirror_jobs.ts";
import { CopyProgress } from "./progress.ts";

/** The storage of a source, for one job. Dispose of it. */
export interface OpenSource extends Disposable {
  /** The storage. */
  readonly backend: StorageBackend;
  /** The directory, if it is one: messages do not show it. */
  readonly dir?: string;
  /** How many files or directories listings have skipped. */
  readonly skipped?: () => number;
}

/** A configured source of runs. */
export interface MirrorSource {
  /** The name that requests use. */
  readonly name: string;
  /** The bucket with the runs; any name for a directory and for a service. */
  readonly bucket: string;
  /** Opens it. */
  readonly open: () => Promise<OpenSource>;
}

/** How to mirror a run. */
export interface MirrorRunOptions {
  /** The source. */
  readonly source: MirrorSource;
  /** What of the run is wanted. */
  readonly request: MirrorRequest;
  /** Checks that this many bytes can be written. */
  readonly checkSpace: (needed: number) => Promise<void>;
  /** Receives the progress, which changes until the job ends. */
  readonly onPlan: (progress: CopyProgress) => void;
  /** Receives one-line notes for the operator. */
  readonly onNote: (note: string) => void;
  /** The program, such as `run-outputs/1.0.0`. */
  readonly tool: string;
  /** The current time. */
  readonly now: () => Date;
  /** Cancels the job. */
  readonly signal: AbortSignal;
}

/**
 * Mirrors a run. Files that are there with the same content are not copied again.
 *
 * @param from The opened source.
 * @param run The run.
 * @param backend The storage of the staging directory.
 * @param options What is wanted.
 * @throws {RunOutputsError} `not_found`, if the source does not have the run; `incomplete`, if a part
 * is missing, or files could not be copied; with the status 507, if it does not fit; or the signal's
 * reason.
 */
export async function mirrorRun(
  from: OpenSource,
  run: RunPrefix,
  backend: StorageBackend,
  options: MirrorRunOptions,
): Promise<void> {
  const { source, request, onNote, tool, now, signal } = options;
  const { include, require_complete: isWhole = false } = request;
  const root = new RunOutputRoot({ bucket: source.bucket, ...run });
  const to = { backend, root: new RunOutputRoot({ bucket: "local", ...run }) };
  // Messages name the source as requests do.
  const showSource = ({ key }: OutputLocation) => `${source.name}:${key}`;
  const show = ({ key }: OutputLocation) => key;

  const manifest = await readOutputs(from.backend, root, { show: showSource, signal });
  if (isWhole) requireParts(manifest, root);
  const plan = await planCopy(
    { backend: from.backend, root },
    { include, manifest, show: showSource, signal },
  );
  for (const note of plan.notes) onNote(note);
  for (const part of manifest.missing) {
    onNote(`part ${part} is missing or unfinished at the source`);
  }
  const sizes = await sizesIn(to, signal);
  const left = [...Iterator.from(plan.files).filter(({ path, size }) => sizes.get(path) !== size)];
  await options.checkSpace(totalSize(left));
  const progress = new CopyProgress(
    Array.from(plan.files, ({ location }) => showSource(location)),
    { files: plan.files.length + plan.obstacles.length, bytes: totalSize(plan.files) },
  );
  options.onPlan(progress);
  const { results } = await executeCopyCompactly(plan, to, {
    tool,
    now,
    showSource,
    show,
    onNote,
    onEvent: (event) => progress.add(event),
    signal,
  });
  const summary = await writeSummary(backend, to.root, { tool, now, signal });
  if (summary?.error !== undefined) {
    onNote(`the summary of the run was not written: ${summary.error.message}`);
  }
  throwIfFailed(results, plan.whole ? from.skipped?.() ?? 0 : 0);
}

async function sizesIn(
  { backend, root }: RunPlace,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  for await (const { location, size } of backend.list(root.root(), { signal })) {
    sizes.set(location.relativeTo(root.root())!, size);
  }
  return sizes;
}

/** A run without one of its files is no success. */
function throwIfFailed(results: CopyResults, skipped: number): void {
  const failed = [...Iterator.from(results).filter(({ outcome }) => outcome === "failed")];
  if (failed.length === 0) {
    if (skipped === 0) return;
    throw new RunOutputsError(
      "incomplete",
      `Could not mirror all of the run: the source skipped ${
        plural(skipped, "file")
      }; the log of ` +
        "the service has more",
    );
  }
  const codes = new Set(
    failed.map(({ error }) => error instanceof RunOutputsError ? error.code : "failed"),
  );
  const [first] = codes;
  throw new RunOutputsError(
    codes.has("integrity") ? "integrity" : codes.size === 1 ? first : "incomplete",
    `Could not mirror ${failed.length} of ${plural(results.length, "file")}: ` +
      `${failed[0].error!.message}; the same request copies what is missing`,
    { cause: failed[0].error },
  );
}
