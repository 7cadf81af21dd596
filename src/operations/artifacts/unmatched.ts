/**
 * Suggestions for patterns that match nothing.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import { nearest } from "../../layout/nearest.ts";
import { nameFilter } from "./name_filter.ts";
import type { ArtifactSelection } from "./selection.ts";
import { type NamePattern, patternText } from "./name_pattern.ts";

/** The maximum number of names to search for a matching pattern. */
const MAX_NAMES = 10_000;

/** Longer patterns are not typos of a name. */
const MAX_LENGTH = 255;

/**
 * The error of patterns that match nothing.
 *
 * @param unmatched Their texts.
 * @param include All include patterns.
 * @param names The existing paths or file names.
 * @param words What they are called, and the command that lists them.
 * @returns An error with code `not_found`, with a similar pattern that matches, if there is one.
 */
export function unmatchedError(
  unmatched: readonly string[],
  include: readonly NamePattern[],
  names: readonly string[],
  { what, command }: { readonly what: string; readonly command: string },
): RunOutputsError {
  const patterns = unmatched.map((text) => `'${text}'`).join(", ");
  const near = include.filter((pattern) => unmatched.includes(patternText(pattern)))
    .flatMap((pattern) => suggest(pattern, names.slice(0, MAX_NAMES)) ?? []);
  const hint = near.length === 0
    ? ""
    : ` (did you mean ${[...new Set(near)].map((text) => `'${text}'`).join(", ")}?)`;
  return new RunOutputsError(
    "not_found",
    `None of the ${names.length} ${what} matches ${patterns}${hint}: '${command}' shows them`,
  );
}

/** A selection that selects nothing. */
export interface EmptyChoice {
  /** The number of candidates. */
  readonly count: number;
  /** How many would be selected without the patterns to exclude. */
  readonly excluded: number;
  /** The selection. */
  readonly selection: ArtifactSelection;
}

/**
 * The error of a selection that selects nothing, although each of its patterns matches something, or
 * need not.
 *
 * @param choice The selection.
 * @param words What the candidates are, and the command that lists them.
 * @returns An error with code `not_found`, naming what was given.
 */
export function nothingChosenError(
  { count, excluded, selection }: EmptyChoice,
  { what, command }: { readonly what: string; readonly command: string },
): RunOutputsError {
  const { include = [], artifactNames, artifactGroups = [], amdgpuTargets = [], components = [] } =
    selection;
  const patterns = include.map((pattern) => `'${patternText(pattern)}'`).join(" or ");
  const given = [
    ...include.length === 0 ? [] : [patterns],
    ...artifactNames === undefined ? [] : ["the stages"],
    ...artifactGroups.length === 0 ? [] : [`the groups ${artifactGroups.join(", ")}`],
    ...amdgpuTargets.length === 0 ? [] : [`the targets ${amdgpuTargets.join(", ")}`],
    ...components.length === 0 ? [] : [`the components ${components.join(", ")}`],
  ];
  const all = given.length > 1 ? `all of: ${given.join("; ")}` : given.join();
  const shown = `'${command}' shows them`;
  const message = excluded > 0
    ? `--exclude leaves none of the ${excluded} ${what} that are selected otherwise: ${shown}`
    : `None of the ${count} ${what} matches ${all}: ${shown}`;
  return new RunOutputsError("not_found", message);
}

/** A similar pattern that matches something. */
function suggest(pattern: NamePattern, names: readonly string[]): string | undefined {
  if (typeof pattern === "string") {
    if (pattern.length > MAX_LENGTH) return undefined;
    return [`${pattern}_*`, `*${pattern}*`, ...corrected(pattern, names)]
      .find((candidate) => names.some(nameFilter({ include: [candidate] }).matches));
  }
  // In other expressions, it is unknown which letters are literal.
  const [, start, text, end] = /^(\^?)([\w.:-]+)(\$?)$/.exec(pattern.source) ?? [];
  if (text === undefined) return undefined;
  const found = corrected(text, names)
    .find((candidate) => names.some((name) => name.includes(candidate)));
  return found && `${start}${found}${end}`;
}

/** The text with each word replaced by the nearest in the names, and the nearest name. */
function corrected(text: string, names: readonly string[]): string[] {
  const stems = names.map((name) => basename(name).replace(/\.tar\.(?:zst|xz)$/, ""));
  const words = new Set(stems.flatMap((stem) => stem.split("_")));
  const correct = (word: string) => words.has(word) ? word : nearest(word, words) ?? word;
  const shorts = stems.map((stem) => stem.replace(/_[^_]*$/, ""));
  const whole = nearest(text, new Set([...shorts, ...stems, ...names]));
  return [text.replace(WORD, correct), ...whole === undefined ? [] : [whole]]
    .filter((candidate) => candidate !== text);
}

/** A word in a name, such as `blas` in `blas_lib_*`. */
const WORD = /[A-Za-z0-9][A-Za-z0-9.:+-]*/g;

function basename(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
