/**
 * Parses `--kind`, which selects kinds of outputs.
 *
 * @module
 */

import { invalid } from "../errors/error.ts";
import { OUTPUT_KINDS, type OutputKind } from "../layout/classify.ts";
import { nearest } from "../layout/nearest.ts";

/**
 * The kinds that `--kind` names.
 *
 * @param names The option's values.
 * @returns The kinds; `undefined` for all.
 * @throws {RunOutputsError} `invalid`, if one does not exist.
 */
export function checkKinds(names: readonly string[] | undefined): Set<OutputKind> | undefined {
  if (names === undefined) return undefined;
  return new Set(names.map((name) => {
    const kind = OUTPUT_KINDS.find((kind) => kind === name);
    if (kind !== undefined) return kind;
    const meant = nearest(name, OUTPUT_KINDS);
    const remedy = meant === undefined ? "" : `; did you mean '${meant}'?`;
    throw invalid("--kind", name, `one of ${OUTPUT_KINDS.join(", ")}${remedy}`);
  }));
}
