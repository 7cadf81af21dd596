/**
 * The state of a bisect between two commands: schema, text and contents.
 *
 * @module
 */

import { z } from "zod";
import { quote, RunOutputsError } from "../../errors/error.ts";
import { parseJson } from "../../runs/parse_json.ts";
import {
  type BisectCommit,
  type BisectFacts,
  type BisectVerdict,
  surveyBisect,
} from "./suspects.ts";

/** The schema version that this version writes and reads. */
export const BISECT_SCHEMA = "run-outputs.bisect/1";

/** A run with artifacts of a commit, and the groups that are taken from it. */
export interface BisectRun {
  /** The run's id. */
  readonly run_id: string;
  /** Its web page. */
  readonly url: string;
  /** The bucket of its outputs. */
  readonly bucket: string;
  /** The part of its prefix before the run id; empty, or with a final `/`. */
  readonly external_repo: string;
  /** The groups; empty if all artifacts are taken. */
  readonly groups: readonly string[];
}

/** Whether a commit has artifacts, and in which runs. */
export type BisectArtifacts =
  | { readonly status: "yes"; readonly runs: readonly BisectRun[] }
  | { readonly status: "no"; readonly reason: string };

/** A verdict on a commit. */
export interface BisectLogEntry {
  /** Its time, in ISO 8601. */
  readonly at: string;
  /** The commit. */
  readonly sha: string;
  /** The verdict. */
  readonly verdict: BisectVerdict;
  /** The exit code of the test command; missing for a manual verdict. */
  readonly exit_code?: number;
}

/** The good or the bad commit. */
export interface BisectEnd {
  /** How the user named it. */
  readonly given: string;
  /** The commit. */
  readonly sha: string;
}

/** The state of a bisect, as stored in its file. */
export interface BisectState {
  /** `run-outputs.bisect/1` */
  readonly schema: typeof BISECT_SCHEMA;
  /** When it was started, in ISO 8601. */
  readonly started_at: string;
  /** The good commit. */
  readonly good: BisectEnd;
  /** The bad commit. */
  readonly bad: BisectEnd;
  /** The commits that the bad commit contains and the good one does not, including the bad one. */
  readonly commits: readonly BisectCommit[];
  /** The result of each search for artifacts, by SHA. */
  readonly artifacts: Readonly<Record<string, BisectArtifacts>>;
  /** The verdicts; the last one for a commit counts. */
  readonly log: readonly BisectLogEntry[];
  /** The current commit and its directory. */
  readonly current: { readonly sha: string; readonly directory: string } | null;
  /** The commits that may have a directory. */
  readonly fetched: readonly string[];
  /** What the caller needs to continue; not used here. */
  readonly settings: Readonly<Record<string, unknown>>;
}

const sha = z.string().regex(/^[0-9a-f]{40}$/);
const end = z.object({ given: z.string(), sha });

const schema: z.ZodType<BisectState> = z.object({
  schema: z.literal(BISECT_SCHEMA),
  started_at: z.iso.datetime({ offset: true }),
  good: end,
  bad: end,
  commits: z.array(
    z.object({
      sha,
      parents: z.array(z.string()),
      title: z.string(),
      date: z.string(),
      url: z.string().optional(),
    }),
  ).min(1),
  artifacts: z.record(
    sha,
    z.discriminatedUnion("status", [
      z.object({
        status: z.literal("yes"),
        runs: z.array(z.object({
          run_id: z.string().min(1),
          url: z.string(),
          bucket: z.string().min(1),
          external_repo: z.string(),
          groups: z.array(z.string()),
        })).min(1),
      }),
      z.object({ status: z.literal("no"), reason: z.string() }),
    ]),
  ),
  log: z.array(z.object({
    at: z.iso.datetime({ offset: true }),
    sha,
    verdict: z.enum(["good", "bad", "skip"]),
    exit_code: z.int().optional(),
  })),
  current: z.object({ sha, directory: z.string().min(1) }).nullable(),
  fetched: z.array(sha),
  settings: z.record(z.string(), z.unknown()),
});

/**
 * Reads the text of a state.
 *
 * @param text The text.
 * @param name Its location, for messages.
 * @returns The state.
 * @throws {RunOutputsError} `integrity`, if it is invalid, or contradicts itself; `failed`, if its
 * schema is newer.
 */
export function parseBisectState(text: string, name: string): BisectState {
  const broken = (why: string, cause?: unknown) =>
    new RunOutputsError(
      "integrity",
      `Cannot read the bisect in '${name}': ${why}; 'run-outputs bisect reset' deletes it`,
      { cause },
    );
  const data = parseJson(text, {
    id: BISECT_SCHEMA,
    schema,
    broken,
    newer: (found) =>
      `Cannot read the bisect in '${name}': its schema is ${quote(found)}, this version reads ` +
      `${BISECT_SCHEMA}; use a newer version, or 'run-outputs bisect reset' to start again`,
  });
  try {
    surveyBisect(bisectFacts(data));
  } catch (error) {
    throw broken((error as Error).message, error);
  }
  return data;
}

/**
 * The facts of a state.
 *
 * @param state The state.
 * @returns What the suspects follow from.
 */
export function bisectFacts(state: BisectState): BisectFacts {
  return {
    commits: state.commits,
    bad: state.bad.sha,
    verdicts: new Map(state.log.map(({ sha, verdict }) => [sha, verdict])),
    lacking: new Set(
      Object.entries(state.artifacts).filter(([, { status }]) => status === "no")
        .map(([sha]) => sha),
    ),
  };
}
