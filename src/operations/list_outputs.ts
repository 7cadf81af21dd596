/**
 * The outputs of a run, as they are in storage.
 *
 * @module
 */

import { classify, type OutputKind } from "../layout/classify.ts";
import { RunOutputsError } from "../layout/error.ts";
import type { RunOutputRoot } from "../layout/run_output_root.ts";
import type { CallOptions, ObjectInfo, StorageBackend } from "../storage/backend.ts";

/** One output of a run. */
export interface ListedOutput {
  /** Its path relative to the run's prefix. */
  readonly path: string;
  /** What it is. */
  readonly kind: OutputKind;
  /** What storage knows of it. */
  readonly info: ObjectInfo;
}

/**
 * Lists the outputs of a run as a stream, in the order of their keys.
 *
 * @param backend The storage.
 * @param root The run.
 * @param options A signal.
 * @returns The outputs.
 */
export async function* listOutputs(
  backend: StorageBackend,
  root: RunOutputRoot,
  options: CallOptions = {},
): AsyncGenerator<ListedOutput> {
  const prefix = root.root();
  for await (const info of backend.list(prefix, options)) {
    const path = info.location.relativeTo(prefix);
    if (path === undefined) continue;
    yield { path, kind: classify(path), info };
  }
}

/**
 * The error of a run that has no outputs where it was looked for.
 *
 * @param root The run.
 * @param where The place, for people: a URI or a directory.
 * @returns An error with code `not_found`.
 */
export function noOutputs(root: RunOutputRoot, where: string): RunOutputsError {
  return new RunOutputsError(
    "not_found",
    `No outputs of run ${root.runId} for ${root.platform} in ${where}: check --run-id, ` +
      `--platform and --repo`,
  );
}
