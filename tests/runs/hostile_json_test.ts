/** Documents of a run that somebody else has written: one clear error, whatever is in them. */

import assert from "node:assert/strict";
import { EXPECTED_SCHEMA, formatExpected, parseExpected } from "../../src/runs/expected_parts.ts";
import { EXPORT_SCHEMA, parseExportIndex } from "../../src/runs/export_index.ts";
import { formatPart } from "../../src/runs/format_part.ts";
import { parsePart } from "../../src/runs/manifest.ts";
import { PartReader } from "../../src/runs/part_reader.ts";
import { describeUnfinished, pendingOf, unlistedOf } from "../../src/runs/unfinished_part.ts";
import { hostileTexts, wrongReading } from "../support/hostile_json.ts";
import { manifestPart, outputFile } from "../support/manifest.ts";

const PART = manifestPart("p", [outputFile("a")], {
  writer: { job: "j", runner: "r" },
  pages: ["index.html"],
});

const MARKER = { ...PART, pending: ["b", "c"], unlisted: ["build/d"] };

function readPart(text: string) {
  const reader = new PartReader("example");
  const files = reader.push(new TextEncoder().encode(text));
  return { ...reader.end(), files };
}

const READERS: Readonly<Record<string, readonly [document: unknown, read: (t: string) => void]>> = {
  "a part": [PART, (text) => void formatPart(parsePart(text, "example"))],
  "a part that is streamed": [PART, (text) => void formatPart(readPart(text))],
  "a marker": [MARKER, (text) => {
    const head = readPart(text);
    const [pending, unlisted] = [pendingOf(head), unlistedOf(head)];
    describeUnfinished({ part: head.part, pending, unlisted });
  }],
  "a list of expected parts": [
    { schema: EXPECTED_SCHEMA, parts: ["a", "b"], more: 1 },
    (text) => void formatExpected(parseExpected(text, "example")),
  ],
  "an export's index": [
    {
      schema: EXPORT_SCHEMA,
      tool: "t",
      runs: [{
        bucket: "therock-ci-artifacts",
        prefix: "1-linux",
        files: [{ path: "a", size: 1, sha256: "0".repeat(64), content_type: "text/plain" }],
      }],
    },
    (text) => void parseExportIndex(text, "example"),
  ],
};

for (const [name, [document, read]] of Object.entries(READERS)) {
  Deno.test(`${name}: whatever a member is, it is read or rejected in one line`, () => {
    read(JSON.stringify(document));
    let count = 0;
    for (const text of hostileTexts(document)) {
      count++;
      const wrong = wrongReading(() => read(text));
      if (wrong !== undefined) assert.fail(`${text.slice(0, 300)}\n${wrong.slice(0, 1000)}`);
    }
    assert(count > 30);
  });
}

Deno.test("a marker's paths are checked as a part's are", () => {
  for (const pending of [[1], "x", ["../../x"], ["a\nb"], [""], [{ toString: 1 }]]) {
    assert.throws(() => readPart(JSON.stringify({ ...PART, pending })), { code: "integrity" });
  }
});
