/**
 * Selects the bucket of a run's outputs. There are two sets of rules, because old runs stay in the
 * buckets of their time.
 *
 * @module
 */

import { invalid } from "../errors/error.ts";
import { checkRepository } from "./validate.ts";

/**
 * A set of bucket rules, named for the month in which its expected results were recorded: `2026-08`
 * applies since April 2026, `2026-03` before.
 */
export type BucketRules = "2026-03" | "2026-08";

/** The current rules. */
export const NEWEST_BUCKET_RULES: BucketRules = "2026-08";

/** What the choice of the bucket depends on. */
export interface BucketQuestion {
  /** The repository that the workflow ran in, such as `ROCm/TheRock`; case-sensitive. */
  readonly repository: string;
  /** Whether the run belongs to a fork's pull request. */
  readonly fork: boolean;
  /** The release type; unset means CI. */
  readonly releaseType?: string;
  /** The name of the release type in messages, such as `RELEASE_TYPE`. Default: `release type`. */
  readonly releaseTypeName?: string;
  /** The rules. Default: {@linkcode NEWEST_BUCKET_RULES}. */
  readonly rules?: BucketRules;
  /** When the run was created (not updated), in GitHub's format: `2025-11-11T16:18:48Z`. */
  readonly createdAt?: string;
  /** Whether the bucket is for reading. Then the release type `release` is valid too. */
  readonly reading?: boolean;
}

/** A bucket, and the reason for it. */
export interface BucketChoice {
  /** The bucket's name. */
  readonly bucket: string;
  /** The part of the prefix before the run: `""`, or `{owner}-{repo}/` of the base repository. */
  readonly externalRepo: string;
  /** The reason, for `-v`: one line. */
  readonly why: string;
}

/** The two buckets of CI runs: for the main repository, and for all others and forks. */
interface CiBuckets {
  readonly main: string;
  readonly external: string;
}

interface Rules {
  /** The release type of CI, given or assumed. */
  readonly ci: string;
  readonly ciBuckets: CiBuckets;
  /** The CI buckets of runs created up to and including an instant. */
  readonly earlier?: CiBuckets & { readonly until: string };
  /** Repositories whose own runs (not their forks') have a separate CI bucket. */
  readonly ownBucket: Readonly<Record<string, string>>;
  readonly releaseBuckets: Readonly<Record<string, string>>;
  /** Release types that other systems write and we only read. */
  readonly readOnlyBuckets: Readonly<Record<string, string>>;
  /** Whether runs of other repositories and forks have a prefix of their own in release buckets. */
  readonly externalReleases: boolean;
}

/** The repository whose own runs have no directory of a repository. */
export const MAIN_REPOSITORY = "ROCm/TheRock";

/**
 * The directory of a repository's runs, where they have one.
 *
 * @param repository The repository, `OWNER/NAME`.
 * @returns `OWNER-NAME/`. Other repositories can have the same: `a-b/c` and `a/b-c`.
 */
export function repositoryDir(repository: string): string {
  return `${repository.replace("/", "-")}/`;
}

const CI_BUCKETS = { main: "therock-ci-artifacts", external: "therock-ci-artifacts-external" };

const RULES: Readonly<Record<BucketRules, Rules>> = {
  "2026-08": {
    ci: "ci",
    ciBuckets: CI_BUCKETS,
    ownBucket: {},
    releaseBuckets: {
      "dev": "therock-dev-artifacts",
      "dev-bkc": "therock-dev-artifacts",
      "nightly": "therock-nightly-artifacts",
      "nightly-bkc": "therock-nightly-artifacts",
      "prerelease": "therock-prerelease-artifacts",
    },
    readOnlyBuckets: { "release": "therock-release-artifacts" },
    externalReleases: false,
  },
  "2026-03": {
    ci: "",
    ciBuckets: CI_BUCKETS,
    earlier: {
      until: "2025-11-11T16:18:48Z",
      main: "therock-artifacts",
      external: "therock-artifacts-external",
    },
    ownBucket: { "ROCm/therock-releases-internal": "therock-artifacts-internal" },
    releaseBuckets: {
      "dev": "therock-dev-artifacts",
      "nightly": "therock-nightly-artifacts",
      "prerelease": "therock-prerelease-artifacts",
    },
    readOnlyBuckets: {},
    externalReleases: true,
  },
};

/**
 * Selects the bucket of a run's outputs.
 *
 * @param question What is known about the run.
 * @returns The bucket, the part of the prefix before the run, and the reason.
 * @throws {RunOutputsError} `invalid`: a repository, a release type or a date that is invalid. An
 * empty release type is invalid in the rules of `2026-08`, and means CI in those of `2026-03`.
 *
 * @example
 * ```ts
 * import { selectBucket } from "@therock/run-outputs/layout";
 *
 * const choice = selectBucket({ repository: "ROCm/rocm-libraries", fork: false });
 * console.assert(choice.bucket === "therock-ci-artifacts-external");
 * console.assert(choice.externalRepo === "ROCm-rocm-libraries/");
 * ```
 */
export function selectBucket(question: BucketQuestion): BucketChoice {
  const name = question.rules ?? NEWEST_BUCKET_RULES;
  const rules = lookUp(RULES, name);
  if (rules === undefined) throw invalid("bucket rules", name, Object.keys(RULES).join(" or "));
  const repository = checkRepository("repository", question.repository);
  const created = question.createdAt === undefined ? undefined : parseInstant(question.createdAt);

  const main = repository === MAIN_REPOSITORY && !question.fork;
  const ownPrefix = main ? "" : repositoryDir(repository);
  const run = `${question.fork ? "fork's run" : "run"} of ${repository}`;
  const why = (reason: string) => `${reason}, by the bucket rules of ${name}`;

  const releaseType = question.releaseType ?? rules.ci;
  if (releaseType !== rules.ci) {
    return {
      bucket: releaseBucketOf(rules, releaseType, question),
      externalRepo: rules.externalReleases ? ownPrefix : "",
      why: why(`${run} with release type ${releaseType}`),
    };
  }

  const own = question.fork ? undefined : lookUp(rules.ownBucket, repository);
  if (own !== undefined) {
    return { bucket: own, externalRepo: ownPrefix, why: why(`CI ${run}, which has its own`) };
  }
  const { earlier } = rules;
  const early = earlier !== undefined && created !== undefined &&
    created <= Date.parse(earlier.until);
  const buckets = early ? earlier : rules.ciBuckets;
  const when = early ? ` created ${question.createdAt}, not after ${earlier.until}` : "";
  return {
    bucket: main ? buckets.main : buckets.external,
    externalRepo: ownPrefix,
    why: why(`CI ${run}${when}`),
  };
}

function releaseBucketOf(rules: Rules, releaseType: string, question: BucketQuestion): string {
  const known = question.reading
    ? { ...rules.releaseBuckets, ...rules.readOnlyBuckets }
    : rules.releaseBuckets;
  const bucket = lookUp(known, releaseType);
  if (bucket !== undefined) return bucket;
  const types = [...(rules.ci === "" ? [] : [rules.ci]), ...Object.keys(known)].join(", ");
  throw invalid(question.releaseTypeName ?? "release type", releaseType, `one of ${types}`);
}

/** Parses a date with time and zone. A date without a zone would be ambiguous. */
function parseInstant(text: string): number {
  const instant = typeof text === "string" &&
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.test(text)
    ? Date.parse(text)
    : NaN;
  if (Number.isNaN(instant)) {
    throw invalid("creation date of the run", text, "a date like 2025-11-11T16:18:48Z");
  }
  return instant;
}

/** A record's own value: a user's text can be `constructor`. */
function lookUp<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
