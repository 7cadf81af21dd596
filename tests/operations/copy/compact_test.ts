/** The files and the results of a copy, as they are kept in little memory. */

import assert from "node:assert/strict";
import { RunOutputsError } from "../../../src/errors/error.ts";
import type { OutputLocation } from "../../../src/layout/output_location.ts";
import { RunOutputRoot } from "../../../src/layout/run_output_root.ts";
import { CompactFiles } from "../../../src/operations/copy/compact_files.ts";
import { pairs } from "../../../src/operations/copy/pairs.ts";
import { PlannedPaths, union } from "../../../src/operations/copy/planned_paths.ts";
import { CopyResults } from "../../../src/operations/copy/results.ts";
import { sha256 } from "../../support/bytes.ts";

const FROM = new RunOutputRoot({ bucket: "suite", runId: 1, platform: "linux" });
const TO = new RunOutputRoot({ bucket: "suite", runId: 2, platform: "linux" });
const showSource = ({ key }: OutputLocation) => `source: ${key}`;

const ENDS = { from: FROM.root(), to: TO.root(), showSource };

function filesOf(...paths: readonly string[]): CompactFiles {
  const files = new CompactFiles(FROM);
  for (const path of paths) files.push({ path, size: path.length, sha256: sha256(path) });
  return files;
}

function plain(path: string, outcome: "written" | "unchanged" | "skipped", hash?: string) {
  const at = { location: TO.file(path), path: showSource(FROM.file(path)) };
  return { ...at, outcome, size: path.length, sha256: hash, warnings: [] };
}

Deno.test("CompactFiles: files are read as they were added, and found by path", () => {
  const files = new CompactFiles(FROM);
  const added = Array.from({ length: 200 }, (_, i) => ({
    path: `logs/${String(i).padStart(4, "0")}-ä.log`,
    kind: "log" as const,
    location: FROM.file(`logs/${String(i).padStart(4, "0")}-ä.log`),
    size: i * 2 ** 33,
    sha256: i % 3 === 0 ? undefined : sha256(`${i}`),
    contentType: i % 2 === 0 ? undefined : `text/${i % 7}`,
  }));
  for (const file of added) files.push(file);
  assert.deepEqual([...files], added);
  assert.equal(files.length, 200);
  assert.equal(files.indexOf(added[150].path), 150);
  assert.equal(files.pathAt(150), added[150].path);
  assert.equal(files.indexOf("logs/other"), -1);
});

Deno.test("CopyResults: they are read in the order of keys, whether or not they are packed", () => {
  const results = new CopyResults(filesOf("a", "b", "d", "e"), ENDS);
  const error = new RunOutputsError("failed", "no");
  const b = { ...plain("b", "written"), outcome: "failed" as const, error };
  const c = { ...plain("c", "written"), outcome: "failed" as const, error };
  const d = { ...plain("d", "written", sha256("other")), warnings: ["replaced"] };
  const e = plain("e", "unchanged", sha256("other"));
  results.push(e, d, c, b, plain("a", "written", sha256("a")));
  assert.deepEqual([...results], [plain("a", "written", sha256("a")), b, c, d, e]);
  assert.equal(results.length, 5);
  assert.deepEqual(results.failed(), new Set(["b", "c"]));
  assert.deepEqual(["a", "b", "c", "d", "e"].map((path) => results.has(path)), [
    ...[true, false, false, true, true],
  ]);
  assert.deepEqual(results.get("d"), { size: 1, sha256: sha256("other") });
  assert.equal(results.find(TO.file("c")), c);
  assert.equal(results.find(TO.file("f")), undefined);
});

Deno.test("CopyResults: a result replaces that of the same location", () => {
  const results = new CopyResults(filesOf("a", "b"), ENDS);
  const warned = { ...plain("a", "written"), warnings: ["replaced"] };
  const other = plain("other", "written");
  results.push(plain("a", "written"), warned, other, { ...other, size: 9 });
  assert.deepEqual([...results], [warned, { ...other, size: 9 }]);
  assert.equal(results.length, 2);
  results.push(plain("a", "unchanged"));
  assert.deepEqual([...results], [plain("a", "unchanged"), { ...other, size: 9 }]);
});

Deno.test("CopyResults: the hash of a kept file is known to the parts, and not reported", () => {
  const results = new CopyResults(filesOf("a", "b", "c"), ENDS);
  const different = { ...plain("c", "skipped"), size: 99 };
  results.push(plain("a", "skipped"), plain("b", "skipped", sha256("b")), different);
  const unknown = [...results.unhashed()].map(({ index }) => index);
  assert.deepEqual(unknown, [0, 2]);
  for (const index of unknown) results.keepHash(index, sha256(`kept ${index}`));
  assert.deepEqual(results.get("a"), { size: 1, sha256: sha256("kept 0") });
  assert.deepEqual(results.get("c"), { size: 99, sha256: sha256("kept 2") });
  assert.equal(results.at(0)?.sha256, undefined);
  assert.deepEqual([...results.unhashed()], []);
});

Deno.test("pairs(): a checksum file comes with its file, also if other names are between", () => {
  const files = filesOf("a", "a.b", "a.b.sha256sum", "a.sha256sum", "c.sha256sum", "d");
  const paired = (kept?: string) =>
    Array.from(pairs(files, kept), ({ file, sidecar }) => [file.path, sidecar?.path]);
  assert.deepEqual(paired(), [
    ["a", "a.sha256sum"],
    ["a.b", "a.b.sha256sum"],
    ["c.sha256sum", undefined],
    ["d", undefined],
  ]);
  assert.deepEqual(paired("a"), [
    ["a.b", "a.b.sha256sum"],
    ["a.sha256sum", undefined],
    ["c.sha256sum", undefined],
    ["d", undefined],
  ]);
});

Deno.test("PlannedPaths: what cannot be copied is among the files, in order", () => {
  const error = new Error("missing");
  const obstacles = ["c", "a", "z"].map((path) => ({ path, location: FROM.file(path), error }));
  const paths = new PlannedPaths({ files: filesOf("b", "d"), obstacles });
  assert.deepEqual([...paths], ["a", "b", "c", "d", "z"]);
  for (const path of paths) assert.equal(paths.at(paths.indexOf(path)), path);
  assert.equal(paths.indexOf("b"), 0);
  assert.equal(paths.indexOf("e"), -1);
  assert.deepEqual([...union([0, 2, 5], [1, 2, 9])], [0, 1, 2, 5, 9]);
});
