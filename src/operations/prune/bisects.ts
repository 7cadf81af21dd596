/**
 * The runs that a bisect in progress uses.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import { readBisectState } from "../bisect/store.ts";

/**
 * Reads which runs bisects in progress use.
 *
 * @param directories The state directories of the bisects. One without a bisect is skipped.
 * @returns `{external repository}{run id}`, with the reason.
 * @throws {RunOutputsError} If the state of one can't be read: then it is not known what it uses.
 */
export async function runsOfBisects(
  directories: readonly string[],
): Promise<Map<string, string>> {
  const used = new Map<string, string>();
  for (const directory of directories) {
    try {
      const { artifacts } = await readBisectState(directory);
      for (const found of Object.values(artifacts)) {
        for (const { external_repo, run_id } of found.status === "yes" ? found.runs : []) {
          used.set(`${external_repo}${run_id}`, `the bisect in '${directory}' uses it`);
        }
      }
    } catch (error) {
      if (!(error instanceof RunOutputsError) || error.code !== "not_found") throw error;
    }
  }
  return used;
}
