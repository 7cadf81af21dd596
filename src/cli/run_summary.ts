/**
 * Writes the summary of a run after a command has changed the run.
 *
 * @module
 */

import config from "../../deno.json" with { type: "json" };
import { RunOutputsError } from "../errors/error.ts";
import type { RunOutputRoot } from "../layout/run_output_root.ts";
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
 */
export async function updateRunSummary(
  root: RunOutputRoot,
  { storage, output, signal }: RunSummaryOptions,
): Promise<void> {
  if (!storage.backend.writes) return;
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
}
