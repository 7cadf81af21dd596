/**
 * The existing buckets, their purpose, and who may write to them.
 *
 * @module
 */

/** The content of a bucket: outputs of runs, or one kind of released packages. */
export type BucketType = "artifacts" | "tarball" | "python" | "packages";

/** A bucket. */
export interface BucketInfo {
  /** The bucket's name. */
  readonly name: string;
  /** Its AWS region. */
  readonly region: string;
  /** The ARN of the role that writers assume; `null` if no workflow writes to it. */
  readonly role: string | null;
  /** Its content. */
  readonly type: BucketType;
  /** Its release type, without `-bkc`. */
  readonly releaseType: string;
  /** Whether it contains old runs only. */
  readonly retired: boolean;
  /**
   * Whether a server-side function writes the `index.html` of each directory after uploads, and
   * overwrites existing pages.
   */
  readonly serverIndex: boolean;
}

/** The AWS region of all these buckets. */
export const HOME_REGION = "us-east-2";

/**
 * All buckets, those of old runs last.
 *
 * A job of a fork's pull request assumes no role and uses the runner's own credentials. Reads are
 * public.
 */
export const BUCKETS: readonly BucketInfo[] = [
  current("therock-ci-artifacts", "ci", "artifacts", "therock-ci"),
  current("therock-ci-artifacts-external", "ci", "artifacts", "therock-ci-external"),
  ...["dev", "nightly", "prerelease", "release"].flatMap((releaseType) =>
    (["artifacts", "packages", "python", "tarball"] as const).map((type) =>
      current(
        `therock-${releaseType}-${type}`,
        releaseType,
        type,
        releaseType === "release" ? null : `therock-${releaseType}`,
      )
    )
  ),
  retired("therock-artifacts"),
  retired("therock-artifacts-external"),
  retired("therock-artifacts-internal"),
];

/**
 * What is known about a bucket.
 *
 * @param name The bucket's name.
 * @returns Its entry in {@linkcode BUCKETS}; `undefined` if it is not one of them.
 *
 * @example
 * ```ts
 * import { bucketInfo } from "@therock/run-outputs/layout";
 *
 * console.assert(bucketInfo("therock-dev-artifacts")?.region === "us-east-2");
 * ```
 */
export function bucketInfo(name: string): BucketInfo | undefined {
  return BUCKETS.find((bucket) => bucket.name === name);
}

function current(
  name: string,
  releaseType: string,
  type: BucketType,
  role: string | null,
): BucketInfo {
  return Object.freeze({
    name,
    region: HOME_REGION,
    role: role === null ? null : `arn:aws:iam::692859939525:role/${role}`,
    type,
    releaseType,
    retired: false,
    serverIndex: true,
  });
}

function retired(name: string): BucketInfo {
  return Object.freeze({
    name,
    region: HOME_REGION,
    role: null,
    type: "artifacts",
    releaseType: "ci",
    retired: true,
    serverIndex: false,
  });
}
