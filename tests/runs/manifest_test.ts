/** The text of a part: what is taken, what is refused, what is kept. */

import assert from "node:assert/strict";
import { addExpected, formatExpected, parseExpected } from "../../src/runs/expected_parts.ts";
import { formatPart } from "../../src/runs/format_part.ts";
import { manifestJsonSchema, parsePart } from "../../src/runs/manifest.ts";
import { PartReader } from "../../src/runs/part_reader.ts";
import { errorOf } from "../support/errors.ts";
import { assertGolden } from "../support/golden.ts";
import { manifestPart, outputFile } from "../support/manifest.ts";

const GOOD = manifestPart("g", [outputFile("b/c.log"), outputFile("a.txt")]);

/** Both readers: the one for texts, and the one for streams. */
const READERS: readonly (readonly [string, (text: string) => unknown])[] = [
  ["parsePart()", (text) => parsePart(text, "P")],
  ["PartReader", (text) => {
    const reader = new PartReader("P");
    const files = reader.push(new TextEncoder().encode(text));
    return { ...reader.end(), files };
  }],
];

// deno-lint-ignore no-explicit-any -- the test breaks what it gets
function changed(change: (part: any) => void): string {
  const part = structuredClone(GOOD);
  change(part);
  return JSON.stringify(part);
}

for (const [name, read] of READERS) {
  Deno.test(`${name}: what is written is read, members of newer versions included`, () => {
    const part = {
      ...GOOD,
      future: { a: [1] },
      run: { ...GOOD.run, future: 2 },
      files: [outputFile("a", "a", { future: "3" })],
    };
    assert.deepEqual(read(formatPart(part)), part);
    assert.equal(formatPart(read(formatPart(part)) as typeof part), formatPart(part));
    assert.deepEqual(read(formatPart({ ...GOOD, files: [] })), { ...GOOD, files: [] });
  });

  Deno.test(`${name}: a newer schema is rejected with advice, whatever else it has`, () => {
    for (const files of [GOOD.files, [{ name: "a" }], "elsewhere"]) {
      const text = JSON.stringify({ ...GOOD, schema: "run-outputs.manifest/2", files });
      const error = errorOf(() => read(text));
      assert.equal(error.code, "failed");
      assert.match(error.message, /'P'.*manifest\/2.*manifest\/1: use a newer run-outputs/);
    }
    const last = `{"files":[{"name":1}],"schema":"run-outputs.manifest/3"}`;
    assert.match(errorOf(() => read(last)).message, /manifest\/3.*use a newer/);
  });

  Deno.test(`${name}: an invalid part is an error with its name and the reason`, () => {
    const table: readonly (readonly [string, RegExp])[] = [
      ["", /not JSON/],
      ["[]", /not/],
      ["null", /not/],
      ["{}", /schema is undefined/],
      [`{"schema":"something/1"}`, /schema is "something\/1", expected run-outputs.manifest\/1/],
      [formatPart(GOOD).slice(0, -3), /not JSON/],
      [`${formatPart(GOOD)}x`, /not JSON/],
      [changed((part) => delete part.layout), /layout/],
      [changed((part) => part.layout = "odd"), /layout/],
      [changed((part) => delete part.run.run_id), /run\.run_id/],
      [changed((part) => part.run.platform = "beos"), /run\.platform/],
      [changed((part) => part.created_at = "yesterday"), /created_at/],
      [changed((part) => delete part.files), /files is not a list/],
      [changed((part) => part.files = {}), /files is not a list/],
      [changed((part) => part.files[1] = 7), /files\.1/],
      [changed((part) => part.files[1].size = -1), /files\.1\.size/],
      [changed((part) => part.files[1].size = 2 ** 60), /files\.1\.size/],
      [changed((part) => part.files[0].sha256 = "abc"), /files\.0\.sha256/],
      [changed((part) => part.files[0].sha256 = "A".repeat(64)), /files\.0\.sha256/],
      [changed((part) => part.pages = ["../x"]), /pages/],
      [changed((part) => part.files = [GOOD.files[1], GOOD.files[1]]), /lists "a.txt" twice/],
    ];
    for (const [text, reason] of table) {
      const error = errorOf(() => read(text));
      assert.equal(error.code, "integrity", text);
      assert.match(error.message, reason);
      assert.match(error.message, /^Cannot read the outputs manifest 'P': [^\n]+$/);
    }
  });

  Deno.test(`${name}: no path leads out of the run`, () => {
    for (const path of ["../x", "a/../b", "/etc/passwd", "a//b", "a/", ".", "a\nb", "\ud800", ""]) {
      const error = errorOf(() => read(changed((part) => part.files[0].path = path)));
      assert.equal(error.code, "integrity", path);
      assert.match(error.message, /files\.0\.path/);
    }
  });
}

Deno.test("formatPart(): a line for each file, in the order of their paths", () => {
  const lines = formatPart(GOOD).split("\n");
  const files = lines.filter((line) => line.startsWith('    {"path"'));
  assert.deepEqual(
    files.map((line) => JSON.parse(line.replace(/,$/, "")).path),
    ["a.txt", "b/c.log"],
  );
});

Deno.test("the JSON Schema in docs/ is that of the parts", async () => {
  const text = `${JSON.stringify(manifestJsonSchema(), null, 2)}\n`;
  await assertGolden("../../docs/manifest.schema.json", text);
});

Deno.test("expected parts: lists add up, unknown members stay", () => {
  const text = `{"schema":"run-outputs.expected-parts/1","parts":["b"],"future":1}`;
  const list = addExpected(parseExpected(text, "E"), ["a", "b"]);
  assert.deepEqual(parseExpected(formatExpected(list), "E"), {
    schema: "run-outputs.expected-parts/1",
    parts: ["a", "b"],
    future: 1,
  });
});

Deno.test("expected parts: an invalid list is rejected", () => {
  const table: readonly (readonly [string, string, RegExp])[] = [
    ["{", "integrity", /not JSON/],
    ["null", "integrity", /it: /],
    [`{"schema":"x/1","parts":[]}`, "integrity", /schema/],
    [`{"schema":"run-outputs.expected-parts/1","parts":["a/b"]}`, "integrity", /part/],
    [`{"schema":"run-outputs.expected-parts/2","names":[]}`, "failed", /use a newer run-outputs/],
  ];
  for (const [text, code, reason] of table) {
    const error = errorOf(() => parseExpected(text, "E"));
    assert.equal(error.code, code, text);
    assert.match(error.message, reason);
  }
});
