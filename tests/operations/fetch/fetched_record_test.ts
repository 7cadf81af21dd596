import assert from "node:assert/strict";
import {
  type FetchedRecord,
  formatRecord,
  parseRecord,
  type RecordedUnit,
  recordOf,
  unitsOf,
} from "../../../src/operations/fetch/fetched_record.ts";
import { errorOf } from "../../support/errors.ts";

const RUN = { run_id: "1", platform: "linux", prefix: "1-linux", source: "/s/1-linux" };

function unit(name: string, ...paths: string[]): RecordedUnit {
  const files = paths.map((path) => ({ path, size: 1, mtime: 1000 }));
  return { name, run: { ...RUN }, mode: "flatten", fetched_at: "2026-01-01T00:00:00.000Z", files };
}

Deno.test("recordOf: the later archive has a path, and the earlier one is marked as overlaid", () => {
  const record = recordOf([unit("a.tar.zst", "x", "y"), unit("b.tar.zst", "y"), unit("c.tar.zst")]);
  assert.deepEqual(record.runs, [RUN]);
  assert.deepEqual(record.archives.map(({ name, overlaid }) => [name, overlaid]), [
    ["a.tar.zst", true],
    ["b.tar.zst", undefined],
  ]);
  assert.deepEqual(record.files.map(({ path, archive }) => [path, archive]), [["x", 0], ["y", 1]]);
});

Deno.test("formatRecord: parseRecord reads it again; one file per line", () => {
  const record = recordOf([unit("a.tar.zst", "x/é", 'q"'), unit("b.tar.zst", "empty/")]);
  const text = formatRecord(record);
  assert.deepEqual(parseRecord(text, "r"), JSON.parse(JSON.stringify(record)));
  assert.deepEqual(recordOf(unitsOf(record)), record);
  assert(text.includes('\n{"path":"x/é","size":1,"mtime":1000,"archive":0}\n'), text);
});

Deno.test("parseRecord: what is damaged, newer, or leads elsewhere is refused by name", () => {
  const record = recordOf([unit("a.tar.zst", "x")]);
  const withFile = (file: object): FetchedRecord =>
    ({ ...record, files: [{ ...record.files[0], ...file }] }) as FetchedRecord;
  const paths = ["../x", "/x", "a//b", "a/./b", "", "a\0b", ".run-outputs-fetched.json", "x//"];
  const broken = [
    "",
    "{}",
    formatRecord(record).slice(0, -10),
    ...paths.map((path) => formatRecord(withFile({ path }))),
    formatRecord(withFile({ archive: 1 })),
    formatRecord(withFile({ size: "1" })),
    formatRecord({ ...record, runs: [] }),
  ];
  for (const text of broken) {
    const { message } = errorOf(() => parseRecord(text, "/o/r"));
    assert.match(
      message,
      /^Cannot use '\/o\/r', the record .*: it is damaged\. Move it away/,
      text,
    );
  }
  const newer = formatRecord(record).replace("fetched/1", "fetched/2");
  assert.match(errorOf(() => parseRecord(newer, "r")).message, /use a newer/);
});
