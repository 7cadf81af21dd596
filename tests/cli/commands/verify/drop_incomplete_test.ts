/** `verify --drop-incomplete`: the marker of an upload that nobody runs again, and whose it is not. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { RunOutputRoot } from "../../../../src/layout/run_output_root.ts";
import { dropMarks, seeMarks } from "../../../../src/operations/manifest/drop_markers.ts";
import { formatPart } from "../../../../src/runs/format_part.ts";
import type { ManifestHead } from "../../../../src/runs/manifest.ts";
import { unfinishedName } from "../../../../src/runs/unfinished_part.ts";
import { bytesSource } from "../../../../src/storage/byte_source.ts";
import { MemoryBackend } from "../../../../src/storage/memory.ts";
import { sha256 } from "../../../support/bytes.ts";
import { type Json, refused, runJson, runs } from "../../../support/command_line.ts";
import { manifestPart, outputFile } from "../../../support/manifest.ts";
import { RUN } from "../../../support/staging.ts";
import { fileNames } from "../../../support/snapshot.ts";
import { tempDir, writeTree } from "../../../support/temp_dir.ts";

interface Dirs {
  readonly run: string;
  readonly verify: readonly string[];
  /** The part of the upload with the typo. */
  readonly part: string;
}

/** A run with an upload of a mistyped path, and the corrected one. */
function test(name: string, fn: (dirs: Dirs) => Promise<void>): void {
  Deno.test(name, async () => {
    await using temp = await tempDir();
    const at = (...names: string[]) => join(temp.path, ...names);
    await writeTree(temp.path, { "a.html": "a", "b.html": "b", "right.html": "right" });
    const upload = (...files: string[]) => [
      ...["upload", "files", ...files.map((file) => at(file)), "--to", "reports", "--no-index"],
      ...["--output-dir", at("staging"), ...RUN],
    ];
    const { part } = await runJson(7, upload("b.html", "typo.html"));
    // One that has all files of the first would replace its marker.
    await runs(0, upload("a.html", "right.html"));
    const verify = ["verify", "--staging-dir", at("staging"), ...RUN];
    await fn({ run: at("staging", "123-linux"), verify, part: part.name });
  });
}

const markers = async (run: string) =>
  (await fileNames(run)).filter((name) => name.endsWith(".incomplete"));

test("verify --drop-incomplete: a marker that can't be read stays", async (d) => {
  await Deno.writeTextFile(join(d.run, "manifests/outputs/torn.incomplete"), "garbage");
  const { err } = await runs(7, [...d.verify, "--drop-incomplete", "torn"]);
  assert.match(err, /torn.*its marker can't be read/);
  assert((await markers(d.run)).some((name) => name.endsWith("/torn.incomplete")));
});

test("verify --drop-incomplete: the message names it, and it deletes the marker", async (d) => {
  const { err } = await runs(7, d.verify);
  assert.match(err, /^error: Unfinished: .*typo\.html/m);
  const [, command] = /note: if nothing is missing, 'run-outputs ([^']*)' deletes/.exec(err)!;
  assert(command.startsWith(`verify --drop-incomplete ${d.part} --staging-dir `), command);
  const args = [...d.verify, "--drop-incomplete", d.part];
  const dry = await runs(0, [...args, "--dry-run"]);
  assert.match(dry.err, /^note: would delete the marker of part .*; not expected any more: .*typo/);
  assert.equal((await markers(d.run)).length, 1);
  const document = await runJson(0, command.split(" "));
  assert.deepEqual(document.dropped, [`manifests/outputs/${unfinishedName(d.part)}`]);
  assert.deepEqual(await markers(d.run), []);
  assert.match((await runs(0, d.verify)).err, /^note: 1 file not listed .*: reports\/b\.html\n$/);
  await refused(args, [`Cannot drop part ${d.part}: it is not incomplete`, "none is"], { code: 3 });
});

test("verify --drop-incomplete: keeps the marker if a file is damaged, and of other parts", async (d) => {
  const args = [...d.verify, "--drop-incomplete", d.part];
  await refused([...args, "--quick"], ["--drop-incomplete with --quick"]);
  await refused([...args, "--kind", "log"], ["--drop-incomplete with --kind"]);
  await refused([...args, "--no-manifest"], ["--drop-incomplete with --no-manifest"]);
  await refused([...d.verify, "--drop-incomplete", "other"], ["part other", d.part], { code: 3 });
  await Deno.writeTextFile(join(d.run, "reports/right.html"), "wrong");
  const { err } = await runs(6, args);
  assert.match(err, /^error: Cannot delete the marker: files of the run are damaged/m);
  assert.equal((await markers(d.run)).length, 1);
});

/** A run with only a marker: of three archives, whose upload was killed after `existing`. */
function killed(
  name: string,
  existing: Readonly<Record<string, string>>,
  marker: {
    readonly pending: readonly string[];
    readonly files?: Readonly<Record<string, string>>;
  },
  fn: (args: readonly string[], run: string) => Promise<void>,
): void {
  Deno.test(`verify --drop-incomplete: ${name}`, async () => {
    await using temp = await tempDir();
    const files = Object.entries(marker.files ?? {}).map(([path, text]) => outputFile(path, text));
    const part = manifestPart("p", files, { pending: marker.pending } as Partial<ManifestHead>);
    await writeTree(join(temp.path, "123-linux"), {
      ...existing,
      [`manifests/outputs/${unfinishedName("p")}`]: formatPart(part),
    });
    const args = ["verify", "--staging-dir", temp.path, ...RUN];
    await fn(args, join(temp.path, "123-linux"));
  });
}

const BIG = "big1_lib_generic.tar.zst";
const PENDING = [BIG, "big2_lib_generic.tar.zst", "big3_lib_generic.tar.zst"];

killed(
  "keeps the marker if nothing was verified",
  { [BIG]: "b" },
  { pending: PENDING },
  async (args, run) => {
    const { err } = await runs(7, args);
    assert.doesNotMatch(err, /drop-incomplete/);
    const refusal = await runs(7, [...args, "--drop-incomplete", "p"]);
    assert.match(
      refusal.err,
      /^error: Cannot delete the marker: no file of the run was verified; /m,
    );
    assert.match(refusal.out, /; none verified; /);
    assert.equal((await markers(run)).length, 1);
  },
);

killed(
  "keeps the marker if a pending file is missing or has no checksum",
  { [BIG]: "b", "log.txt": "l" },
  { pending: PENDING, files: { "log.txt": "l" } },
  async (args, run) => {
    assert.doesNotMatch((await runs(7, args)).err, /drop-incomplete/);
    const { err, out } = await runs(7, [...args, "--drop-incomplete", "p"]);
    assert.match(
      err,
      /^error: .*: part p: 2 pending files do not exist \(big2.*, big3.*\), 1 pending file has no known checksum \(big1.*\); run its upload again$/m,
    );
    assert.match(out, /: 1 OK, 1 not checked, 1 skipped/);
    assert.equal((await markers(run)).length, 1);
  },
);

killed(
  "deletes it if each pending file is verified",
  { [BIG]: "b", [`${BIG}.sha256sum`]: sha256("b"), "log.txt": "l" },
  { pending: [BIG], files: { "log.txt": "l" } },
  async (args, run) => {
    assert.match((await runs(7, args)).err, /--drop-incomplete p /);
    await runs(0, [...args, "--drop-incomplete", "p"]);
    assert.deepEqual(await markers(run), []);
  },
);

killed(
  "verify uses the hashes in a marker",
  { "same.txt": "same", "other.txt": "OTHER", "next.txt": "newer" },
  {
    pending: ["next.txt"],
    files: { "same.txt": "same", "other.txt": "other", "gone.txt": "g", "next.txt": "older" },
  },
  async (args, run) => {
    for (const subject of [args, ["verify", run]]) {
      const { files, counts } = await runJson(6, subject);
      const found = files.map(({ path, verdict, expected }: Json) => [path, verdict, expected?.by]);
      assert.deepEqual(found, [
        ["gone.txt", "missing", "marker p.incomplete"],
        // What the upload was going to replace is neither old nor new.
        ["next.txt", "unchecked", undefined],
        ["other.txt", "wrong-hash", "marker p.incomplete"],
      ]);
      assert.equal(counts.ok, 1);
    }
    const { files } = await runJson(7, [...args, "--quick"]);
    assert.equal(files.find(({ path }: Json) => path === "same.txt").verdict, "unchecked");
  },
);

Deno.test("dropMarks(): a marker that has changed since belongs to an upload in progress", async () => {
  const backend = new MemoryBackend();
  const root = RunOutputRoot.forLocal({ runId: 1, platform: "linux" });
  const location = root.outputsManifestDir().join(unfinishedName("p"));
  await backend.write(location, bytesSource("{"));
  const seen = await seeMarks(backend, root, ["p"], {});
  await backend.write(location, bytesSource("{}"));
  const [result] = await dropMarks(backend, root, seen, {});
  assert.equal(result.outcome, "failed");
  assert.match(result.error!.message, /an upload of the part is in progress$/);
  // One that cannot be read is deleted as well, if it is still the same.
  const [deleted] = await dropMarks(backend, root, await seeMarks(backend, root, ["p"], {}), {});
  assert.equal(deleted.outcome, "written");
  assert.deepEqual(await Array.fromAsync(backend.list(root.root())), []);
});
