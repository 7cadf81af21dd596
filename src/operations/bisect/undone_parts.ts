/**
 * What the manifest of a run tells of parts that are not there, or not all of it.
 *
 * @module
 */

import { isCopyMark } from "../../runs/unfinished_part.ts";
import type { RunManifest } from "../manifest/read.ts";

/**
 * The parts of a run that are undone and may have artifacts of a group.
 *
 * Nobody knows what is in a part that is not there. But uploads of one GPU or family are named after
 * it, so the name tells that a part is another one's.
 *
 * @param manifest The manifest.
 * @param wanted What artifacts of the group may be for: families and GPUs; none for any.
 * @returns A phrase for each; none, if the run has all that it tells of.
 */
export function undoneParts(
  { missing, unfinished }: Pick<RunManifest, "missing" | "unfinished">,
  wanted: readonly string[],
): string[] {
  const undone = new Map(missing.map((part) => [part, `the part ${part} is missing`]));
  for (const part of unfinished) {
    undone.set(
      part,
      `${isCopyMark(part) ? "a copy to this run" : `the part ${part}`} is incomplete`,
    );
  }
  return [...undone].filter(([part]) => mayHave(part, wanted)).map(([, phrase]) => phrase);
}

/** Whether the names do not say that the part is of other GPUs. */
function mayHave(part: string, wanted: readonly string[]): boolean {
  const [ours, theirs] = [wanted.flatMap(gpusIn), gpusIn(part)];
  if (ours.length === 0 || theirs.length === 0) return true;
  return ours.some((a) => theirs.some((b) => areAlike(a, b)));
}

/** The GPUs and families in a name, as in `gfx94x` of `build.gfx94X-dcgpu`. */
function gpusIn(name: string): string[] {
  return name.toLowerCase().match(/gfx[0-9a-f]*x?/g) ?? [];
}

/** Whether two are the same, or one is of the family that the other names: its `x` is any digit. */
function areAlike(a: string, b: string): boolean {
  const isAny = (digit: string, at: number) => at > 2 && digit === "x";
  return a.length === b.length &&
    [...a].every((digit, at) => digit === b[at] || isAny(digit, at) || isAny(b[at], at));
}
