import { strict as assert } from "node:assert";
import { checkBucket, checkKey, checkRepository, checkSegment } from "../../src/layout/validate.ts";
import { assertInvalid } from "./support.ts";

Deno.test("checkSegment(): rejects anything but one name, naming field and value", () => {
  for (const bad of ["", ".", "..", "a/b", "a\\b", "a\nb", "a\u0000", "\ud800", "\u2028"]) {
    assertInvalid(() => checkSegment("stage", bad), "stage");
  }
  assertInvalid(() => checkSegment("stage", "a/b"), `Invalid stage "a/b"`);
  assertInvalid(() => checkSegment("stage", undefined as unknown as string), "undefined");
});

Deno.test("checkSegment(): the limit is 255 bytes, not characters", () => {
  assert.equal(checkSegment("name", "ü".repeat(127)), "ü".repeat(127));
  assertInvalid(() => checkSegment("name", "ü".repeat(128)), "255 bytes");
});

Deno.test("checkSegment(): accepts names that only look dangerous", () => {
  for (const good of ["...", "..a", "gfx942:xnack+", "a b", "-rf", "~"]) {
    assert.equal(checkSegment("name", good), good);
  }
});

Deno.test("checkKey(): rejects empty and dot segments", () => {
  for (const bad of ["/", "/a", "a/", "a//b", ".", "a/./b", "a/../b", "..", "a\n", "a/\udc00"]) {
    assertInvalid(() => checkKey("path", bad), "path");
  }
  assertInvalid(() => checkKey("path", "a/".repeat(512) + "a"), "1024 bytes");
  assert.equal(checkKey("path", ""), "");
  assert.equal(checkKey("path", "a\\b/c"), "a\\b/c");
});

Deno.test("checkBucket(): rejects names that S3 does not allow", () => {
  for (const bad of ["", "ab", "A-b", "a_b", "-ab", "a..b", "192.168.0.1", "a".repeat(64)]) {
    assertInvalid(() => checkBucket("bucket", bad), "bucket");
  }
  for (const uri of ["s3://name", "s3://name/", "s3://name/1-linux/a"]) {
    assertInvalid(() => checkBucket("bucket", uri), "the bucket's name alone: name");
  }
  assert.equal(checkBucket("bucket", "therock-ci-artifacts"), "therock-ci-artifacts");
});

Deno.test("checkRepository(): accepts an owner and a name joined by one slash", () => {
  for (
    const bad of ["", "TheRock", "ROCm/", "/TheRock", "a/b/c", "a/..", "a/.", "a b/c", "a/b\n"]
  ) {
    assertInvalid(() => checkRepository("repository", bad), "repository", "OWNER/NAME");
  }
  for (const good of ["ROCm/TheRock", "some-one_corp/.github", "a/b.c"]) {
    assert.equal(checkRepository("repository", good), good);
  }
});
