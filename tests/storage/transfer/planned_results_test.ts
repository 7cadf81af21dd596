/** Results in little memory are those that were added, in the order of their keys. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { RunOutputsError } from "../../../src/errors/error.ts";
import { compareKeys } from "../../../src/layout/compare_keys.ts";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { PackedHashes, PackedTexts } from "../../../src/storage/packed_texts.ts";
import {
  PlannedResults,
  type PlannedTransfers,
} from "../../../src/storage/transfer/planned_results.ts";
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

type Planned = Pick<TransferResult, "location" | "path" | "size" | "sha256">;

/** A plan of files in any order. */
function planOf(files: readonly Planned[]): PlannedTransfers {
  const order = [...files.keys()]
    .sort((a, b) => compareKeys(files[a].location.key, files[b].location.key));
  return {
    length: files.length,
    at: (index) => files[index],
    contentAt: (index) => files[index],
    indexOf: (location) => files.findIndex((file) => file.location.equals(location)),
    inKeyOrder: () => order,
  };
}

/** A result, and what was planned for its location, if anything: the same, or something else. */
const planned = fc.record({
  result,
  plan: fc.constantFrom(undefined, "as it is", "other path", "other content"),
}).map(({ result, plan }) => {
  const { location, path, size, sha256 } = result;
  const other = plan === "other content" ? { size: 9, sha256: "f".repeat(64) } : { size, sha256 };
  const file = { location, path: plan === "other path" ? "elsewhere" : path, ...other };
  return { result, file: plan === undefined ? undefined : file };
});

Deno.test("PlannedResults: gives back what was added, sorted", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(planned, { selector: ({ result }) => result.location.key, maxLength: 40 }),
      (all) => {
        const files = all.flatMap(({ file }) => file ?? []);
        const results = all.map(({ result }) => result);
        const packed = new PlannedResults(planOf(files), { etags: true });
        const half = results.length >> 1;
        packed.push(...results.slice(0, half));
        // What is added after a first look is in its place too.
        assert.equal([...packed].length, half);
        packed.push(...results.slice(half));
        // One that is added again replaces the first.
        packed.push(...results.slice(0, half));
        assert.equal(packed.length, results.length);
        const sorted = results.toSorted((a, b) => compareKeys(a.location.key, b.location.key));
        assert.deepEqual([...packed].map(given), sorted.map(given));
        for (const one of results) assert.deepEqual(given(packed.find(one.location)!), given(one));
      },
    ),
    { numRuns: cases(300) },
  );
});

Deno.test("PlannedResults: two failures for one location are both kept", () => {
  const location = new OutputLocation("bucket", "1-linux/logs/a.log");
  const packed = new PlannedResults(planOf([{ location, path: "/b", size: 1 }]));
  const error = new RunOutputsError("failed", "broken");
  const failures = ["/a", "/b", "/c"].map((path) =>
    ({ location, path, outcome: "failed", warnings: [], error }) as const
  );
  packed.push(...failures);
  assert.deepEqual([...packed].map(({ path }) => path).sort(), ["/a", "/b", "/c"]);
  assert.equal(packed.length, 3);
  const one = new PlannedResults(planOf([]), { onePerLocation: true });
  one.push(...failures);
  assert.deepEqual([...one].map(({ path }) => path), ["/c"]);
});

Deno.test("PlannedResults: a result without an etag replaces one with an etag", () => {
  const file = { location: new OutputLocation("bucket", "1-linux/a"), path: "/a", size: 1 };
  const packed = new PlannedResults(planOf([file]), { etags: true });
  packed.push({ ...file, outcome: "written", etag: '"e"', warnings: [] });
  packed.push({ ...file, outcome: "unchanged", warnings: [] });
  assert.equal(packed.at(0)?.etag, undefined);
});

Deno.test("PlannedResults: without etags, if nobody wants them", () => {
  const location = new OutputLocation("bucket", "1-linux/a");
  const file = { location, path: "/a", size: 1 };
  const packed = new PlannedResults(planOf([file]));
  packed.push({ ...file, outcome: "written", etag: '"e"', warnings: [] });
  assert.equal(packed.at(0)?.etag, undefined);
});

Deno.test("PackedHashes: a hash of zeros is one, and none is none", () => {
  const hashes = new PackedHashes();
  const hashOf = (i: number) => i.toString(16).padStart(64, "0");
  for (let i = 0; i < 70_000; i += 2) hashes.set(i, hashOf(i));
  for (const i of [0, 2, 31_774, 31_776, 69_998]) assert.equal(hashes.at(i), hashOf(i));
  for (const i of [1, 31_775, 69_999, 1_000_000]) assert.equal(hashes.at(i), undefined);
  hashes.set(2, undefined);
  hashes.set(1_000_000, undefined);
  assert.deepEqual([hashes.at(2), hashes.at(1_000_000)], [undefined, undefined]);
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
