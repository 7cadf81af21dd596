/**
 * The locations where a run's outputs can be, if that is uncertain: by the rules of the time when
 * it was created, then by those of neighbouring times.
 *
 * @module
 */

import { type BucketChoice, type BucketRules, selectBucket } from "./buckets.ts";
import { RunOutputsError } from "../errors/error.ts";

/** What is known about the run. */
export interface BucketCandidatesQuestion {
  /**
   * The repository that the workflow ran in, such as `ROCm/TheRock`; several if it was renamed, the
   * likeliest first.
   */
  readonly repositories: readonly string[];
  /** Whether the run belongs to a fork's pull request. Default: unknown, try both. */
  readonly fork?: boolean;
  /** When the run was created. Default: unknown, try the newest rules first. */
  readonly createdAt?: string;
  /** The release type. Default: CI. */
  readonly releaseType?: string;
}

/** A period of time and its rules. */
interface Era {
  readonly rules: BucketRules;
  /** When the first and the last run of the period were created, in milliseconds since 1970. */
  readonly from: number;
  readonly until: number;
  /** A creation date within the period, for rules that depend on it. */
  readonly createdAt?: string;
  readonly name: string;
}

/** The last instant of the first buckets. */
const FIRST_BUCKETS_UNTIL = "2025-11-11T16:18:48Z";

/**
 * The start of today's rules. The day is not known exactly, so neighbouring periods are tried too.
 */
const TODAYS_RULES_SINCE = "2026-04-01T00:00:00Z";

const ERAS: readonly Era[] = [
  {
    rules: "2026-08",
    from: Date.parse(TODAYS_RULES_SINCE),
    until: Infinity,
    name: "since 2026-04",
  },
  {
    rules: "2026-03",
    from: Date.parse(FIRST_BUCKETS_UNTIL),
    until: Date.parse(TODAYS_RULES_SINCE),
    name: "before 2026-04",
  },
  {
    rules: "2026-03",
    from: -Infinity,
    until: Date.parse(FIRST_BUCKETS_UNTIL),
    createdAt: FIRST_BUCKETS_UNTIL,
    name: `up to ${FIRST_BUCKETS_UNTIL}`,
  },
];

/**
 * The locations where a run's outputs can be, the likeliest first, without duplicates.
 *
 * @param question What is known about the run.
 * @returns At least one location.
 * @throws {RunOutputsError} `invalid`: a repository, a date or a release type that is invalid.
 *
 * @example
 * ```ts
 * import { bucketCandidates } from "@therock/run-outputs/layout";
 *
 * const places = bucketCandidates({
 *   repositories: ["ROCm/TheRock"],
 *   fork: false,
 *   createdAt: "2025-10-01T00:00:00Z",
 * });
 * console.assert(places[0].bucket === "therock-artifacts");
 * console.assert(places[1].bucket === "therock-ci-artifacts");
 * ```
 */
export function bucketCandidates(question: BucketCandidatesQuestion): BucketChoice[] {
  const { repositories, createdAt, releaseType } = question;
  const forks = question.fork === undefined ? [false, true] : [question.fork];
  for (const repository of repositories) {
    // Today's rules know every release type that ever existed, and reject an empty one.
    selectBucket({ repository, fork: false, releaseType, createdAt, reading: true });
  }
  const eras = createdAt === undefined ? ERAS : nearestFirst(Date.parse(createdAt));
  const places = new Map<string, BucketChoice>();
  for (const repository of repositories) {
    for (const fork of forks) {
      for (const era of eras) {
        const choice = choose(era, repository, fork, releaseType);
        if (choice === undefined) continue;
        const place = `${choice.bucket}/${choice.externalRepo}`;
        if (places.has(place)) continue;
        const what = `${fork ? "fork's " : ""}${releaseType ?? "ci"} run of ${repository}`;
        const why = `${what}, by the rules ${era.name}${reasonOf(era, eras, createdAt)}`;
        places.set(place, { ...choice, why });
      }
    }
  }
  return [...places.values()];
}

/** The location by the rules of a period; `undefined` if they do not know the release type. */
function choose(
  { rules, createdAt }: Era,
  repository: string,
  fork: boolean,
  releaseType: string | undefined,
): BucketChoice | undefined {
  const type = releaseType === "ci" ? undefined : releaseType;
  const question = { repository, fork, rules, createdAt, reading: true };
  if (type === undefined) return selectBucket(question);
  try {
    return selectBucket({ ...question, releaseType: type });
  } catch (error) {
    if (!(error instanceof RunOutputsError)) throw error;
    return undefined;
  }
}

function nearestFirst(instant: number): readonly Era[] {
  return ERAS.toSorted((a, b) => distance(instant, a) - distance(instant, b));
}

/**
 * The distance of an instant from a period, 0 inside. The last instant of a period belongs to it.
 */
function distance(instant: number, { from, until }: Era): number {
  return instant > from ? Math.max(0, instant - until) : from - instant + 1;
}

function reasonOf(era: Era, eras: readonly Era[], createdAt: string | undefined): string {
  if (createdAt === undefined) return "";
  return era === eras[0] ? ` (created ${createdAt})` : ", not the rules of its time";
}
