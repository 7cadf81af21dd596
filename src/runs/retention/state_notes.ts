/**
 * What a reader must know before using a run, in words. Pages show it as banners.
 *
 * @module
 */

import { removedKinds, removedWords } from "./removed_words.ts";
import type { RunFacts } from "./summary.ts";

/** The members of a run that say how it is. */
export type StatedRun =
  & Pick<
    RunFacts,
    "completeness" | "incomplete_because" | "uploading" | "removed" | "artifact_manifest"
  >
  & { readonly deleting?: { readonly since?: string } };

/** The title of the note on a run with a marker of an upload. */
export const UPLOADING_TITLE = "An upload is in progress, was killed or failed";

/** What a reader must know before using a run. */
export interface StateNote {
  /** How urgent it is. */
  readonly look: "bad" | "warn" | "plain";
  /** What is the case. */
  readonly title: string;
  /** Since when, in ISO 8601. */
  readonly since?: string;
  /** Why. */
  readonly reasons: readonly string[];
}

/**
 * What a reader must know before using a run.
 *
 * @param run The run.
 * @returns The notes, the most urgent first.
 */
export function stateNotes(
  { completeness, incomplete_because = [], uploading, deleting, removed, artifact_manifest }:
    StatedRun,
): readonly StateNote[] {
  if (deleting !== undefined) {
    return [{
      look: "bad",
      title: "This run is being deleted",
      since: deleting.since,
      reasons: ["Files disappear from it; do not use what is left."],
    }];
  }
  const notes: StateNote[] = [];
  if (completeness === "incomplete") {
    notes.push({
      look: "bad",
      title: "This run is incomplete",
      reasons: incomplete_because,
    });
  }
  if (uploading !== undefined) {
    const { since, parts } = uploading;
    notes.push({
      look: "warn",
      title: UPLOADING_TITLE,
      since,
      reasons: parts.map((part) => `Part ${part}`),
    });
  }
  const gone = removed && removedWords(removed);
  if (removed !== undefined && gone !== undefined) {
    notes.push({ look: "warn", title: gone, reasons: removedKinds(removed) });
  }
  const { status, reason } = artifact_manifest;
  if (status === "broken" || status === "unavailable") {
    notes.push({
      look: status === "broken" ? "bad" : "plain",
      title: status === "broken"
        ? "The outputs manifest cannot be read"
        : "This run has no outputs manifest: nobody knows what a complete one has",
      reasons: reason === undefined ? [] : [reason],
    });
  }
  return notes;
}
