/**
 * The parts of a manifest that a copy or import did not write.
 *
 * @module
 */

import type { WithheldPart } from "../../../operations/copy/parts.ts";
import type { Output } from "../../terminal/output.ts";

/**
 * Warns of each part that was not written.
 *
 * @param withheld The parts.
 * @param source The manifest of the source run.
 * @param output Receives the warnings.
 * @returns Whether the copy lacks more than its source: another copy would complete it.
 */
export function reportWithheld(
  withheld: readonly WithheldPart[],
  { unfinished }: { readonly unfinished: readonly string[] },
  output: Output,
): boolean {
  for (const { part, reason } of withheld) {
    output.warn(`manifest part ${part} not written: ${reason}`);
  }
  return withheld.some(({ part }) => !unfinished.includes(part));
}
