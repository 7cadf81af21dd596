/**
 * The plan of a prune: a JSON document with a reason for every run.
 *
 * @module
 */

import { z } from "zod";
import { quote, RunOutputsError } from "../../errors/error.ts";
import { parseJson } from "../parse_json.ts";
import { DROP_KINDS, type DroppedRun, GROUP_BY, type KeptRun, type PrunePolicy } from "./policy.ts";

/** The schema that this version writes, and reads. */
export const PRUNE_PLAN_SCHEMA = "run-outputs.prune-plan/1";

/** The place that a plan is for. */
export type PrunePlanPlace = { readonly bucket: string } | { readonly directory: string };

/** What a killed process has left. */
export interface PruneLeftover {
  /** A multipart upload in a bucket, an unfinished download, or a temporary file. */
  readonly kind: "upload" | "download" | "temporary";
  /** The key of the upload, or the path of the file. */
  readonly path: string;
  /** Its size. */
  readonly bytes: number;
  /** When it was begun or last written, in ISO 8601. */
  readonly since: string;
  /** The id of the upload. */
  readonly upload_id?: string;
}

/** A plan. */
export interface PrunePlan {
  /** `run-outputs.prune-plan/1` */
  readonly schema: "run-outputs.prune-plan/1";
  /** The bucket, or the real path of the directory: the plan is for no other place. */
  readonly place: PrunePlanPlace;
  /** The policy. */
  readonly policy: PrunePolicy;
  /** When the plan was made, in ISO 8601. */
  readonly now: string;
  /** The runs that are kept, the newest first. */
  readonly keep: readonly KeptRun[];
  /** The runs that are deleted, the newest first. */
  readonly drop: readonly (DroppedRun & {
    /** The state of the run; another one means that the run has changed. */
    readonly fingerprint: string;
  })[];
  /** The runs that lose the files that the policy names, the newest first. */
  readonly thin?: PrunePlan["drop"];
  /** What killed processes have left in the runs for more than a day. It is deleted too. */
  readonly leftovers?: readonly PruneLeftover[];
  /** Runs whose deletion an earlier prune has begun, or that of files: that is finished first. */
  readonly unfinished: readonly string[];
  /** Limits that the deletions do not reach. */
  readonly unreached: readonly string[];
  /** The entries of `keep_listed` that no run matches. */
  readonly unmatched: readonly string[];
}

const count = () => z.int().min(0);
const rule = () => count().optional();

const policy = z.strictObject({
  keep_last: rule(),
  keep_within_seconds: rule(),
  keep_daily: rule(),
  keep_weekly: rule(),
  keep_monthly: rule(),
  keep_steps: z.array(z.object({ every_seconds: z.int().min(1), for_seconds: count() })).optional(),
  keep_listed: z.array(z.string()).min(1).optional(),
  group_by: z.array(z.enum(GROUP_BY)),
  min_age_seconds: count(),
  older_than_seconds: rule(),
  max_size_bytes: rule(),
  max_runs: rule(),
  drop_kinds: z.array(z.enum(DROP_KINDS)).min(1).optional(),
  leave_manifest: z.literal(true).optional(),
});

const dropped = z.array(z.object({
  key: z.string(),
  bytes: count().meta({ description: "The size of what is deleted." }),
  rule: z.string().meta({ description: "The rule that deletes it." }),
  fingerprint: z.string().meta({ description: "Another one: the run has changed." }),
}));

/** The schema of a plan. A rule that this version does not know is an error. */
export const prunePlanSchema = z.object({
  schema: z.literal(PRUNE_PLAN_SCHEMA),
  place: z.union([
    z.strictObject({ bucket: z.string().min(1) }),
    z.strictObject({ directory: z.string().min(1) }),
  ]).meta({ description: "The bucket, or the real path of the directory." }),
  policy,
  now: z.iso.datetime({ offset: true }),
  keep: z.array(z.object({
    key: z.string(),
    reasons: z.array(z.string()).min(1).meta({ description: "Why the run is kept." }),
  })),
  drop: dropped.meta({ description: "Runs that are deleted." }),
  thin: dropped.optional().meta({
    description: "Runs that lose files: of the kinds drop_kinds, or all but the manifest.",
  }),
  leftovers: z.array(z.object({
    kind: z.enum(["upload", "download", "temporary"]),
    path: z.string(),
    bytes: count(),
    since: z.iso.datetime({ offset: true }),
    upload_id: z.string().optional(),
  })).optional().meta({
    description: "What killed processes have left for more than a day: multipart uploads of a " +
      "bucket, unfinished downloads and temporary files of a directory.",
  }),
  unfinished: z.array(z.string()).meta({
    description: "Runs whose deletion an earlier prune has begun, or that of files: that is " +
      "finished first.",
  }),
  unreached: z.array(z.string()).meta({
    description: "Limits that the deletions do not reach, because of runs that are kept.",
  }),
  unmatched: z.array(z.string()).meta({
    description: "Entries of keep_listed that no run matches.",
  }),
});

/**
 * Parses a plan.
 *
 * @param text The text.
 * @param where Where it was read, for messages.
 * @returns The plan.
 * @throws {RunOutputsError} `invalid`, if it is not one; `failed`, if its schema is newer.
 */
export function parsePrunePlan(text: string, where: string): PrunePlan {
  return parseJson(text, {
    id: PRUNE_PLAN_SCHEMA,
    schema: prunePlanSchema,
    broken: (reason, cause) =>
      new RunOutputsError("invalid", `Cannot read the plan '${where}': ${reason}`, { cause }),
    newer: (found) =>
      `Cannot read the plan '${where}': its schema is ${quote(found)}, this version reads ` +
      `${PRUNE_PLAN_SCHEMA}: use a newer run-outputs`,
  });
}
