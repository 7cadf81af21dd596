/**
 * The files that are listed in a run's manifest or have a checksum file, but are missing.
 *
 * @module
 */

import { classify } from "../../layout/classify.ts";
import { compareKeys } from "../../layout/compare_keys.ts";
import type { MissingOutput, RunOutput } from "../manifest/list_outputs.ts";
import { sidecarBase } from "../artifacts/pair_sidecars.ts";

/**
 * Adds to the missing files of the manifest those with only a checksum file.
 *
 * @param outputs All outputs of a run.
 * @param listed The files that its manifest lists but that are missing.
 * @returns The missing files, sorted by key.
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
