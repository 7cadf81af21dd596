/** The conditions of requests, by a table of cases that other servers test too. */

import assert from "node:assert/strict";
import {
  allowsRange,
  evaluateConditions,
  type Verdict,
} from "../../../src/service/objects/conditional.ts";
import { formatHttpDate, parseHttpDate } from "../../../src/service/objects/http_date.ts";

const MODIFIED = "Sun, 06 Nov 1994 08:49:37 GMT";
const BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER = "Sun, 06 Nov 1994 08:49:38 GMT";

/** The file was written within the second, and has a tag for its content and one for its version. */
const CURRENT = { etags: ['"a"', '"version,1"'], modified: new Date("1994-11-06T08:49:37.600Z") };

const CASES: readonly (readonly [Record<string, string>, Verdict])[] = [
  [{}, "send"],
  [{ "if-match": "*" }, "send"],
  [{ "if-match": ' "x" , "a"' }, "send"],
  [{ "if-match": '"version,1"' }, "send"],
  [{ "if-match": '"x", "y"' }, "failed"],
  [{ "if-match": 'W/"a"' }, "failed"],
  [{ "if-match": "a" }, "failed"],
  [{ "if-match": '"a' }, "failed"],
  [{ "if-match": "" }, "failed"],
  [{ "if-unmodified-since": MODIFIED }, "send"],
  [{ "if-unmodified-since": AFTER }, "send"],
  [{ "if-unmodified-since": BEFORE }, "failed"],
  [{ "if-unmodified-since": "yesterday" }, "send"],
  [{ "if-match": '"a"', "if-unmodified-since": BEFORE }, "send"],
  [{ "if-match": '"x"', "if-unmodified-since": AFTER }, "failed"],
  [{ "if-none-match": "*" }, "not-modified"],
  [{ "if-none-match": '"a"' }, "not-modified"],
  [{ "if-none-match": 'W/"a"' }, "not-modified"],
  [{ "if-none-match": '"x",, "y" , "a"' }, "not-modified"],
  [{ "if-none-match": '"version,1"' }, "not-modified"],
  [{ "if-none-match": '"version"' }, "send"],
  [{ "if-none-match": 'w/"a"' }, "send"],
  [{ "if-none-match": '"a" "b"' }, "send"],
  [{ "if-none-match": "a" }, "send"],
  [{ "if-modified-since": MODIFIED }, "not-modified"],
  [{ "if-modified-since": AFTER }, "not-modified"],
  [{ "if-modified-since": BEFORE }, "send"],
  [{ "if-modified-since": "0" }, "send"],
  [{ "if-modified-since": "Sunday, 06-Nov-94 08:49:37 GMT" }, "not-modified"],
  [{ "if-modified-since": "Sun Nov  6 08:49:37 1994" }, "not-modified"],
  [{ "if-none-match": '"x"', "if-modified-since": AFTER }, "send"],
  [{ "if-none-match": '"a"', "if-modified-since": BEFORE }, "not-modified"],
  [{ "if-match": '"x"', "if-none-match": '"a"' }, "failed"],
  [{ "if-match": '"a"', "if-none-match": '"a"' }, "not-modified"],
  [{ "if-unmodified-since": BEFORE, "if-modified-since": AFTER }, "failed"],
  [{ "if-unmodified-since": AFTER, "if-modified-since": AFTER }, "not-modified"],
];

for (const [headers, verdict] of CASES) {
  Deno.test(`evaluateConditions(): ${JSON.stringify(headers)} is '${verdict}'`, () => {
    assert.equal(evaluateConditions(new Headers(headers), CURRENT), verdict);
  });
}

Deno.test("allowsRange(): only the strong tag of this version, and no date", () => {
  const cases: readonly (readonly [string | undefined, boolean])[] = [
    [undefined, true],
    ['"a"', true],
    ['"version,1"', true],
    ['"x"', false],
    ['W/"a"', false],
    ['"a", "b"', false],
    ["*", false],
    [MODIFIED, false],
    [AFTER, false],
    ["", false],
  ];
  for (const [value, allowed] of cases) {
    const headers = new Headers(value === undefined ? {} : { "if-range": value });
    assert.equal(allowsRange(headers, CURRENT), allowed, value);
  }
});

Deno.test("parseHttpDate(): what is not a date is ignored", () => {
  for (
    const text of [
      "",
      "0",
      "1994-11-06T08:49:37Z",
      "Sun, 6 Nov 1994 08:49:37 GMT",
      "Sun, 06 Nov 1994 08:49:37 +0000",
      "Sun, 06 Nov 1994 08:49:37 GMT ",
      "Sun, 31 Feb 1994 08:49:37 GMT",
      "Sun, 06 Foo 1994 08:49:37 GMT",
      "Sun, 06 Nov 1994 24:49:37 GMT",
      "Sun, 06 Nov 1994 08:60:37 GMT",
      "Sun, 06 Nov 1994 08:49:61 GMT",
    ]
  ) assert.equal(parseHttpDate(text), undefined, text);
  const date = new Date("2026-11-30T13:44:19Z");
  assert.deepEqual(parseHttpDate(formatHttpDate(date)), date);
  assert.equal(
    parseHttpDate("Monday, 30-Nov-26 13:44:19 GMT")?.toISOString(),
    "2026-11-30T13:44:19.000Z",
  );
});
