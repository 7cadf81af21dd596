/**
 * Finds missing and incomplete parts in the manifest of a run.
 *
 * @module
 */

import { isCopyMarker } from "../../runs/unfinished_part.ts";
import type { RunManifest } from "../manifest/read.ts";

/**
 * The incomplete parts of a run that may contain artifacts of a group.
 *
 * The content of a missing part is unknown. But the part name of an upload for one GPU or family
 * contains it, so the name can show that the part is for another one.
 *
 * @param manifest The manifest.
 * @param wanted The targets that artifacts of the group can have: families and GPUs; empty for any.
 * @returns A phrase for each; empty, if the run has all its parts.
 */
export function undoneParts(
  { missing, unfinished }: Pick<RunManifest, "missing" | "unfinished">,
  wanted: readonly string[],
): string[] {
  const undone = new Map(missing.map((part) => [part, `the part ${part} is missing`]));
  for (const part of unfinished) {
    undone.set(
      part,
      `${isCopyMarker(part) ? "a copy to this run" : `the part ${part}`} is incomplete`,
    );
  }
  return [...undone].filter(([part]) => mayHave(part, wanted)).map(([, phrase]) => phrase);
}

/** Whether the part may be for these GPUs, judging by the names. */
function mayHave(part: string, wanted: readonly string[]): boolean {
  const [ours, theirs] = [wanted.flatMap(gpusIn), gpusIn(part)];
  if (ours.length === 0 || theirs.length === 0) return true;
  return ours.some((a) => theirs.some((b) => areAlike(a, b)));
}

/** The GPUs and families in a name, such as `gfx94x` in `build.gfx94X-dcgpu`. */
function gpusIn(name: string): string[] {
  return name.toLowerCase().match(/gfx[0-9a-f]*x?/g) ?? [];
}

/** Whether two are equal, or one belongs to the family of the other: an `x` in it is any digit. */
function areAlike(a: string, b: string): boolean {
  const isAny = (digit: string, at: number) => at > 2 && digit === "x";
  return a.length === b.length &&
    [...a].every((digit, at) => digit === b[at] || isAny(digit, at) || isAny(b[at], at));
}
