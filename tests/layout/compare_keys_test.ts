/** The order of keys is that of their bytes. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { compareKeys } from "../../src/layout/compare_keys.ts";
import { cases } from "../support/cases.ts";

function compareBytes(a: string, b: string): number {
  const encoder = new TextEncoder();
  const [x, y] = [encoder.encode(a), encoder.encode(b)];
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    if (x[i] !== y[i]) return x[i] - y[i];
  }
  return x.length - y.length;
}

Deno.test("compareKeys(): the same as comparing the bytes of UTF-8", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({
      unit: fc.constantFrom("a", "/", "-", "é", "\uE000", "\uFFFD", "😀", "𝄞", "\uFB01"),
    }),
  );
  fc.assert(
    fc.property(text, text, text, (a, b, common) => {
      for (const [x, y] of [[a, b], [common + a, common + b], [a, a + b]]) {
        assert.equal(Math.sign(compareKeys(x, y)), Math.sign(compareBytes(x, y)));
      }
    }),
    { numRuns: cases(500) },
  );
});

Deno.test("compareKeys(): beyond U+FFFF comes after U+FFFF", () => {
  const keys = ["\u{1F600}", "\uFB01", "a", "é", "a/b", "a-b", ""];
  assert.deepEqual(keys.sort(compareKeys), ["", "a", "a-b", "a/b", "é", "\uFB01", "\u{1F600}"]);
});
