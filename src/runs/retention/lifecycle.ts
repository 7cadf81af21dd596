/**
 * A retention policy as a lifecycle configuration of S3, as far as S3 can express it.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { PrunePolicy } from "./policy.ts";

/** A day in seconds. */
const DAY = 86_400;

/** Unfinished multipart uploads are aborted after this many days. */
const ABORT_DAYS = 7;

/** Noncurrent versions expire after this many days. */
const NONCURRENT_DAYS = 1;

/** A rule, as S3's API has it. */
export interface LifecycleRule {
  /** Its name. */
  readonly ID: string;
  /** It applies. */
  readonly Status: "Enabled";
  /** The objects: all. */
  readonly Filter: { readonly Prefix: string };
  /** After how many days unfinished multipart uploads are aborted. */
  readonly AbortIncompleteMultipartUpload?: { readonly DaysAfterInitiation: number };
  /** After how many days noncurrent versions are deleted. */
  readonly NoncurrentVersionExpiration?: { readonly NoncurrentDays: number };
  /** After how many days objects are deleted. */
  readonly Expiration?: { readonly Days: number };
}

/** A lifecycle configuration, and what it does not do. */
export interface LifecycleRules {
  /** A value for `PutBucketLifecycleConfiguration`. */
  readonly configuration: { readonly Rules: readonly LifecycleRule[] };
  /** Its limits, one line each. */
  readonly limits: readonly string[];
}

/** What S3 has no rule for, with its option. */
const INEXPRESSIBLE: readonly (readonly [keyof PrunePolicy, string])[] = [
  ["keep_last", "--keep-last"],
  ["keep_daily", "--keep-daily"],
  ["keep_weekly", "--keep-weekly"],
  ["keep_monthly", "--keep-monthly"],
  ["keep_steps", "--keep"],
  ["keep_listed", "--keep-listed"],
  ["max_size_bytes", "--max-size"],
  ["max_runs", "--max-runs"],
  ["drop_kinds", "--drop-kinds"],
  ["leave_manifest", "--leave-manifest"],
];

/**
 * Expresses a policy as a lifecycle configuration of a bucket: unfinished uploads and noncurrent
 * versions are deleted, and objects that are older than the policy allows.
 *
 * @param policy The policy. Only its ages can be expressed.
 * @returns The configuration, and its limits.
 * @throws {RunOutputsError} `invalid`, naming the option that can't be expressed.
 *
 * @example
 * ```ts
 * import { lifecycleRules } from "@therock/run-outputs/runs";
 *
 * const policy = { group_by: [], min_age_seconds: 0, older_than_seconds: 90 * 86_400 };
 * const { Rules } = lifecycleRules(policy).configuration;
 * console.assert(Rules.at(-1)?.Expiration?.Days === 90);
 * ```
 */
export function lifecycleRules(policy: PrunePolicy): LifecycleRules {
  const found = INEXPRESSIBLE.find(([name]) => policy[name] !== undefined);
  if (found !== undefined) {
    throw new RunOutputsError(
      "invalid",
      `Cannot express ${found[1]} as a lifecycle rule: S3 only knows the age of each object; use ` +
        "--older-than or --keep-within, and 'runs prune' for the rest",
    );
  }
  const { older_than_seconds: older, keep_within_seconds: within, min_age_seconds } = policy;
  const isLimited = older !== undefined || within !== undefined;
  const days = Math.ceil(Math.max(older ?? 0, within ?? 0, min_age_seconds, 1) / DAY);
  const all = { Status: "Enabled", Filter: { Prefix: "" } } as const;
  const Rules: LifecycleRule[] = [
    {
      ID: "run-outputs-unfinished-uploads",
      ...all,
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: ABORT_DAYS },
    },
    {
      ID: "run-outputs-noncurrent-versions",
      ...all,
      NoncurrentVersionExpiration: { NoncurrentDays: NONCURRENT_DAYS },
    },
  ];
  if (isLimited) Rules.push({ ID: "run-outputs-backstop", ...all, Expiration: { Days: days } });
  const limits = [
    "it replaces all lifecycle rules that the bucket has",
    ...isLimited
      ? [
        "each object ages alone, from its last write: a run can lose a part of its files, and its " +
        "manifest still lists them",
        "it knows no pins, no latest run, no attempts and no bisects: their files expire too; use " +
        "it only as a backstop behind 'runs prune', with a greater age",
      ]
      : [],
    "ages are in days, and rounded up to the next midnight UTC; S3 deletes some time after that",
  ];
  return { configuration: { Rules }, limits };
}
