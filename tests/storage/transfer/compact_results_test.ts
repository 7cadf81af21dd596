/** Results in little memory are those that were added, in the order of their keys. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { RunOutputsError } from "../../../src/errors/error.ts";
import { compareKeys } from "../../../src/layout/compare_keys.ts";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { PackedTexts } from "../../../src/storage/packed_texts.ts";
import { CompactResults } from "../../../src/storage/transfer/compact_results.ts";
import type { TransferResult } from "../../../src/storage/transfer/transfer.ts";
import { cases } from "../../support/cases.ts";

const segment = fc.constantFrom("a", "b", "a.b", "ä", "\uffee", "😀", "1-linux");
const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"));
const result: fc.Arbitrary<TransferResult> = fc.record({
  location: fc.tuple(fc.constantFrom("bucket", "other"), path)
    .map(([bucket, key]) => new OutputLocation(bucket, key)),
  path: fc.tuple(fc.constantFrom("", "/", "/src/", "s3://b/"), path).map((texts) => texts.join("")),
  outcome: fc.constantFrom("written", "unchanged", "skipped", "planned", "failed"),
  size: fc.constantFrom(undefined, 0, 7, 2 ** 40),
  sha256: fc.constantFrom(undefined, "0".repeat(64), "0123456789abcdef".repeat(4)),
  etag: fc.constantFrom(undefined, "", '"e"'),
  warnings: fc.constantFrom([], [], ["replaced"]),
  resumed: fc.constantFrom(undefined, undefined, 3),
  error: fc.constantFrom(undefined, undefined, new RunOutputsError("failed", "broken")),
});

/** A result without members that are `undefined`. */
function given(result: TransferResult) {
  return Object.fromEntries(Object.entries(result).filter(([, value]) => value !== undefined));
}

Deno.test("CompactResults: gives back what was added, sorted", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(result, { selector: ({ location }) => location.key, maxLength: 40 }),
      (results) => {
        const compact = new CompactResults();
        const half = results.length >> 1;
        for (const one of results.slice(0, half)) compact.push(one);
        // What is added after a first look is in its place too.
        assert.equal([...compact].length, half);
        for (const one of results.slice(half)) compact.push(one);
        assert.equal(compact.length, results.length);
        const sorted = results.toSorted((a, b) => compareKeys(a.location.key, b.location.key));
        assert.deepEqual([...compact].map(given), sorted.map(given));
      },
    ),
    { numRuns: cases(300) },
  );
});

Deno.test("CompactResults: many files of many directories", () => {
  const compact = new CompactResults();
  const sha256Of = (i: number) => i.toString(16).padStart(64, "0");
  const nameOf = (i: number) => `d${i % 7}/${"x".repeat(i % 300)}${i}`;
  for (let i = 0; i < 40_000; i++) {
    compact.push({
      location: new OutputLocation("bucket", `1-linux/${nameOf(i)}`),
      path: `/src/${nameOf(i)}`,
      outcome: "written",
      size: i,
      sha256: sha256Of(i),
      warnings: [],
    });
  }
  let count = 0;
  for (const { location, path, size = -1, sha256 } of compact) {
    assert.equal(location.key, `1-linux/${nameOf(size)}`);
    assert.deepEqual([path, sha256], [`/src/${nameOf(size)}`, sha256Of(size)]);
    count++;
  }
  assert.equal(count, 40_000);
});

Deno.test("PackedTexts: an empty text after a piece that is exactly full", () => {
  const texts = new PackedTexts();
  // Each is followed by room for three bytes per character, until the last one fills the piece.
  const all = [..."a".repeat(2 ** 20 - 3).match(/.{1,1000}/g)!.slice(0, -3)];
  let left = 2 ** 20 - all.join("").length;
  for (; left > 3; left -= all.at(-1)!.length) all.push("a".repeat(Math.floor(left / 3)));
  all.push("€", "", "");
  for (const text of all) texts.push(text);
  assert.deepEqual(all.map((_, i) => texts.at(i)), all);
});

Deno.test("PackedTexts: texts are found in any order", () => {
  const texts = new PackedTexts();
  const all = Array.from({ length: 300 }, (_, i) => `d${String(i).padStart(3, "0")}/ä`);
  for (const text of all) texts.push(text);
  const backwards = all.toReversed();
  for (const order of [all, backwards, all.map((_, i) => all[i * 7 % 300]), all]) {
    for (const text of order) assert.equal(texts.indexOf(text), all.indexOf(text));
    assert.equal(texts.indexOf("d000"), -1);
  }
});
