/** Outputs in little memory are those that were added. */

import assert from "node:assert/strict";
import { classify } from "../../../src/layout/classify.ts";
import { compareKeys } from "../../../src/layout/compare_keys.ts";
import { RunOutputRoot } from "../../../src/layout/run_output_root.ts";
import { CompactOutputs } from "../../../src/operations/manifest/compact_outputs.ts";
import type { RunOutput } from "../../../src/operations/manifest/list_outputs.ts";
import { missingFiles } from "../../../src/operations/verify/missing_files.ts";

const ROOT = RunOutputRoot.forLocal({ platform: "linux" });

function outputs(paths: readonly string[]): RunOutput[] {
  return paths.toSorted(compareKeys).map((path, i): RunOutput => ({
    path,
    kind: classify(path),
    location: ROOT.file(path),
    size: i % 3 === 0 ? undefined : i,
    sha256: i % 2 === 0 ? undefined : `${i}`.padStart(64, "0"),
    etag: i % 4 === 0 ? undefined : `"${i}"`,
    modified: i % 5 === 0 ? undefined : new Date(i * 1001),
    parts: i % 2 === 0 ? [] : ["p", `q${i % 3}`],
  }));
}

function compact(all: readonly RunOutput[]): CompactOutputs {
  const list = new CompactOutputs(ROOT);
  for (const one of all) list.push(one);
  return list;
}

Deno.test("CompactOutputs: gives back what was added, all or by kind, with totals", () => {
  const names = Array.from({ length: 300 }, (_, i) => `${i}`);
  const all = outputs(["a.tar", ...names.map((i) => `logs/😀/${i}`), ...names, "\uffee"]);
  const list = compact(all);
  assert.deepEqual([...list.of()], all);
  const logs = all.filter(({ kind }) => kind === "log");
  assert.equal(logs.length, 300);
  assert.deepEqual([...list.of(["log"])], logs);
  assert.deepEqual(list.totals(["log"]), {
    count: 300,
    bytes: logs.reduce((bytes, { size = 0 }) => bytes + size, 0),
  });
  assert.equal(list.totals().count, all.length);
  assert.deepEqual([...list.paths()], all.map(({ path }) => path));
  for (const { path } of all) assert(list.has(path), path);
  for (const path of ["", "logs", "logs/😀/", "zzz", "0/"]) assert(!list.has(path), path);
});

Deno.test("missingFiles(): files with only a checksum file, and those that the manifest lists", () => {
  const all = ["a.tar.xz", "a.tar.xz.sha256sum", "b.tar.xz.sha256sum", "c.tar.xz.sha256sum"];
  const listed = [{ path: "c.tar.xz", kind: "artifact", size: 3, parts: ["p"] }] as const;
  assert.deepEqual(missingFiles(compact(outputs(all)), listed), [
    { path: "b.tar.xz", kind: classify("b.tar.xz"), parts: [] },
    listed[0],
  ]);
});
