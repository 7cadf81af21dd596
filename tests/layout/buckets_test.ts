import { strict as assert } from "node:assert";
import { bucketInfo, BUCKETS } from "../../src/layout/bucket_inventory.ts";
import { type BucketRules, selectBucket } from "../../src/layout/buckets.ts";
import { releaseBucket, releaseRepository } from "../../src/layout/release_buckets.ts";
import { assertInvalid, conformance } from "./support.ts";

Deno.test("selectBucket(): the cut-over is an instant, whatever the zone it is written in", () => {
  const bucket = (createdAt?: string) =>
    selectBucket({ repository: "ROCm/TheRock", fork: false, rules: "2026-03", createdAt }).bucket;
  assert.equal(bucket("2025-11-11T16:18:48Z"), "therock-artifacts");
  assert.equal(bucket("2025-11-11T17:18:48+01:00"), "therock-artifacts");
  assert.equal(bucket("2025-11-11T16:18:48.001Z"), "therock-ci-artifacts");
  assert.equal(bucket("2025-11-11T16:18:49-05:00"), "therock-ci-artifacts");
  assert.equal(bucket("2025-11-11T11:18:48-05:00"), "therock-artifacts");
  assert.equal(bucket(undefined), "therock-ci-artifacts");
});

Deno.test("selectBucket(): rejects invalid and ambiguous dates", () => {
  for (const rules of ["2026-03", "2026-08"] as const) {
    for (
      const createdAt of [
        "",
        "yesterday",
        "2025-11-11",
        "2025-11-11T16:18:48",
        "2025-13-01T00:00:00Z",
      ]
    ) {
      assertInvalid(
        () => selectBucket({ repository: "ROCm/TheRock", fork: false, rules, createdAt }),
        "creation date",
        JSON.stringify(createdAt),
      );
    }
  }
});

Deno.test("selectBucket(): the internal repository has its own bucket, its forks do not", () => {
  const repository = "ROCm/therock-releases-internal";
  const bucket = (fork: boolean, createdAt?: string) =>
    selectBucket({ repository, fork, rules: "2026-03", createdAt }).bucket;
  assert.equal(bucket(false), "therock-artifacts-internal");
  assert.equal(bucket(false, "2025-01-01T00:00:00Z"), "therock-artifacts-internal");
  assert.equal(bucket(true), "therock-ci-artifacts-external");
});

Deno.test("selectBucket(): release type 'release' is for readers only", () => {
  const question = { repository: "ROCm/TheRock", fork: false, releaseType: "release" };
  assert.equal(selectBucket({ ...question, reading: true }).bucket, "therock-release-artifacts");
  assertInvalid(() => selectBucket(question), "release type", `"release"`, "prerelease");
  assertInvalid(() => selectBucket({ ...question, reading: true, rules: "2026-03" }), "release");
});

Deno.test("selectBucket(): errors name the release type, the rules, the repository", () => {
  const question = { repository: "ROCm/TheRock", fork: false };
  for (const releaseType of ["bogus", "constructor", "__proto__", "CI", ""]) {
    assertInvalid(
      () => selectBucket({ ...question, releaseType, releaseTypeName: "RELEASE_TYPE" }),
      `Invalid RELEASE_TYPE ${JSON.stringify(releaseType)}`,
      "ci, dev, dev-bkc, nightly, nightly-bkc, prerelease",
    );
  }
  assertInvalid(
    () => selectBucket({ ...question, rules: "toString" as BucketRules }),
    "bucket rules",
  );
  assertInvalid(
    () => selectBucket({ ...question, repository: "TheRock" }),
    "repository",
    "TheRock",
  );
});

Deno.test("selectBucket(): a repository called like an object's method is just a repository", () => {
  const choice = selectBucket({ repository: "a/constructor", fork: false, rules: "2026-03" });
  assert.equal(choice.bucket, "therock-ci-artifacts-external");
});

Deno.test("selectBucket(): says why in one line", () => {
  const { why } = selectBucket({
    repository: "ROCm/TheRock",
    fork: true,
    rules: "2026-03",
    createdAt: "2025-01-01T00:00:00Z",
  });
  assert.equal(
    why,
    "CI fork's run of ROCm/TheRock created 2025-01-01T00:00:00Z, not after 2025-11-11T16:18:48Z, " +
      "by the bucket rules of 2026-03",
  );
});

Deno.test("selectBucket(): every bucket it can name is in the inventory", () => {
  for (const rules of ["2026-03", "2026-08"] as const) {
    for (const repository of ["ROCm/TheRock", "ROCm/therock-releases-internal", "a/b"]) {
      for (const releaseType of [undefined, "dev", "nightly", "prerelease"]) {
        for (const createdAt of [undefined, "2025-01-01T00:00:00Z"]) {
          const { bucket } = selectBucket({
            repository,
            fork: false,
            rules,
            releaseType,
            createdAt,
          });
          assert.notEqual(bucketInfo(bucket), undefined, bucket);
        }
      }
    }
  }
});

Deno.test("BUCKETS: name, region and role of each, and the retired ones", () => {
  const expected = conformance<{ name: string; region: string; role: string | null }[]>("buckets");
  assert.equal(expected.length, 18);
  assert.deepEqual(
    BUCKETS.filter((bucket) => !bucket.retired).map(({ name, region, role }) => ({
      name,
      region,
      role,
    })),
    expected,
  );
  assert.deepEqual(
    BUCKETS.filter((bucket) => bucket.retired).map(({ name, role }) => ({ name, role })),
    [
      { name: "therock-artifacts", role: null },
      { name: "therock-artifacts-external", role: null },
      { name: "therock-artifacts-internal", role: null },
    ],
  );
  assert.equal(bucketInfo("nowhere"), undefined);
  assert.equal(bucketInfo("therock-nightly-python")?.type, "python");
});

interface ReleaseRow {
  rt: string;
  type?: string;
  product?: string;
  out: string | [string, string, string];
}

Deno.test("releaseBucket(), releaseRepository(): all conformance rows", async (t) => {
  const rows = conformance<ReleaseRow[]>("release_buckets");
  assert.equal(rows.length, 72);
  for (const row of rows) {
    await t.step(`${row.rt || "(empty)"} ${row.type ?? row.product}`, () => {
      const releaseType = row.rt;
      const call = () => {
        if (row.type !== undefined) {
          return releaseBucket({ releaseType, type: row.type as "python" });
        }
        const product = row.product as "core";
        const { bucket, role, url } = releaseRepository({ releaseType, product });
        return [bucket, role, url];
      };
      if (row.out === "error") assertInvalid(call);
      else assert.deepEqual(call(), row.out);
    });
  }
});
