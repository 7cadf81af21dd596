/**
 * The state of a run, in words.
 *
 * @module
 */

import type { RetainedRun } from "../../operations/retained/describe.ts";
import { type Html, markup } from "./page.ts";

/** The members of a run that say how it is. */
type Stated = Pick<RetainedRun, "completeness" | "uploading" | "deleting" | "removed">;

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
