/**
 * The state of a run on two axes: whether it is complete, and whether something is being uploaded to
 * it.
 *
 * @module
 */

import { unfinishedWork } from "../unfinished_part.ts";

/** Whether a run has all its outputs. */
export type Completeness =
  /** All expected parts exist. */
  | "complete"
  /** A part or a file is known to be missing. */
  | "incomplete"
  /** Nothing is known to be missing, but nobody knows what a complete run has. */
  | "unproven";

/** What the state of a run depends on. */
export interface RunStateFacts {
  /** The names of the parts of the outputs manifest that exist. */
  readonly parts: readonly string[];
  /** The names of the parts that a complete run has, if known. */
  readonly expected?: readonly string[];
  /** The names of the parts and copies that have a marker. */
  readonly marked: readonly string[];
  /** How many files are listed in a part and do not exist. */
  readonly missingFiles: number;
}

/** Whether a run is complete, and the reason if it is not. */
export interface RunState {
  /** Whether it is complete. */
  readonly completeness: Completeness;
  /** Why it is incomplete; empty otherwise. */
  readonly reasons: readonly string[];
  /** The expected or marked parts that do not exist, sorted. */
  readonly missingParts: readonly string[];
}

/**
 * Decides whether a run is complete.
 *
 * A marker beside an existing part does not matter: an upload deletes the part before it replaces the
 * first of its files, so the part's files are still whole. So a re-run that has just begun does not
 * make a complete run incomplete.
 *
 * @param facts What is known of the run.
 * @returns The state.
 */
export function runState({ parts, expected = [], marked, missingFiles }: RunStateFacts): RunState {
  const there = new Set(parts);
  const absent = expected.filter((part) => !there.has(part));
  const unfinished = marked.filter((part) => !there.has(part) && !absent.includes(part));
  const missingParts = [...absent, ...unfinished].sort();
  const reasons = [
    ...missingParts.map((part) =>
      marked.includes(part)
        ? `${unfinishedWork(part)} is in progress, was killed or failed`
        : `part ${part} is missing`
    ),
    ...missingFiles === 0
      ? []
      : [missingFiles === 1 ? "1 file is missing" : `${missingFiles} files are missing`],
  ];
  const completeness = reasons.length > 0
    ? "incomplete"
    : expected.length > 0
    ? "complete"
    : "unproven";
  return { completeness, reasons, missingParts };
}
