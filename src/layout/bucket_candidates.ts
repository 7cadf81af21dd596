/**
 * Where a run's outputs can be, when that is not certain: what the rules of its time say, then those
 * of the times around it.
 *
 * @module
 */

import { type BucketChoice, type BucketRules, selectBucket } from "./buckets.ts";
import { RunOutputsError } from "./error.ts";

/** What is known of the run. */
export interface BucketCandidatesQuestion {
  /**
   * The repository the workflow ran in, like `ROCm/TheRock`; more than one where it has been called
   * otherwise, the likeliest first.
   */
  readonly repositories: readonly string[];
  /** Whether the run belongs to a fork's pull request. Default: not known, both can be. */
  readonly fork?: boolean;
  /** When the run was created. Default: not known, the newest rules come first. */
  readonly createdAt?: string;
  /** The release type. Default: CI. */
  readonly releaseType?: string;
}

/** A time, and the rules of it. */
interface Era {
  readonly rules: BucketRules;
  /** The instants between which runs were created, in milliseconds since 1970. */
  readonly from: number;
  readonly until: number;
  /** A creation date that stands for the era, where the rules look at it. */
  readonly createdAt?: string;
  readonly name: string;
}

/** The last instant of the first buckets. */
const FIRST_BUCKETS_UNTIL = "2025-11-11T16:18:48Z";

/** Since then uploads use today's rules; the day is not known exactly, which is what neighbours are for. */
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
 * The places where a run's outputs can be, the likeliest first, each once.
 *
 * @param question What is known of the run.
 * @returns The places; at least one.
 * @throws {RunOutputsError} `invalid`: a repository, a date or a release type that is none.
 *
 * @example
 * ```ts
 * import { bucketCandidates } from "@therock/run-outputs";
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
  // It checks the date as well.
  const instant = createdAt === undefined ? Infinity : instantOf(createdAt, repositories[0]);
  const eras = ERAS.toSorted((a, b) => distance(instant, a) - distance(instant, b));
  const places = new Map<string, BucketChoice>();
  let refused: unknown;
  for (const repository of repositories) {
    for (const fork of forks) {
      for (const era of eras) {
        try {
          const { bucket, externalRepo } = selectBucket({
            repository,
            fork,
            rules: era.rules,
            createdAt: era.createdAt,
            releaseType: releaseType === "ci" ? undefined : releaseType,
            reading: true,
          });
          const place = `${bucket}/${externalRepo}`;
          if (places.has(place)) continue;
          const what = `${fork ? "fork's " : ""}${releaseType ?? "ci"} run of ${repository}`;
          places.set(place, {
            bucket,
            externalRepo,
            why: `${what}, by the rules ${era.name}${reasonOf(era, eras, createdAt)}`,
          });
        } catch (error) {
          // A release type that did not exist at that time.
          if (!(error instanceof RunOutputsError) || releaseType === undefined) throw error;
          refused ??= error;
        }
      }
    }
  }
  if (places.size === 0) throw refused;
  return [...places.values()];
}

function instantOf(createdAt: string, repository: string): number {
  selectBucket({ repository, fork: false, createdAt });
  return Date.parse(createdAt);
}

/** How far an instant is from an era; 0 inside. Runs of unknown age are of today. */
function distance(instant: number, { from, until }: Era): number {
  if (instant === Infinity) return until === Infinity ? 0 : Infinity - from || -until;
  if (instant <= from) return from - instant + (from === instant ? 1 : 0);
  return Math.max(0, instant - until);
}

function reasonOf(era: Era, eras: readonly Era[], createdAt: string | undefined): string {
  if (createdAt === undefined) return "";
  return era === eras[0] ? ` (created ${createdAt})` : ", which are not those of its time";
}
