/**
 * Reads the parts of a retention policy that are a text.
 *
 * @module
 */

import { invalid, RunOutputsError } from "../../errors/error.ts";
import type { KeepStep } from "./policy.ts";
import { formatRunKey, tryParseRunName, tryParseRunPrefix } from "./run_key.ts";

const SECONDS: Readonly<Record<string, number>> = {
  h: 3600,
  d: 86_400,
  w: 7 * 86_400,
  m: 30 * 86_400,
  y: 365 * 86_400,
};

/**
 * Parses steps: `10,1d1w,1w1m` keeps the last 10 runs, one each day for a week, and one each week for a
 * month (30 days).
 *
 * @param field The option, for messages.
 * @param text The steps.
 * @returns The number of last runs, and the steps.
 * @throws {RunOutputsError} `invalid`, if it is something else.
 */
export function parseKeepSteps(
  field: string,
  text: string,
): { readonly keep_last?: number; readonly keep_steps: readonly KeepStep[] } {
  const expected = "a number of runs and steps such as 10,1d1w,1w1m (units: h, d, w, m, y)";
  let keep_last: number | undefined;
  const keep_steps: KeepStep[] = [];
  for (const [i, one] of text.split(",").entries()) {
    const [, every, unit, length, of] =
      /^([1-9]\d{0,3})([hdwmy])([1-9]\d{0,3})([hdwmy])$/.exec(one) ??
        [];
    if (i === 0 && /^\d{1,6}$/.test(one)) keep_last = Number(one);
    else if (of === undefined) throw invalid(field, text, expected);
    else {
      const step = {
        every_seconds: Number(every) * SECONDS[unit],
        for_seconds: Number(length) * SECONDS[of],
      };
      if (step.every_seconds > step.for_seconds) throw invalid(field, text, expected);
      keep_steps.push(step);
    }
  }
  return { keep_last, keep_steps };
}

/**
 * Parses a list of runs to keep: the first word of each line is a key, a run id, a commit or a URL;
 * `#` begins a comment. The output of `git for-each-ref` is such a list.
 *
 * @param field The option, for messages.
 * @param text The list.
 * @returns Keys, run ids and commits.
 * @throws {RunOutputsError} `invalid`, if a line is something else: what is not understood could be a
 * run that must be kept; or if the list is empty, as that of a failed command is.
 */
export function parseKeepListed(field: string, text: string): readonly string[] {
  const words = text.replace(/^\uFEFF/, "").split(/\r?\n/)
    .map((line) => line.replace(/(?:^|\s)#.*/, "").trim().split(/\s+/)[0])
    .filter((word) => word !== "");
  if (words.length === 0) {
    throw new RunOutputsError(
      "invalid",
      `Invalid ${field}: the list is empty, so every other run would be deleted`,
    );
  }
  return [...new Set(words.map((word) => entryOf(field, word)))];
}

function entryOf(field: string, word: string): string {
  const expected = "a list of keys, run ids, commits and URLs";
  if (!word.includes("/")) {
    const run = tryParseRunName(word);
    if (run !== undefined) return formatRunKey(run);
    const isEntry = /^[0-9a-f]{7,64}$/i.test(word) ||
      /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(word);
    if (!isEntry) throw invalid(field, word, expected);
    return word;
  }
  const [, run] = /^https?:\/\/[^/]+\/.*\/actions\/runs\/(\d+)(?:[/?#]|$)/.exec(word) ?? [];
  if (run !== undefined) return run;
  const [, commit] = /^https?:\/\/[^/]+\/.*\/commit\/([0-9a-f]{7,64})(?:[/?#]|$)/i.exec(word) ?? [];
  if (commit !== undefined) return commit;
  // The address of a run's files, or its prefix.
  const segments = word.replace(/^[a-z0-9]+:\/\/[^/]*\//i, "").split("/");
  for (let at = 0; at < segments.length; at++) {
    for (const count of [2, 1]) {
      const prefix = tryParseRunPrefix(segments.slice(at, at + count).join("/"));
      if (prefix !== undefined && segments.length >= at + count) {
        // In a path-style URL, the segment before an id is the bucket.
        if (prefix.externalRepo !== "" && at === 0 && /^https?:/i.test(word)) {
          return prefix.runId;
        }
        return formatRunKey(prefix);
      }
    }
  }
  throw invalid(field, word, expected);
}
