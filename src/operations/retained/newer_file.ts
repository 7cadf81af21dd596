/**
 * When a run was last changed.
 *
 * @module
 */

import { classify } from "../../layout/classify.ts";
import type { RunPrefix } from "../../layout/run_output_root.ts";
import type { CallOptions } from "../../storage/backend.ts";
import type { RunIndex } from "./run_index.ts";

/**
 * Looks for a file of a run that was written after a time. Index pages don't count, because they are
 * regenerated, and neither do pins and the summary.
 *
 * @param index The runs.
 * @param run The run.
 * @param newest The time.
 * @param options A signal.
 * @returns Which file, and when; `undefined`, if there is no such file.
 */
export async function newerFile(
  index: RunIndex,
  run: RunPrefix,
  newest: Date,
  { signal }: CallOptions = {},
): Promise<string | undefined> {
  const top = index.root(run).root();
  for await (const { location, modified } of index.backend.list(top, { signal })) {
    const path = location.relativeTo(top)!;
    if (modified <= newest || /^(?:retention|index)$/.test(classify(path))) continue;
    return `${path} was written at ${modified.toISOString()}`;
  }
  return undefined;
}
