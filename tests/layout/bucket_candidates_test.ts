import assert from "node:assert/strict";
import {
  bucketCandidates,
  type BucketCandidatesQuestion,
} from "../../src/layout/bucket_candidates.ts";
import { throwsWith } from "../support/errors.ts";

const places = (question: BucketCandidatesQuestion) =>
  bucketCandidates(question).map(({ bucket, externalRepo }) => `${bucket}/${externalRepo}`);

const MAIN = { repositories: ["ROCm/TheRock"], fork: false };

Deno.test("bucketCandidates(): the rules of the run's time come first, neighbours follow", () => {
  const today = ["therock-ci-artifacts/", "therock-artifacts/"];
  assert.deepEqual(places({ ...MAIN, createdAt: "2026-06-01T00:00:00Z" }), today);
  assert.deepEqual(places({ ...MAIN, createdAt: "2025-11-11T16:18:49Z" }), today);
  assert.deepEqual(places({ ...MAIN, createdAt: "2025-11-11T16:18:48Z" }), today.toReversed());
  assert.deepEqual(places({ ...MAIN, createdAt: "2025-11-11T17:18:48+01:00" }), today.toReversed());
});

Deno.test("bucketCandidates(): forks and other repositories have buckets and prefixes of their own", () => {
  const external = [
    "therock-ci-artifacts-external/ROCm-TheRock/",
    "therock-artifacts-external/ROCm-TheRock/",
  ];
  assert.deepEqual(places({ repositories: ["ROCm/TheRock"], fork: true }), external);
  assert.deepEqual(places({ repositories: ["ROCm/rocm-libraries"], fork: false }), [
    "therock-ci-artifacts-external/ROCm-rocm-libraries/",
    "therock-artifacts-external/ROCm-rocm-libraries/",
  ]);
  assert.deepEqual(
    places({
      repositories: ["ROCm/therock-releases-internal"],
      fork: false,
      createdAt: "2026-02-01T00:00:00Z",
    }),
    [
      "therock-artifacts-internal/ROCm-therock-releases-internal/",
      "therock-ci-artifacts-external/ROCm-therock-releases-internal/",
    ],
  );
});

Deno.test("bucketCandidates(): release types, whose prefix for forks changed over time", () => {
  const nightly = { repositories: ["a/b"], fork: false, releaseType: "nightly" };
  const now = ["therock-nightly-artifacts/", "therock-nightly-artifacts/a-b/"];
  assert.deepEqual(places({ ...nightly, createdAt: "2026-06-01T00:00:00Z" }), now);
  assert.deepEqual(places({ ...nightly, createdAt: "2026-03-01T00:00:00Z" }), now.toReversed());
  // One that the rules of before do not know.
  assert.deepEqual(
    places({ ...nightly, releaseType: "dev-bkc", createdAt: "2026-03-01T00:00:00Z" }),
    [
      "therock-dev-artifacts/",
    ],
  );
  assert.deepEqual(places({ ...MAIN, releaseType: "ci" }), places(MAIN));
  assert.deepEqual(places({ ...MAIN, releaseType: "release" }), ["therock-release-artifacts/"]);
});

Deno.test("bucketCandidates(): what is not known leaves more places", () => {
  assert.deepEqual(places({ repositories: ["ROCm/TheRock"] }), [
    "therock-ci-artifacts/",
    "therock-artifacts/",
    "therock-ci-artifacts-external/ROCm-TheRock/",
    "therock-artifacts-external/ROCm-TheRock/",
  ]);
  // Asked for in another spelling, or by a name of the past.
  assert.deepEqual(places({ repositories: ["ROCm/TheRock", "rocm/therock"], fork: false }), [
    "therock-ci-artifacts/",
    "therock-artifacts/",
    "therock-ci-artifacts-external/rocm-therock/",
    "therock-artifacts-external/rocm-therock/",
  ]);
});

Deno.test("bucketCandidates(): each place says which rule names it", () => {
  const [own, other] = bucketCandidates({ ...MAIN, createdAt: "2025-10-01T00:00:00Z" });
  assert.match(
    own.why,
    /^ci run of ROCm\/TheRock, by the rules up to 2025-11-11T16:18:48Z \(created/,
  );
  assert.match(other.why, /before 2026-04, not the rules of its time$/);
});

Deno.test("bucketCandidates(): bad values are named", () => {
  throwsWith(() => bucketCandidates({ repositories: ["x"] }), "invalid", "repository");
  throwsWith(
    () => bucketCandidates({ ...MAIN, createdAt: "2026-01-01" }),
    "invalid",
    "creation date",
  );
  throwsWith(() => bucketCandidates({ ...MAIN, releaseType: "nightlies" }), "invalid", "nightlies");
  throwsWith(() => bucketCandidates({ ...MAIN, releaseType: "" }), "invalid");
});
