/**
 * The buckets of released packages, which are not the buckets of runs.
 *
 * @module
 */

import { invalid } from "../errors/error.ts";

/** Types of packages with a bucket of their own. */
export type ReleaseArtifactType = "tarball" | "python" | "packages";

/** Products with a package repository of their own. */
export type ReleaseProduct = "core" | "pytorch" | "jax";

/** Arguments of {@linkcode releaseBucket}. */
export interface ReleaseBucketQuestion {
  /** The release type: `dev`, `nightly`, `prerelease`, or one of the first two with `-bkc`. */
  readonly releaseType: string;
  /** The type of packages. */
  readonly type: ReleaseArtifactType;
}

/** Arguments of {@linkcode releaseRepository}. */
export interface ReleaseRepositoryQuestion {
  /** The release type: `dev`, `nightly`, `prerelease`, or one of the first two with `-bkc`. */
  readonly releaseType: string;
  /** The product. */
  readonly product: ReleaseProduct;
}

/** The package repository of a product. */
export interface ReleaseRepository {
  /** Its bucket. */
  readonly bucket: string;
  /** The ARN of the role that writers assume. */
  readonly role: string;
  /** Its URL for pip. */
  readonly url: string;
}

/** By release type: the word in the names of buckets, and the channel of the repositories. */
const RELEASES: ReadonlyMap<string, { readonly bucket: string; readonly channel: string }> =
  new Map([
    ["dev", { bucket: "dev", channel: "dev" }],
    ["dev-bkc", { bucket: "dev", channel: "bkc" }],
    ["nightly", { bucket: "nightly", channel: "nightly" }],
    ["nightly-bkc", { bucket: "nightly", channel: "bkc" }],
    ["prerelease", { bucket: "prerelease", channel: "rc" }],
  ]);

const TYPES: readonly string[] = ["tarball", "python", "packages"];
const PRODUCTS: readonly string[] = ["core", "pytorch", "jax"];

/**
 * The bucket of one type of released packages.
 *
 * @param question The release type and the type of packages.
 * @returns The bucket's name.
 * @throws {RunOutputsError} `invalid`, if the release type or the type does not exist.
 *
 * @example
 * ```ts
 * import { releaseBucket } from "@therock/run-outputs/layout";
 *
 * const bucket = releaseBucket({ releaseType: "nightly-bkc", type: "python" });
 * console.assert(bucket === "therock-nightly-python");
 * ```
 */
export function releaseBucket(question: ReleaseBucketQuestion): string {
  const release = releaseOf(question.releaseType);
  if (!TYPES.includes(question.type)) throw invalid("type", question.type, oneOf(TYPES));
  return `therock-${release.bucket}-${question.type}`;
}

/**
 * The package repository of a released product.
 *
 * @param question The release type and the product.
 * @returns The bucket, the role for writing, and the URL for reading.
 * @throws {RunOutputsError} `invalid`, if the release type or the product does not exist.
 *
 * @example
 * ```ts
 * import { releaseRepository } from "@therock/run-outputs/layout";
 *
 * const repository = releaseRepository({ releaseType: "prerelease", product: "jax" });
 * console.assert(repository.url === "https://rc.repo.amd.com/rocm/whl-next/");
 * ```
 */
export function releaseRepository(question: ReleaseRepositoryQuestion): ReleaseRepository {
  const { channel } = releaseOf(question.releaseType);
  const { product } = question;
  if (!PRODUCTS.includes(product)) throw invalid("product", product, oneOf(PRODUCTS));
  return {
    bucket: `therock-repo-amd-${channel}-${product}`,
    role: `arn:aws:iam::324352301041:role/therock-repo-${channel}-${product}`,
    url: `https://${channel}.repo.amd.com/rocm/whl-next/`,
  };
}

function releaseOf(releaseType: string): { readonly bucket: string; readonly channel: string } {
  const release = RELEASES.get(releaseType);
  if (release === undefined) throw invalid("release type", releaseType, oneOf(RELEASES.keys()));
  return release;
}

function oneOf(words: Iterable<string>): string {
  return `one of ${[...words].join(", ")}`;
}
