/**
 * Links that are put in the way between the check of a name and its use.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { Inside } from "../../../src/storage/local/inside.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { RegularFile } from "../../../src/storage/local/regular_file.ts";
import { rejectsWith } from "../../support/errors.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

/** A staging directory with a run, and files outside. */
async function world() {
  const temp = await tempDir();
  const staging = join(temp.path, "staging");
  const logs = join(staging, "1-linux/logs");
  await writeTree(temp.path, {
    "staging/1-linux/a.log": "a",
    "staging/1-linux/logs/a.log": "public",
    "staging/2-linux/logs/other.log": "of another run",
    "outside/a.log": "secret",
    "outside/secret.log": "secret",
    "outside/dir/x.log": "secret",
  });
  const kept = join(temp.path, "kept");
  return {
    staging,
    logs,
    /** Puts a link in the place of the logs. */
    lead(to: string) {
      Deno.renameSync(logs, kept);
      Deno.symlinkSync(join(temp.path, to), logs);
    },
    restore() {
      Deno.removeSync(logs);
      Deno.renameSync(kept, logs);
    },
    [Symbol.asyncDispose]: () => temp[Symbol.asyncDispose](),
  };
}

/** Calls the steps, one by one. */
function inTurn(...steps: (() => void)[]): () => void {
  return () => steps.shift()?.();
}

const LINKS = { name: "links", ignore: Deno.build.os === "windows" };

Deno.test({
  ...LINKS,
  name: "inside: a file behind a link that appears after the check is not read",
  async fn() {
    for (const target of ["outside", "staging/2-linux/logs"]) {
      await using place = await world();
      await Deno.writeTextFile(join(place.staging, "2-linux/logs/a.log"), "of another run");
      const inside = new Inside(place.staging);
      const check = inTurn(() => place.lead(target), place.restore);
      const opened = inside.open(join(place.logs, "a.log"), check);
      using file = opened!.file;
      const buffer = new Uint8Array(100);
      const count = file.readSync(buffer)!;
      assert.equal(new TextDecoder().decode(buffer.subarray(0, count)), "public", target);
    }
  },
});

Deno.test({
  ...LINKS,
  name: "inside: a directory behind a link that appears after the check is not listed",
  async fn() {
    for (const target of ["outside", "staging/2-linux"]) {
      await using place = await world();
      const sub = join(place.logs, "dir");
      await Deno.mkdir(sub);
      await Deno.mkdir(join(place.staging, "2-linux/dir"));
      const inside = new Inside(place.staging);
      const check = inTurn(() => place.lead(target), place.restore);
      assert.deepEqual(await inside.readDirectory(sub, check), [], target);
    }
  },
});

Deno.test({
  ...LINKS,
  name: "inside: what is replaced again and again is a conflict, not a wrong answer",
  async fn() {
    await using place = await world();
    const inside = new Inside(place.staging);
    place.lead("outside");
    assert.throws(
      () => inside.open(join(place.logs, "a.log"), () => {}),
      /Cannot read '.*a\.log': it is replaced again and again/,
    );
    const listed = inside.readDirectory(join(place.logs, "dir"), () => {});
    await rejectsWith(listed, "conflict", "Cannot list", "again and again");
    assert.deepEqual(await inside.readDirectory(place.logs, () => {}), []);
  },
});

Deno.test({
  ...LINKS,
  name: "inside: to open a named pipe does not wait for a writer",
  async fn() {
    await using place = await world();
    const pipe = join(place.logs, "pipe");
    const { success } = await new Deno.Command("mkfifo", { args: [pipe] }).output();
    assert(success);
    using opened = new RegularFile(pipe);
    assert.equal(opened.statSync().isFIFO(), true);
    const inside = new Inside(place.staging, true);
    assert.equal(inside.open(pipe, () => {}), undefined);
    using file = inside.open(join(place.logs, "a.log"), () => {})!.file;
    const buffer = new Uint8Array(4);
    assert.deepEqual([await file.read(buffer), file.readSync(buffer)], [4, 2]);
    assert.deepEqual([await file.read(buffer), file.readSync(buffer)], [null, null]);
    await file.seek(2, Deno.SeekMode.Start);
    await file.read(buffer);
    assert.equal(new TextDecoder().decode(buffer), "blic");
  },
});

Deno.test({
  ...LINKS,
  name: "list(): a directory that becomes a link while others are listed is skipped",
  async fn() {
    await using place = await world();
    const backend = new LocalBackend(place.staging);
    const keys: string[] = [];
    for await (const { location } of backend.list(new OutputLocation("local", "1-linux"))) {
      keys.push(location.key);
      if (keys.length === 1) place.lead("outside");
    }
    assert.deepEqual(keys, ["1-linux/a.log"]);
  },
});
