/** `run-outputs export -` and `import -`: archives by way of standard output and standard input. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { main } from "../../../../src/cli/main.ts";
import { sha256 } from "../../../support/bytes.ts";
import { refused, runs, WatchedIo } from "../../../support/command_line.ts";
import { FakeIo } from "../../../support/fake_io.ts";
import { readTree, tempDir, writeTree } from "../../../support/temp_dir.ts";

async function world() {
  const temp = await tempDir();
  await writeTree(temp.path, { "staging/7-linux/logs/g/a.log": "log\n", "staging/7-linux/b": "b" });
  const args = ["export", "-", "7", "--staging-dir", join(temp.path, "staging")];
  return {
    dir: temp.path,
    args: [...args, "--platform", "linux"],
    [Symbol.asyncDispose]: () => temp[Symbol.asyncDispose](),
  };
}

Deno.test("export -: the archive is on standard output, all messages are on standard error", async () => {
  await using w = await world();
  const io = new FakeIo();
  assert.equal(await main(w.args, io), 0, io.err);
  const bytes = new Uint8Array(await new Blob(io.bytes as Uint8Array<ArrayBuffer>[]).arrayBuffer());
  assert.equal(io.out, "");
  assert.match(io.err, /7-linux: 2 files, 5 B$/m);
  assert(io.err.includes(`sha256 ${sha256(bytes)}`), io.err);
  const file = join(w.dir, "runs.tar");
  await runs(0, w.args.with(1, file));
  assert.deepEqual(bytes, await Deno.readFile(file));

  const again = new FakeIo();
  // In pieces, as a pipe delivers it.
  again.inputBytes = [bytes.subarray(0, 700), bytes.subarray(700)];
  const copy = join(w.dir, "copy");
  assert.equal(await main(["import", "-", "--output-dir", copy], again), 0, again.err);
  const { "7-linux/retention-summary.json": _, ...tree } = await readTree(copy);
  assert.deepEqual(Object.keys(tree), ["7-linux/b", "7-linux/logs/g/a.log"]);
});

Deno.test("export -: not beside a JSON document, and not to a terminal", async () => {
  await using w = await world();
  const document = JSON.parse((await runs(2, [...w.args, "--json"])).out);
  assert.match(document.error.message, /--json with the file -: both /);
  const io = new WatchedIo({}, true);
  assert.equal(await main(w.args, io), 2);
  assert.match(io.err, /^error: Cannot write the export to a terminal: [^\n]*\n$/);
  assert.equal(io.bytes.length, 0);
  const { out } = await runs(0, [...w.args, "--dry-run", "--json"]);
  assert.equal(JSON.parse(out).dry_run, true);
});

Deno.test("import -: what is truncated writes nothing", async () => {
  await using w = await world();
  const io = new FakeIo();
  await main(w.args, io);
  for (const input of [[], io.bytes.slice(0, 1)]) {
    const again = new FakeIo();
    again.inputBytes = input;
    const copy = join(w.dir, "copy");
    assert.equal(await main(["import", "-", "--output-dir", copy], again), 6, again.err);
    await assert.rejects(Deno.stat(copy), Deno.errors.NotFound);
  }
});

for (const name of ["runs.tar.gz", "runs.tgz", "runs.tar.zst", "runs.TAR.XZ", "runs.zip"]) {
  Deno.test(`export ${name}: is rejected, because an export is not compressed`, async () => {
    await using w = await world();
    const file = join(w.dir, name);
    await refused(w.args.with(1, file), [name, "runs.tar", "not compressed"], { code: 2 });
    await assert.rejects(Deno.stat(file), Deno.errors.NotFound);
  });
}

Deno.test("import: a compressed export says that it must be decompressed", async () => {
  await using w = await world();
  const file = join(w.dir, "runs.tar.gz");
  const packed = ReadableStream.from([new TextEncoder().encode("runs")])
    .pipeThrough(new CompressionStream("gzip"));
  await Deno.writeFile(file, packed as ReadableStream<Uint8Array>);
  await refused(["import", file, "--output-dir", join(w.dir, "copy")], [file, "is compressed"], {
    code: 6,
  });
});
