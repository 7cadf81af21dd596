/** Documents in pieces. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { jsonStream, jsonText } from "../../src/layout/json_text.ts";
import { cases } from "../support/cases.ts";

Deno.test("jsonText(): the text of JSON.stringify(), less what would steer a terminal", () => {
  const value = fc.oneof(
    fc.jsonValue(),
    fc.array(fc.oneof(fc.jsonValue(), fc.constant(undefined))),
    fc.constant(undefined),
    fc.date({ noInvalidDate: true }),
    fc.constant('a\nb\u2028"c\\\u009b\u202e'),
  );
  fc.assert(
    fc.property(fc.dictionary(fc.string(), value), (document) => {
      const text = [...jsonText(document)].join("");
      const plain = `${JSON.stringify(document, null, 2)}\n`;
      assert.doesNotMatch(text.replaceAll("\n", ""), /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_C}]/u);
      const expected = plain.replace(
        /[\u007f-\u009f\u2028\u2029\p{Cs}\p{Bidi_C}]/gu,
        (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
      );
      assert.equal(text, expected);
    }),
    { numRuns: cases(500), examples: [[{}], [{ a: [], b: [undefined], c: {}, d: [[], {}] }]] },
  );
});

Deno.test("jsonText(): each item of a list is a piece, so that no piece is too long for a string", () => {
  const files = Array.from({ length: 1000 }, (_, i) => ({ path: `logs/${i}.log`, parts: ["a"] }));
  const pieces = [...jsonText({ schema: "x", files: files.values() })];
  assert.equal(pieces.join(""), `${JSON.stringify({ schema: "x", files }, null, 2)}\n`);
  assert(pieces.length > files.length);
  assert(Math.max(...pieces.map(({ length }) => length)) < 100);
});

Deno.test("jsonStream(): the text of jsonText(), of lists that come later too", async () => {
  const list = fc.array(fc.oneof(fc.jsonValue(), fc.constant(undefined)));
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(fc.string(), fc.oneof(fc.jsonValue(), list)),
      async (document) => {
        const later = Object.fromEntries(
          Object.entries(document).map(([name, value]) => [
            name,
            Array.isArray(value) ? ReadableStream.from(value) : value,
          ]),
        );
        const text = (await Array.fromAsync(jsonStream(later))).join("");
        assert.equal(text, [...jsonText(document)].join(""));
      },
    ),
    { numRuns: cases(200), examples: [[{}], [{ a: [], b: [undefined], c: [[], {}], d: 1 }]] },
  );
});
