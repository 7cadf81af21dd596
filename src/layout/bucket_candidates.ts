/**
 * Where a run's outputs can be, when that is not certain: what the rules of its time say, then those
 * of the times around it.
 *
 * @module
 */

import { type BucketChoice, type BucketRules, selectBucket } from "./buckets.ts";
import { RunOutputsError } from "../errors/error.ts";

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
    // Every release type there has been is one of today's rules, which also refuse an empty one.
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

/** What the rules of an era say; nothing of a release type that they did not know yet. */
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

/** How far an instant is from an era, 0 inside; an era's last instant belongs to it. */
function distance(instant: number, { from, until }: Era): number {
  return instant > from ? Math.max(0, instant - until) : from - instant + 1;
}

function reasonOf(era: Era, eras: readonly Era[], createdAt: string | undefined): string {
  if (createdAt === undefined) return "";
  return era === eras[0] ? ` (created ${createdAt})` : ", not the rules of its time";
}
