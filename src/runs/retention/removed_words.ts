/**
 * What retention has removed from a run, in words.
 *
 * @module
 */

import { plural } from "../../layout/words.ts";
import { describeRemoval } from "../removed.ts";
import type { RemovedFacts } from "./summary.ts";

/**
 * What retention has removed from a run in one line.
 *
 * @param removed What the run's summary says of it.
 * @param kind Only files of this kind. Default: all.
 * @returns `2 logs were removed by retention on 2026-11-30 (older than 90d)`; `undefined`, if no such
 * file was removed.
 */
export function removedWords(
  { files, kinds, removals }: RemovedFacts,
  kind?: string,
): string | undefined {
  const count = kind === undefined ? files : kinds[kind]?.files ?? 0;
  const last = removals.findLast((removal) =>
    kind === undefined || removal.kinds === undefined || removal.kinds.includes(kind)
  );
  if (count === 0 || last === undefined) return undefined;
  const isNoun = kind === "log" || kind === "report" || kind === "artifact";
  const what = plural(count, isNoun ? kind : "file");
  const of = kind === undefined || isNoun ? "" : ` of kind ${kind}`;
  return `${what}${of} ${count === 1 ? "was" : "were"} ${describeRemoval(last)}`;
}

/**
 * The kinds of the removed files.
 *
 * @param removed What the run's summary says of it.
 * @returns `artifact (2 files)` for each kind.
 */
export function removedKinds({ kinds }: Pick<RemovedFacts, "kinds">): string[] {
  return Object.entries(kinds).map(([kind, { files }]) => `${kind} (${plural(files, "file")})`);
}
