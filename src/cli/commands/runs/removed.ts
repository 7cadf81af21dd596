/**
 * What a command says where retention has removed the files that it looks for.
 *
 * @module
 */

import type { RunsPlace } from "./options.ts";

/**
 * What retention has removed of a kind.
 *
 * @param place The runs.
 * @param run The run's key.
 * @param kind The kind.
 * @returns `3 logs were removed by retention on …`; `undefined`, if nothing was.
 */
export async function removedOf(
  { ask }: Pick<RunsPlace, "ask">,
  run: string,
  kind: string,
): Promise<string | undefined> {
  const { removed } = await ask(({ show }) => show, { run });
  if (removed === undefined) return undefined;
  const { removedWords } = await import("../../../runs/retention/removed_words.ts");
  return removedWords(removed, kind);
}
