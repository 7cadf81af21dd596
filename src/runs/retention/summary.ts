/**
 * The summary of a run, `retention-summary.json`: what a list of runs shows about it.
 *
 * It is a cache. Everything in it can be derived from the other files of the run, and readers check
 * `inputs` before they use it.
 *
 * @module
 */

import { z } from "zod";
import { quote, RunOutputsError } from "../../errors/error.ts";
import { OUTPUT_KINDS } from "../../layout/classify.ts";
import type { Platform } from "../../layout/output_paths.ts";
import { parseJson } from "../parse_json.ts";
import type { Completeness } from "./state.ts";

/** The schema that this version writes, and reads. */
export const RETENTION_SCHEMA = "run-outputs.retention/1";

/** A summary lists at most this many reports. */
export const MAX_REPORTS = 200;

/** A summary can't be longer, in bytes. */
export const MAX_SUMMARY_BYTES = 4 * 1024 * 1024;

/** A number of files and their bytes. */
export interface FileTotals {
  /** The number of files. */
  readonly files: number;
  /** Their size in bytes. */
  readonly bytes: number;
}

/** What retention has removed from a run, and not been uploaded again. */
export interface RemovedFacts extends FileTotals {
  /** The files of each kind. */
  readonly kinds: Readonly<Record<string, FileTotals>>;
  /** The removals, the earliest first. */
  readonly removals: readonly {
    /** When it began, in ISO 8601. */
    readonly at: string;
    /** The rule of the policy. */
    readonly rule: string;
    /** The kinds of files; if missing, all but the manifest. */
    readonly kinds?: readonly string[];
    /** Whether it is in progress, or was killed: the next prune finishes it. */
    readonly unfinished?: true;
  }[];
}

/** The facts about a run that its summary has. */
export interface RunFacts extends FileTotals {
  /** The repository, `OWNER/NAME`, if a part names it. */
  readonly repository?: string;
  /** The commit that was built, if a part names it. */
  readonly commit?: string;
  /** The branch that was built, if a part names it. */
  readonly branch?: string;
  /** The workflow's file, if a part names it. */
  readonly workflow?: string;
  /** The attempts of the run that uploaded something, ascending. */
  readonly attempts: readonly number[];
  /** The runs that files were copied from, `RUN_ID-PLATFORM`. */
  readonly origin_runs?: readonly string[];
  /** The time of the earliest part, or without parts of the earliest file, in ISO 8601. */
  readonly created_at: string;
  /** The time of the latest part, or without parts of the latest file, in ISO 8601. */
  readonly updated_at: string;
  /** Whether the run has all its outputs. */
  readonly completeness: Completeness;
  /** Why the run is incomplete. */
  readonly incomplete_because?: readonly string[];
  /** The expected or marked parts that do not exist. */
  readonly missing_parts?: readonly string[];
  /** The number of files that are listed in a part and do not exist. */
  readonly missing_files?: number;
  /** What retention has removed. */
  readonly removed?: RemovedFacts;
  /** Parts with a marker, and the time of the earliest marker. */
  readonly uploading?: { readonly since: string; readonly parts: readonly string[] };
  /** Whether the run has an outputs manifest. */
  readonly artifact_manifest: {
    /** `partial`: an expected or marked part is missing. */
    readonly status: "available" | "partial" | "unavailable" | "broken";
    /** Why it is not available. */
    readonly reason?: string;
  };
  /** The files of each kind. */
  readonly kinds: Readonly<Record<string, FileTotals>>;
  /** Artifact groups and stages, sorted. */
  readonly groups: readonly string[];
  /** The reports, at most 200, in the order of their paths. */
  readonly reports: readonly { readonly path: string; readonly size: number }[];
  /** Whether there are more reports. */
  readonly reports_truncated?: true;
}

/** A file that a summary was derived from. */
export interface SummaryInput {
  /** Its name in `manifests/outputs/`; `retention/removed.json` for the record of removed files. */
  readonly name: string;
  /** Its size in bytes. */
  readonly size: number;
  /** The version of its content. */
  readonly etag: string;
}

/** A summary. */
export interface RetentionSummary extends RunFacts {
  /** `run-outputs.retention/1` */
  readonly schema: "run-outputs.retention/1";
  /** The run. */
  readonly run: {
    /** `""`, or `{owner}-{repo}/`. */
    readonly external_repo: string;
    /** The run's id. */
    readonly run_id: string;
    /** The system the run builds for. */
    readonly platform: Platform;
  };
  /**
   * The files of `manifests/outputs/` that this was derived from, and the record of removed files, in
   * the order of their names.
   */
  readonly inputs: readonly SummaryInput[];
  /** `listing`, if the run has no outputs manifest. */
  readonly basis: "manifest" | "listing";
  /** The program that wrote it. */
  readonly tool: string;
  /** When it was written, in ISO 8601. */
  readonly written_at: string;
}

const count = () => z.int().min(0);
const time = () => z.iso.datetime({ offset: true });

const totals = z.object({
  files: count(),
  bytes: count().meta({ description: "In bytes." }),
});

/** The members that a summary shares with the JSON documents about runs. */
export const summaryShape = {
  repository: z.string().optional().meta({ description: "OWNER/NAME, if a part names it." }),
  commit: z.string().optional().meta({ description: "The commit that was built." }),
  branch: z.string().optional().meta({ description: "The branch that was built." }),
  workflow: z.string().optional().meta({ description: "The workflow's file." }),
  attempts: z.array(z.int().min(1)).meta({
    description: "The attempts of the run that uploaded something, ascending.",
  }),
  origin_runs: z.array(z.string()).optional().meta({
    description: "The runs that files were copied from: RUN_ID-PLATFORM.",
  }),
  created_at: time().meta({
    description: "Time of the earliest part; without parts, of the earliest file.",
  }),
  updated_at: time().meta({
    description: "Time of the latest part; without parts, of the latest file.",
  }),
  completeness: z.enum(["complete", "incomplete", "unproven"]),
  incomplete_because: z.array(z.string()).optional(),
  missing_parts: z.array(z.string()).optional(),
  missing_files: count().optional().meta({
    description: "Files that are listed in a part and do not exist.",
  }),
  removed: z.object({
    ...totals.shape,
    kinds: z.record(z.string(), totals),
    removals: z.array(z.object({
      at: time(),
      rule: z.string().meta({ description: "The rule of the policy." }),
      kinds: z.array(z.enum(OUTPUT_KINDS as readonly [string, ...string[]])).optional().meta({
        description: "The kinds of files; if missing, all but the manifest.",
      }),
      unfinished: z.literal(true).optional().meta({
        description: "It is in progress, or was killed: the next prune finishes it.",
      }),
    })),
  }).optional().meta({ description: "What retention has removed, and not been uploaded again." }),
  uploading: z.object({ since: time(), parts: z.array(z.string()) }).optional().meta({
    description: "Parts with a marker: an upload is in progress, was killed or failed.",
  }),
  artifact_manifest: z.object({
    status: z.enum(["available", "partial", "unavailable", "broken"]),
    reason: z.string().optional(),
  }).meta({ description: "Whether the run has an outputs manifest." }),
  ...totals.shape,
  kinds: z.record(z.string(), totals),
  groups: z.array(z.string()).meta({ description: "Artifact groups and stages." }),
  reports: z.array(z.object({ path: z.string().min(1), size: count() })),
  reports_truncated: z.literal(true).optional(),
};

const schema = z.looseObject({
  schema: z.literal(RETENTION_SCHEMA),
  run: z.object({
    external_repo: z.string(),
    run_id: z.string(),
    platform: z.enum(["linux", "windows"]),
  }),
  ...summaryShape,
  inputs: z.array(z.object({ name: z.string(), size: count(), etag: z.string() })).meta({
    description: "The files of manifests/outputs/ that this was derived from, and " +
      "retention/removed.json.",
  }),
  basis: z.enum(["manifest", "listing"]),
  tool: z.string(),
  written_at: time(),
});

/**
 * The JSON Schema of a summary.
 *
 * @returns The schema, a value for `JSON.stringify`.
 */
export function retentionJsonSchema(): Record<string, unknown> {
  const described = schema.meta({
    title: RETENTION_SCHEMA,
    description: "The summary of a run. A cache: all of it can be derived from the run.",
  });
  return z.toJSONSchema(described) as Record<string, unknown>;
}

/**
 * Parses a summary.
 *
 * @param text The text.
 * @param name Where it was read, for messages.
 * @returns The summary.
 * @throws {RunOutputsError} `integrity`, if it is not one; `failed`, if its schema is newer.
 */
export function parseSummary(text: string, name: string): RetentionSummary {
  return parseJson(text, {
    id: RETENTION_SCHEMA,
    schema,
    broken: (reason, cause) =>
      new RunOutputsError("integrity", `Cannot read the summary '${name}': ${reason}`, { cause }),
    newer: (found) =>
      `Cannot read the summary '${name}': its schema is ${quote(found)}, this version reads ` +
      `${RETENTION_SCHEMA}: use a newer run-outputs`,
  });
}

/**
 * Formats a summary.
 *
 * @param summary The summary.
 * @returns JSON.
 */
export function formatSummary(summary: RetentionSummary): string {
  return `${JSON.stringify(summary, null, 2)}\n`;
}
