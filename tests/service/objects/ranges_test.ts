/** Ranges of bytes, by a table of cases that other servers test too. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { contentRange, multipartFrame, parseRanges } from "../../../src/service/objects/ranges.ts";

/** Of a file of 10 bytes: the header, and the ranges as `start-end`, the end excluded. */
const CASES: readonly (readonly [string | null, string])[] = [
  [null, "whole"],
  ["", "whole"],
  ["bytes", "whole"],
  ["bytes=", "whole"],
  ["bytes=,", "whole"],
  ["bytes=-", "whole"],
  ["bytes=a-b", "whole"],
  ["bytes=1", "whole"],
  ["bytes=1-2-3", "whole"],
  ["bytes=5-2", "whole"],
  ["bytes=0-1,5-2", "whole"],
  ["bytes=0-1,x", "whole"],
  ["bytes=--1", "whole"],
  ["bytes=+1-2", "whole"],
  ["bytes=0x1-2", "whole"],
  ["bytes= 1 - 2", "whole"],
  ["items=0-1", "whole"],
  ["bytes =0-1", "whole"],
  ["bytes=0-0", "0-1"],
  ["Bytes=0-0", "0-1"],
  ["bytes=0-", "0-10"],
  ["bytes=9-", "9-10"],
  ["bytes=2-5", "2-6"],
  ["bytes=002-05", "2-6"],
  ["bytes=5-100", "5-10"],
  ["bytes=0-18446744073709551616", "0-10"],
  [`bytes=0-${"9".repeat(400)}`, "0-10"],
  ["bytes=-3", "7-10"],
  ["bytes=-10", "0-10"],
  ["bytes=-100", "0-10"],
  ["bytes=-18446744073709551616", "0-10"],
  ["bytes=10-", "unsatisfiable"],
  ["bytes=10-20", "unsatisfiable"],
  ["bytes=-0", "unsatisfiable"],
  ["bytes=18446744073709551616-", "unsatisfiable"],
  ["bytes=18446744073709551616-18446744073709551617", "unsatisfiable"],
  ["bytes=0-1,3-4", "0-2 3-5"],
  ["bytes= 0-1 ,, 3-4 ", "0-2 3-5"],
  ["bytes=0-1,2-3", "0-2 2-4"],
  ["bytes=0-1,-2", "0-2 8-10"],
  ["bytes=0-1,20-30", "0-2"],
  ["bytes=20-30,0-1", "0-2"],
  ["bytes=20-30,40-", "unsatisfiable"],
  ["bytes=0-5,5-9", "unsatisfiable"],
  ["bytes=0-,0-", "unsatisfiable"],
  ["bytes=3-4,0-1", "unsatisfiable"],
  ["bytes=5-,-9", "unsatisfiable"],
  ["bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7", "0-1 1-2 2-3 3-4 4-5 5-6 6-7 7-8"],
  ["bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8", "unsatisfiable"],
  [`bytes=${Array.from({ length: 1000 }, (_, i) => `${i}-${i}`).join()}`, "unsatisfiable"],
];

for (const [header, expected] of CASES) {
  Deno.test(`parseRanges(): ${String(header).slice(0, 60)}`, () => {
    const ranges = parseRanges(header, 10);
    const shown = typeof ranges === "string"
      ? ranges
      : ranges.map(({ start, end }) => `${start}-${end}`).join(" ");
    assert.equal(shown, expected);
  });
}

Deno.test("parseRanges(): an empty file has no ranges", () => {
  for (const header of ["bytes=0-", "bytes=-1", "bytes=0-0"]) {
    assert.equal(parseRanges(header, 0), "unsatisfiable", header);
  }
});

Deno.test("parseRanges(): ranges are inside the file, ascending, and do not overlap", () => {
  const number = fc.oneof(fc.nat(30), fc.maxSafeNat()).map(String);
  const spec = fc.tuple(fc.option(number, { nil: "" }), fc.option(number, { nil: "" }))
    .map(([a, b]) => `${a}-${b}`);
  const header = fc.array(spec, { maxLength: 10 }).map((specs) => `bytes=${specs.join()}`);
  fc.assert(fc.property(header, fc.nat(40), (header, size) => {
    const ranges = parseRanges(header, size);
    if (typeof ranges === "string") return;
    let at = 0;
    for (const { start, end } of ranges) {
      assert(at <= start && start < end && end <= size);
      at = end;
    }
    assert(ranges.length >= 1 && ranges.length <= 8);
  }));
});

Deno.test("multipartFrame(): its length is that of the whole answer", () => {
  const ranges = [{ start: 0, end: 2 }, { start: 5, end: 6 }];
  const { heads, tail, length } = multipartFrame(ranges, 10, "text/plain", "BOUNDARY");
  const decoder = new TextDecoder();
  const text = `${decoder.decode(heads[0])}ab${decoder.decode(heads[1])}f${decoder.decode(tail)}`;
  assert.equal(
    text,
    "--BOUNDARY\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\nab" +
      "\r\n--BOUNDARY\r\nContent-Type: text/plain\r\nContent-Range: bytes 5-5/10\r\n\r\nf" +
      "\r\n--BOUNDARY--\r\n",
  );
  assert.equal(length, text.length);
  assert.equal(contentRange(undefined, 10), "bytes */10");
});
