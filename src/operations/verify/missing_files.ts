/**
 * The files that a run tells of, by its manifest or by a checksum, and that are not there.
 *
 * @module
 */

import { classify } from "../../layout/classify.ts";
import { compareKeys } from "../../layout/compare_keys.ts";
import type { MissingOutput, RunOutput } from "../manifest/list_outputs.ts";
import { sidecarBase } from "../artifacts/pair_sidecars.ts";

/**
 * Adds to the files that the manifest misses those of which there is only the checksum.
 *
 * @param outputs All outputs of a run.
 * @param listed The files that its manifest tells of and that are not among them.
 * @returns What is missing, in the order of keys.
 */
export function missingFiles(
  outputs: readonly Pick<RunOutput, "path">[],
  listed: readonly MissingOutput[],
): MissingOutput[] {
  const known = new Set([...outputs, ...listed].map(({ path }) => path));
  const alone = outputs.flatMap(({ path }): MissingOutput[] => {
    const base = sidecarBase(path);
    if (base === undefined || known.has(base)) return [];
    return [{ path: base, kind: classify(base), parts: [] }];
  });
  return [...listed, ...alone].sort((a, b) => compareKeys(a.path, b.path));
}
