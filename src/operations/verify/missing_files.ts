/**
 * The files that are listed in a run's manifest or have a checksum file, but are missing.
 *
 * @module
 */

import { classify } from "../../layout/classify.ts";
import { compareKeys } from "../../layout/compare_keys.ts";
import type { MissingOutput } from "../manifest/list_outputs.ts";
import { sidecarBase } from "../artifacts/pair_sidecars.ts";

/** The paths of the outputs of a run. */
export interface OutputPathList {
  /** Whether there is an output. */
  has(path: string): boolean;
  /** Returns all of them. */
  paths(): Iterable<string>;
}

/**
 * Adds to the missing files of the manifest those with only a checksum file.
 *
 * @param outputs All outputs of a run.
 * @param listed The files that its manifest lists but that are missing.
 * @returns The missing files, sorted by key.
 */
export function missingFiles(
  outputs: OutputPathList,
  listed: readonly MissingOutput[],
): MissingOutput[] {
  const missing = [...listed];
  const known = new Set(listed.map(({ path }) => path));
  for (const path of outputs.paths()) {
    const base = sidecarBase(path);
    if (base === undefined || known.has(base) || outputs.has(base)) continue;
    missing.push({ path: base, kind: classify(base), parts: [] });
  }
  return missing.sort((a, b) => compareKeys(a.path, b.path));
}
