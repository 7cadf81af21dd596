/**
 * The mark of a run that is being deleted: `manifests/retention/deleting.json`.
 *
 * It is written before anything is deleted and is deleted last, so a run is either whole or has it.
 *
 * @module
 */

import { z } from "zod";
import { RunOutputsError } from "../errors/error.ts";
import type { OutputLocation } from "../layout/output_location.ts";
import type { OutputPaths } from "../layout/output_paths.ts";
import { parseJson } from "./parse_json.ts";

/** The schema of the mark. Readers use only its existence. */
export const DELETING_SCHEMA = "run-outputs.deleting/1";

/** The mark. */
export interface DeletingMark {
  /** `run-outputs.deleting/1` */
  readonly schema: "run-outputs.deleting/1";
  /** When the deletion began, in ISO 8601. */
  readonly started_at: string;
  /** The program. */
  readonly tool: string;
  /** The parts, markers and pins that existed then, if known. Others were written later. */
  readonly records?: readonly { readonly key: string; readonly etag: string }[];
}

const schema = z.looseObject({
  schema: z.literal(DELETING_SCHEMA),
  started_at: z.iso.datetime({ offset: true }),
  tool: z.string().min(1),
  records: z.array(z.object({ key: z.string(), etag: z.string() })).optional(),
});

/**
 * Parses the mark.
 *
 * @param text The text.
 * @param where Where it was read, for messages.
 * @returns The mark.
 * @throws {RunOutputsError} `integrity`, if it is not one; `failed`, if its schema is newer.
 */
export function parseDeletingMark(text: string, where: string): DeletingMark {
  return parseJson(text, {
    id: DELETING_SCHEMA,
    schema,
    broken: (reason, cause) =>
      new RunOutputsError("integrity", `Cannot read the mark '${where}': ${reason}`, { cause }),
    newer: () => `Cannot read the mark '${where}': its schema is newer`,
  });
}

/**
 * The location of the mark.
 *
 * @param root The run.
 * @returns `manifests/retention/deleting.json`
 */
export function deletingMark(root: OutputPaths): OutputLocation {
  return root.retentionDir().join("deleting.json");
}

/**
 * The error of a reader or a writer that finds the mark.
 *
 * @param run The run, for the message.
 * @param since When the deletion began.
 * @param action What can't be done with the run.
 * @returns An error with code `not_found`.
 */
export function beingDeleted(run: string, since: Date, action = "read"): RunOutputsError {
  return new RunOutputsError(
    "not_found",
    `Cannot ${action} '${run}': 'runs prune' has been deleting this run since ${since.toISOString()}`,
  );
}
