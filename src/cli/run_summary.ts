/**
 * Writes the summary of a run after a command has changed the run.
 *
 * @module
 */

import config from "../../deno.json" with { type: "json" };
import { RunOutputsError } from "../errors/error.ts";
import type { OutputLocation } from "../layout/output_location.ts";
import { RunOutputRoot } from "../layout/run_output_root.ts";
import type { StorageBackend } from "../storage/backend.ts";
import type { PlannedResults } from "../storage/transfer/planned_results.ts";
import type { TransferResult } from "../storage/transfer/transfer.ts";
import type { OpenStorage } from "./storage.ts";
import type { Output } from "./terminal/output.ts";

/** What is needed to write a summary. */
export interface RunSummaryOptions {
  /** The storage of the run. */
  readonly storage: Pick<OpenStorage, "backend" | "unwrapped">;
  /** Receives a note if the summary can't be written. */
  readonly output: Output;
  /** Aborts the writing. */
  readonly signal: AbortSignal;
}

/**
 * Writes the summary of a run, unless this is a dry run. The run is as good without it, because readers
 * derive what it says: so a failure is a note, or with `-v` an explanation if reading is denied.
 *
 * @param root The run.
 * @param options The storage.
 * @returns The result for the run's page, if it has one.
 */
export async function updateRunSummary(
  root: RunOutputRoot,
  { storage, output, signal }: RunSummaryOptions,
): Promise<TransferResult | undefined> {
  if (!storage.backend.writes) return undefined;
  // Without the parts that may not be read, the summary would be wrong.
  const { unwrapped: backend = storage.backend } = storage;
  const { writeSummary } = await import("../operations/retained/summary_file.ts");
  const result = await writeSummary(backend, root, {
    tool: `run-outputs/${config.version}`,
    signal,
  });
  if (result?.error !== undefined) {
    const message = `the summary of the run was not written: ${result.error.message}; ` +
      "'run-outputs runs' works without it";
    // A role that may only write is normal, and the upload has a note about it already.
    const isDenied = result.error instanceof RunOutputsError && result.error.code === "denied";
    if (isDenied) output.explain(message);
    else output.note(message);
  } else if (result !== undefined) output.explain(`summary of the run: ${result.outcome}`);
  return await updateRunPage(root, { storage, output, signal });
}

/**
 * The results of a command with the page of the run as it is now.
 *
 * @param results The results; the page's says what it was before the summary.
 * @param page The result of {@linkcode updateRunSummary}.
 * @returns The results.
 */
export function withRunPage(
  results: readonly TransferResult[],
  page: TransferResult | undefined,
): readonly TransferResult[] {
  if (page?.outcome !== "written") return results;
  const { location, outcome, size, sha256, etag } = page;
  return results.map((result) =>
    result.location.equals(location) && result.outcome !== "failed"
      ? { ...result, outcome, size, sha256, etag }
      : result
  );
}

/**
 * Replaces the result for the page of the run by the page as it is now.
 *
 * @param results The results.
 * @param location The page.
 * @param page The result of {@linkcode updateRunSummary}.
 */
export function renewRunPage(
  results: Pick<PlannedResults, "find" | "push">,
  location: OutputLocation,
  page: TransferResult | undefined,
): void {
  const before = results.find(location);
  if (before !== undefined) results.push(...withRunPage([before], page));
}

/**
 * A storage whose first write puts a banner on the run's page, if it has one: an upload is in
 * progress. The summary of the run replaces it.
 *
 * @param backend The storage to write to.
 * @param root The run.
 * @param options The storage of the page.
 * @returns The storage.
 */
export async function withAnnouncement(
  backend: StorageBackend,
  root: RunOutputRoot,
  options: RunSummaryOptions,
): Promise<StorageBackend> {
  const { WatchedWrites } = await import("../storage/watched_writes.ts");
  let announced: Promise<unknown> | undefined;
  return new WatchedWrites(backend, async () => {
    await (announced ??= updateRunPage(root, options, true));
  });
}

/**
 * Writes on the run's page what its summary says, if it has a page. A failure is an explanation: the
 * lists on the page are right without it.
 *
 * @param root The run.
 * @param options The storage.
 * @param begins Whether an upload begins, which the page says until the summary is written.
 * @returns The result for the page, if there is one.
 */
export async function updateRunPage(
  root: RunOutputRoot,
  { storage, output, signal }: RunSummaryOptions,
  begins = false,
): Promise<TransferResult | undefined> {
  if (!storage.backend.writes) return undefined;
  const { writeRunAbout } = await import("../operations/index_pages/run_about.ts");
  const { readSummary } = await import("../operations/retained/summary_file.ts");
  const { unwrapped = storage.backend } = storage;
  const facts = async () => (await readSummary(unwrapped, root, { signal }))?.summary?.value;
  const result = await writeRunAbout(storage.backend, root, {
    facts: begins ? "uploading" : facts,
    signal,
  });
  if (result?.error === undefined) return result;
  output.explain(`the page of the run does not show its state: ${result.error.message}`);
  return undefined;
}

/**
 * What a list of runs says about the runs of a staging directory, from their summaries.
 *
 * @param storage The storage.
 * @param dir The directory.
 * @returns The notes, by the run's prefix; a run without a summary has none.
 */
export async function runNotes(
  { backend }: Pick<OpenStorage, "backend">,
  dir: OutputLocation,
): Promise<Map<string, string>> {
  const { readSummary } = await import("../operations/retained/summary_file.ts");
  const { tryParseRunPrefix } = await import("../runs/retention/run_key.ts");
  const notes = new Map<string, string>();
  const visit = async (parent: OutputLocation, isTop: boolean) => {
    for await (const child of backend.children(parent)) {
      if (child.info !== undefined) continue;
      const prefix = child.location.relativeTo(dir)!;
      const run = tryParseRunPrefix(prefix);
      if (run === undefined) {
        if (isTop) await visit(child.location, false);
        continue;
      }
      const root = new RunOutputRoot({ ...run, bucket: dir.bucket });
      const facts = (await readSummary(backend, root))?.summary?.value;
      if (facts === undefined) continue;
      const { completeness, uploading, repository, commit } = facts;
      const words = [completeness, uploading && "uploading", repository, commit?.slice(0, 12)];
      notes.set(prefix, words.filter((word) => word !== undefined).join(" · "));
    }
  };
  await visit(dir, true);
  return notes;
}
