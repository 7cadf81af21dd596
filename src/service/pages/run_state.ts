/**
 * The state of a run, in words.
 *
 * @module
 */

import type { RetainedRun } from "../../operations/retained/describe.ts";
import { removedKinds, removedWords } from "../../runs/retention/removed_words.ts";
import { type Html, markup, visible } from "./page.ts";

/** The members of a run that say how it is. */
type Stated = Pick<
  RetainedRun,
  | "completeness"
  | "incomplete_because"
  | "uploading"
  | "deleting"
  | "removed"
  | "artifact_manifest"
>;

const LOOKS = { complete: "good", incomplete: "bad", unproven: "plain" } as const;

/**
 * The state as a few marks.
 *
 * @param run The run.
 * @returns What it is, and what happens to it.
 */
export function badges({ completeness, uploading, deleting, removed }: Stated): Html {
  if (deleting !== undefined) return markup`<span class="badge bad">being deleted</span>`;
  return markup`<span class="badge ${LOOKS[completeness]}">${completeness}</span>${
    removed === undefined ? "" : markup` <span class="badge warn">thinned</span>`
  }${uploading === undefined ? "" : markup` <span class="badge warn">uploading</span>`}`;
}

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
    Stated,
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
      reasons: incomplete_because.map(visible),
    });
  }
  if (uploading !== undefined) {
    const { since, parts } = uploading;
    notes.push({
      look: "warn",
      title: "An upload is in progress, was killed or failed",
      since,
      reasons: parts.map((part) => `Part ${visible(part)}`),
    });
  }
  const gone = removed && removedWords(removed);
  if (removed !== undefined && gone !== undefined) {
    notes.push({ look: "warn", title: visible(gone), reasons: removedKinds(removed) });
  }
  const { status, reason } = artifact_manifest;
  if (status === "broken" || status === "unavailable") {
    notes.push({
      look: status === "broken" ? "bad" : "plain",
      title: status === "broken"
        ? "The outputs manifest cannot be read"
        : "This run has no outputs manifest: nobody knows what a complete one has",
      reasons: reason === undefined ? [] : [visible(reason)],
    });
  }
  return notes;
}
