import { strict as assert } from "node:assert";
import fc from "fast-check";
import { checksumMismatch } from "../../src/errors/checksum_mismatch.ts";
import { invalid, quote, RunOutputsError } from "../../src/errors/error.ts";

Deno.test("RunOutputsError: by default only transient errors can be retried", () => {
  assert.equal(new RunOutputsError("transient", "m").retryable, true);
  assert.equal(new RunOutputsError("failed", "m").retryable, false);
  assert.equal(new RunOutputsError("failed", "m", { retryable: true }).retryable, true);
});

Deno.test("RunOutputsError: keeps its cause, if one was given", () => {
  const cause = new Error("below");
  assert.equal(new RunOutputsError("failed", "m", { cause }).cause, cause);
  assert.equal("cause" in new RunOutputsError("failed", "m"), false);
});

Deno.test("invalid(): names the field, the value and what was expected", () => {
  assert.equal(
    invalid("run id", "a b", "a number").message,
    `Invalid run id "a b": expected a number`,
  );
});

Deno.test("quote(): escapes what breaks the line, steers a terminal or reorders text", () => {
  assert.equal(quote("a\u2028b"), '"a\\u2028b"');
  assert.equal(quote("a\u009b31mb"), '"a\\u009b31mb"');
  assert.equal(quote("a\u202eb"), '"a\\u202eb"');
  assert.equal(quote("ü"), '"ü"');
});

Deno.test("quote(): shows values that have no text of their own", () => {
  assert.equal(quote(Object.create(null)), "[object Object]");
  assert.equal(quote(undefined), "undefined");
  assert.equal(quote(null), "null");
  assert.equal(quote(5), "5");
});

Deno.test("quote(): the result is one well-formed line of at most 120 characters", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
      const shown = quote(text);
      assert(shown.length <= 120);
      assert(shown.isWellFormed());
      assert.doesNotMatch(shown, /[\p{Cc}\p{Zl}\p{Zp}]/u);
    }),
  );
});

Deno.test("quote(): a long text is not cut in the middle of a character", () => {
  assert.equal(quote(`${"a".repeat(117)}😀b`), `"${"a".repeat(117)}…`);
});

Deno.test("checksumMismatch(): the message has both hashes, the error the actual one", () => {
  const hashes = { expected: "a".repeat(64), actual: "b".repeat(64) };
  const error = checksumMismatch("Cannot write 'x'", hashes, "download it again");
  assert.equal(error.code, "integrity");
  assert.equal(error.actualSha256, hashes.actual);
  assert.equal(
    error.message,
    `Cannot write 'x': checksum mismatch (expected ${hashes.expected}, got ${hashes.actual}); ` +
      "download it again",
  );
  assert.equal(checksumMismatch("x", hashes).message.includes(";"), false);
});
