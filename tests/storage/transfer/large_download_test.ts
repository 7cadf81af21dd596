/** Large downloads where something is beside them, left of them, or in their way. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { RunOutputsError } from "../../../src/errors/error.ts";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import type { ObjectBody, ReadOptions } from "../../../src/storage/backend.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { download, Downloader } from "../../../src/storage/transfer/download.ts";
import { partNote } from "../../../src/storage/local/download_part.ts";
import { Journal } from "../../../src/storage/transfer/journal.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { noise, sha256 } from "../../support/bytes.ts";
import { cases } from "../../support/cases.ts";
import { readTree, tempDir, writeTree } from "../../support/temp_dir.ts";

const at = (key: string) => new OutputLocation("bucket", `1-linux/${key}`);
const CONTENT = "x".repeat(1000);

/** A storage that knows how many of its bodies are open. */
class Counted extends MemoryBackend {
  open = 0;
  /** How many were open at each read, that one included. */
  readonly seen: number[] = [];

  override async read(location: OutputLocation, options?: ReadOptions): Promise<ObjectBody> {
    const body = await super.read(location, options);
    this.seen.push(++this.open);
    return {
      info: body.info,
      [Symbol.asyncIterator]: () => body[Symbol.asyncIterator](),
      [Symbol.asyncDispose]: () => {
        this.open--;
        return body[Symbol.asyncDispose]();
      },
    };
  }
}

/** The journal's line about the part beside a file. */
async function noteOf(path: string): Promise<unknown> {
  return partNote(await Deno.lstat(`${path}.part`));
}

async function writeJournal(path: string, lines: readonly unknown[]): Promise<void> {
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
  await Deno.writeTextFile(`${path}.part.journal`, text);
}

async function counted(...keys: readonly string[]): Promise<Counted> {
  const backend = new Counted();
  for (const key of keys) await backend.write(at(key), bytesSource(CONTENT));
  return backend;
}

Deno.test("download(): a body opened before the missing ranges are known is not kept open", async () => {
  await using dir = await tempDir();
  const backend = new Counted();
  const bytes = noise(40 * 1024 ** 2, 3);
  await backend.write(at("large"), bytesSource(bytes));
  const path = join(dir.path, "large");
  const { etag, size } = await backend.stat(at("large"));
  const source = at("large").s3Uri;
  const header = { schema: "run-outputs.download/1", source, etag, size };
  await Deno.writeFile(`${path}.part`, bytes);
  await writeJournal(path, [header, await noteOf(path), { start: 0, end: 1_000_000 }]);
  const [result] = await download(backend, [{ location: at("large"), path }], {
    segment: Infinity,
  });
  assert.equal(result.outcome, "written", result.error?.message);
  assert.equal(result.resumed, 1_000_000);
  assert.equal(result.sha256, sha256(bytes));
  assert.deepEqual(backend.seen, [1, 1]);
  assert.equal(backend.open, 0);
});

Deno.test("Downloader: no more streams than allowed, also where another process is at work on the files", async () => {
  await using dir = await tempDir();
  const keys = ["a", "b", "c"];
  const backend = await counted(...keys);
  const journals = await Promise.all(
    keys.map((key) => Journal.open(join(dir.path, `${key}.part.journal`))),
  );
  using downloader = new Downloader(backend, { concurrency: 1, segment: 100 });
  const results = await Promise.all(
    keys.map((key) => downloader.get({ location: at(key), path: join(dir.path, key) })),
  );
  for (const journal of journals) {
    await journal!.remove();
    journal![Symbol.dispose]();
  }
  assert.deepEqual(results.map(({ outcome }) => outcome), ["written", "written", "written"]);
  assert.deepEqual(await readTree(dir.path), Object.fromEntries(keys.map((k) => [k, CONTENT])));
  assert.equal(Math.max(...backend.seen), 1);
});

Deno.test("download(): lines of a journal that are not ranges are skipped", async () => {
  await using dir = await tempDir();
  const backend = await counted("large");
  const { etag, size } = await backend.stat(at("large"));
  const source = at("large").s3Uri;
  const header = { schema: "run-outputs.download/1", source, etag, size };
  await writeTree(dir.path, { "large.part": CONTENT });
  const path = join(dir.path, "large");
  const ranges = [null, 7, "x", { start: -1, end: 5 }, { start: 0, end: 100 }];
  await writeJournal(path, [header, await noteOf(path), ...ranges]);
  const [result] = await download(backend, [{ location: at("large"), path }], { segment: 100 });
  assert.equal(result.outcome, "written", result.error?.message);
  assert.equal(result.resumed, 100);
});

// Other systems count characters, or have other bounds.
const boundedNames = Deno.build.os === "linux";

for (const length of [240, 245, 250, 255]) {
  Deno.test({
    name: `download(): a large object whose name has ${length} bytes`,
    ignore: !boundedNames,
    fn: async () => {
      await using dir = await tempDir();
      const key = "n".repeat(length);
      const backend = await counted(key);
      // Into a directory that is there, and into one that is not.
      for (const above of [".", "new"]) {
        const path = join(dir.path, above, key);
        const [result] = await download(backend, [{ location: at(key), path }], { segment: 100 });
        assert.equal(result.outcome, "written", result.error?.message);
      }
      assert.deepEqual(await readTree(dir.path), { [key]: CONTENT, [`new/${key}`]: CONTENT });
    },
  });
}

Deno.test({
  name: "local: a file 'NAME.part' is listed, however long its name is",
  ignore: !boundedNames,
  fn: async () => {
    await using dir = await tempDir();
    const key = `${"n".repeat(250)}.part`;
    await writeTree(dir.path, { [`1-linux/${key}`]: "x" });
    const found = await Array.fromAsync(
      new LocalBackend(dir.path).list(new OutputLocation("bucket", "")),
    );
    assert.deepEqual(found.map(({ location }) => location.name), [key]);
  },
});

Deno.test("Downloader: a file that gets shorter while it is looked at is not whole", async () => {
  await using dir = await tempDir();
  const bytes = noise(5_000_000);
  const path = join(dir.path, "a");
  await Deno.writeFile(path, bytes);
  using downloader = new Downloader(new MemoryBackend());
  const whole = downloader.has({ location: at("a"), path, sha256: sha256(bytes) });
  // Its size has been looked at by now, and the thread that hashes it is only being started.
  await Deno.lstat(path);
  Deno.truncateSync(path, 10);
  assert.equal(await whole, false);
});

Deno.test("download(): a large object is downloaded while others delete its empty directory", async () => {
  await using dir = await tempDir();
  const backend = await counted("large");
  let done = false;
  // What a fetch does that has made the directory and got nothing into it, over and over.
  const removing = (async () => {
    while (!done) await Deno.remove(join(dir.path, "new")).catch(() => {});
  })();
  try {
    for (let round = 0; round < cases(100, 20); round++) {
      const path = join(dir.path, "new", "large");
      const [result] = await download(backend, [{ location: at("large"), path }], { segment: 100 });
      assert.equal(result.outcome, "written", result.error?.message);
      await Deno.remove(path);
    }
  } finally {
    done = true;
    await removing;
  }
});

/** A storage that is stuck at an object's first bytes, and refuses the others. */
class Stuck extends MemoryBackend {
  /** Whether it was told to stop. */
  stopped = false;
  #reads = 0;

  override async read(location: OutputLocation, options?: ReadOptions): Promise<ObjectBody> {
    if (this.#reads++ > 0) throw new RunOutputsError("denied", "Cannot read it: access denied");
    const body = await super.read(location, options);
    const next = async (): Promise<IteratorResult<Uint8Array>> => {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 10_000);
        const stop = () => {
          this.stopped = true;
          clearTimeout(timer);
          resolve();
        };
        if (options!.signal!.aborted) stop();
        else options!.signal!.addEventListener("abort", stop);
      });
      throw new Error("stopped");
    };
    return {
      info: body.info,
      [Symbol.asyncIterator]: () => ({ next }),
      [Symbol.asyncDispose]: () => body[Symbol.asyncDispose](),
    };
  }
}

Deno.test("download(): a rejected segment aborts the first one too", async () => {
  await using dir = await tempDir();
  const backend = new Stuck();
  await backend.write(at("large"), bytesSource(CONTENT));
  const items = [{ location: at("large"), path: join(dir.path, "large") }];
  const { signal } = new AbortController();
  const [result] = await download(backend, items, { segment: 100, signal });
  assert.equal(result.error?.message, "Cannot read it: access denied");
  assert(backend.stopped, "the first one was waited for");
});

Deno.test("download(): a link under the name of the part or of its journal is not followed", async () => {
  for (const planted of ["large.part", "large.part.journal"]) {
    await using dir = await tempDir();
    const backend = await counted("large");
    const { etag, size } = await backend.stat(at("large"));
    const header = { schema: "run-outputs.download/1", source: at("large").s3Uri, etag, size };
    await writeTree(dir.path, { "large.part": "y".repeat(size) });
    const note = await noteOf(join(dir.path, "large"));
    await writeJournal(join(dir.path, "large"), [header, note, { start: 0, end: 900 }]);
    // What it leads to looks just like what an earlier download has left.
    await Deno.rename(join(dir.path, planted), join(dir.path, "precious"));
    await Deno.symlink("precious", join(dir.path, planted));
    const before = await Deno.readTextFile(join(dir.path, "precious"));
    const path = join(dir.path, "large");
    const [result] = await download(backend, [{ location: at("large"), path }], { segment: 100 });
    assert.equal(result.outcome, "written", result.error?.message);
    assert.equal(await Deno.readTextFile(path), CONTENT);
    assert.equal(await Deno.readTextFile(join(dir.path, "precious")), before);
  }
});

Deno.test("download(): bytes that the journal was not begun with are not resumed", async () => {
  for (const how of ["no note", "another file", "a copy", "another note"]) {
    await using dir = await tempDir();
    const backend = await counted("large");
    const { etag, size } = await backend.stat(at("large"));
    const header = { schema: "run-outputs.download/1", source: at("large").s3Uri, etag, size };
    const path = join(dir.path, "large");
    await writeTree(dir.path, { "large.part": "y".repeat(size), other: "z".repeat(size) });
    const note = await noteOf(path);
    const lines: unknown[] = [header, note, { start: 0, end: 900 }];
    if (how === "no note") lines.splice(1, 1);
    if (how === "another note") lines[1] = { part: "1:1" };
    await writeJournal(path, lines);
    if (how === "another file") await Deno.rename(join(dir.path, "other"), `${path}.part`);
    if (how === "a copy") {
      await Deno.rename(`${path}.part`, join(dir.path, "kept"));
      await Deno.copyFile(join(dir.path, "kept"), `${path}.part`);
    }
    const [result] = await download(backend, [{ location: at("large"), path }], { segment: 100 });
    assert.deepEqual([result.outcome, result.resumed ?? 0], ["written", 0], how);
    assert.equal(await Deno.readTextFile(path), CONTENT);
  }
});

Deno.test("download(): a link that replaces the part meanwhile is not written to", async () => {
  await using dir = await tempDir();
  const backend = await counted("large");
  const path = join(dir.path, "large");
  await writeTree(dir.path, { precious: "p".repeat(CONTENT.length) });
  const read = backend.read.bind(backend);
  let swapped = false;
  backend.read = async (location, options) => {
    const part = await Deno.lstat(`${path}.part`).catch(() => undefined);
    if (part !== undefined && !swapped) {
      swapped = true;
      Deno.removeSync(`${path}.part`);
      Deno.symlinkSync("precious", `${path}.part`);
    }
    return await read(location, options);
  };
  const [result] = await download(backend, [{ location: at("large"), path }], { segment: 100 });
  assert.equal(result.outcome, "failed");
  assert.match(result.error!.message, /large\.part': something else has this name now/);
  assert.match(await Deno.readTextFile(join(dir.path, "precious")), /^p+$/);
});

Deno.test({
  name: "download(): what another user has left as a part is not continued",
  ignore: Deno.build.os === "windows" || Deno.uid() !== 0,
  fn: async () => {
    await using dir = await tempDir();
    const backend = await counted("large");
    const { etag, size } = await backend.stat(at("large"));
    const header = { schema: "run-outputs.download/1", source: at("large").s3Uri, etag, size };
    const notes = [header, { start: 0, end: 900 }].map((line) => `${JSON.stringify(line)}\n`);
    await writeTree(dir.path, {
      "large.part": "y".repeat(size),
      "large.part.journal": notes.join(""),
    });
    for (const name of ["large.part", "large.part.journal"]) {
      await Deno.chown(join(dir.path, name), 65534, 65534);
    }
    const path = join(dir.path, "large");
    const [result] = await download(backend, [{ location: at("large"), path }], { segment: 100 });
    assert.equal(result.outcome, "written", result.error?.message);
    assert.equal(result.resumed, undefined);
    assert.equal(await Deno.readTextFile(path), CONTENT);
  },
});
