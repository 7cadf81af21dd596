/** `verify --drop-incomplete`: the marker of an upload that nobody runs again, and whose it is not. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { RunOutputRoot } from "../../../../src/layout/run_output_root.ts";
import { dropMarks, seeMarks } from "../../../../src/operations/manifest/drop_marks.ts";
import { unfinishedName } from "../../../../src/runs/unfinished_part.ts";
import { bytesSource } from "../../../../src/storage/byte_source.ts";
import { MemoryBackend } from "../../../../src/storage/memory.ts";
import { refused, runJson, runs } from "../../../support/command_line.ts";
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
    await writeTree(temp.path, { "a.html": "a", "right.html": "right" });
    const upload = (...files: string[]) => [
      ...["upload", "files", ...files.map((file) => at(file)), "--to", "reports", "--no-index"],
      ...["--output-dir", at("staging"), ...RUN],
    ];
    const { part } = await runJson(7, upload("a.html", "typo.html"));
    await runs(0, upload("a.html", "right.html"));
    const verify = ["verify", "--staging-dir", at("staging"), ...RUN];
    await fn({ run: at("staging", "123-linux"), verify, part: part.name });
  });
}

const markers = async (run: string) =>
  (await fileNames(run)).filter((name) => name.endsWith(".incomplete"));

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
  assert.equal((await runs(0, d.verify)).err, "");
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
  assert.match(err, /^warning: no marker is deleted, because files of the run are damaged/m);
  assert.equal((await markers(d.run)).length, 1);
});

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
