/**
 * Where a run that is to be read is: where the rules put it or, if nothing is there, where they put
 * it once.
 *
 * @module
 */

import type { RunOutputRoot } from "../../../layout/run_output_root.ts";
import { otherPlace } from "../fetch/sources.ts";
import type { Io } from "../../terminal/io.ts";
import type { Output } from "../../terminal/output.ts";
import type { RunOptions } from "../../run_root.ts";
import type { OpenStorage } from "../../storage.ts";

/** What a run is looked for in. */
export interface PresentRootOptions {
  /** The storage. */
  readonly storage: OpenStorage;
  /** The environment. */
  readonly io: Io;
  /** Where to explain. */
  readonly output: Output;
  /** Stops the search. */
  readonly signal: AbortSignal;
}

/**
 * Looks for a run.
 *
 * @param root Where today's rules put it.
 * @param options The values of the options that name the run.
 * @param reading The storage.
 * @returns Where it is.
 * @throws {RunOutputsError} `not_found`, naming all places that were looked at.
 */
export async function presentRoot(
  root: RunOutputRoot,
  options: RunOptions,
  reading: PresentRootOptions,
): Promise<RunOutputRoot> {
  const { storage: { backend, show }, signal } = reading;
  for await (const _ of backend.list(root.root(), { signal })) return root;
  const { other, looked } = await otherPlace(root, options, reading);
  if (other !== undefined) return other;
  const { noOutputs } = await import("../../../operations/manifest/list_outputs.ts");
  throw noOutputs(root, [show(root.root()), ...looked].join(", "));
}
