/** Uploads of many files: what becomes of each, and what never happens. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { RunOutputsError } from "../../../src/errors/error.ts";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import type {
  ByteSource,
  ListOptions,
  StorageBackend,
  WriteOptions,
} from "../../../src/storage/backend.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { DryRunBackend } from "../../../src/storage/dry_run.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { download, Downloader } from "../../../src/storage/transfer/download.ts";
import type { TransferEvent } from "../../../src/storage/transfer/transfer.ts";
import {
  fileItem,
  textItem,
  upload,
  type UploadItem,
  uploadThrough,
} from "../../../src/storage/transfer/upload.ts";
import { collect, noise, sha256 } from "../../support/bytes.ts";
import { fileNames } from "../../support/snapshot.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

const at = (key: string) => new OutputLocation("bucket", `1-linux/${key}`);
const text = (key: string, content: string) => textItem(at(key), content, `text of ${key}`);

async function read(backend: StorageBackend, key: string): Promise<string> {
  await using body = await backend.read(at(key));
  return new TextDecoder().decode(await collect(body));
}

/** An archive with its checksum behind it, as artifacts are uploaded. */
function withChecksum(key: string, content: string): UploadItem {
  return {
    ...text(key, content),
    followUp: ({ sha256 }) => [text(`${key}.sha256sum`, `${sha256}\n`)],
  };
}

/** A storage that does something of its own around each write. */
class Watched extends MemoryBackend {
  onWrite: (key: string) => Promise<void> | void = () => {};
  writesUnderWay = 0;
  most = 0;
  contentTypes: Record<string, string | undefined> = {};

  override async write(location: OutputLocation, source: ByteSource, options?: WriteOptions) {
    this.most = Math.max(this.most, ++this.writesUnderWay);
    try {
      await this.onWrite(location.key);
      this.contentTypes[location.name] = options?.contentType;
      return await super.write(location, source, options);
    } finally {
      this.writesUnderWay--;
    }
  }
}

Deno.test("upload(): a file is written with its content type and hash", async () => {
  const backend = new Watched();
  const [result] = await upload(backend, [text("a.log", "hello")]);
  assert.equal(result.outcome, "written");
  assert.equal(result.size, 5);
  assert.equal(result.sha256, sha256("hello"));
  assert.deepEqual(backend.contentTypes, { "a.log": "text/plain; charset=utf-8" });
});

Deno.test("upload(): the same content is unchanged and not sent, whatever ifExists says", async () => {
  const backend = new Watched();
  await upload(backend, [text("a", "hello")]);
  backend.onWrite = () => assert.fail("written again");
  for (const ifExists of ["replace", "fail"] as const) {
    const [result] = await upload(backend, [text("a", "hello")], { ifExists });
    assert.equal(result.outcome, "unchanged");
    assert.equal(result.sha256, sha256("hello"));
    assert.deepEqual(result.warnings, []);
  }
});

Deno.test("upload(): different content of the same size does not count as unchanged", async () => {
  const backend = new MemoryBackend();
  await upload(backend, [text("a", "one")]);
  const [result] = await upload(backend, [text("a", "two")]);
  assert.equal(result.outcome, "written");
  assert.equal(result.warnings.length, 1);
  assert(result.warnings[0].includes(sha256("one")), result.warnings[0]);
  assert(result.warnings[0].includes(sha256("two")), result.warnings[0]);
  assert.equal(await read(backend, "a"), "two");
});

Deno.test("upload(): skip leaves other content alone; fail is a conflict that names both hashes", async () => {
  const backend = new MemoryBackend();
  await upload(backend, [text("a", "one")]);
  const [skipped] = await upload(backend, [text("a", "two")], { ifExists: "skip" });
  assert.equal(skipped.outcome, "skipped");
  const [failed] = await upload(backend, [text("a", "two")], { ifExists: "fail" });
  assert.equal(failed.outcome, "failed");
  assert.equal((failed.error as { code?: string }).code, "conflict");
  assert(failed.error!.message.includes(sha256("one")));
  assert(failed.error!.message.includes(sha256("two")));
  assert.equal(await read(backend, "a"), "one");
});

Deno.test("upload(): with fail, what another one writes in between is not replaced", async () => {
  const backend = new Watched();
  backend.onWrite = async () => {
    backend.onWrite = () => {};
    await backend.write(at("a"), bytesSource("theirs"));
  };
  const [result] = await upload(backend, [text("a", "ours")], { ifExists: "fail" });
  assert.equal(result.outcome, "failed");
  assert.equal(await read(backend, "a"), "theirs");
});

Deno.test("upload(): a failure does not stop the others, and the results keep the order", async () => {
  const backend = new Watched();
  backend.onWrite = (key) => {
    if (key.endsWith("b")) throw new Error("no luck with b");
  };
  const results = await upload(backend, ["a", "b", "c"].map((key) => text(key, key)));
  assert.deepEqual(results.map(({ outcome }) => outcome), ["written", "failed", "written"]);
  assert.deepEqual(results.map(({ location }) => location.name), ["a", "b", "c"]);
  assert.match(results[1].error!.message, /no luck with b/);
});

Deno.test("upload(): a file that vanished fails alone and keeps its path", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, { "a": "a" });
  const items = ["a", "gone"].map((name) => fileItem(at(name), join(temp.path, name)));
  const results = await upload(new MemoryBackend(), items);
  assert.deepEqual(results.map(({ outcome }) => outcome), ["written", "failed"]);
  assert.equal((results[1].error as { code?: string }).code, "not_found");
  assert(results[1].error!.message.includes(join(temp.path, "gone")));
});

Deno.test("upload(): a directory instead of a file fails with its path", async () => {
  await using temp = await tempDir();
  const [result] = await upload(new MemoryBackend(), [fileItem(at("a"), temp.path)]);
  assert.equal(result.outcome, "failed");
  assert(result.error!.message.includes(temp.path));
});

Deno.test("upload(): what follows comes behind, and only after its archive succeeded", async () => {
  const backend = new Watched();
  const order: string[] = [];
  backend.onWrite = (key) => {
    order.push(key.slice("1-linux/".length));
    if (key.endsWith("/b")) throw new Error("no");
  };
  const results = await upload(backend, [withChecksum("a", "a"), withChecksum("b", "b")], {
    concurrency: 1,
  });
  assert.deepEqual(order, ["a", "a.sha256sum", "b"]);
  assert.deepEqual(results.map(({ location, outcome }) => [location.name, outcome]), [
    ["a", "written"],
    ["a.sha256sum", "written"],
    ["b", "failed"],
  ]);
  assert.equal(await read(backend, "a.sha256sum"), `${sha256("a")}\n`);
});

Deno.test("upload(): a missing checksum is added beside an archive that is there already", async () => {
  const backend = new MemoryBackend();
  await upload(backend, [text("a", "a")]);
  for (const ifExists of ["replace", "skip", "fail"] as const) {
    await backend.delete(at("a.sha256sum"));
    const results = await upload(backend, [withChecksum("a", "a")], { ifExists });
    assert.equal(results[1].outcome, "written");
    assert.equal(await read(backend, "a.sha256sum"), `${sha256("a")}\n`);
  }
});

Deno.test("upload(): bytes without the promised hash are an integrity error and change nothing", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, { "a": "a" });
  const item = fileItem(at("a"), join(temp.path, "a"), { sha256: sha256("b") });
  for (const before of [undefined, "old"]) {
    const backend = new MemoryBackend();
    if (before !== undefined) await upload(backend, [text("a", before)]);
    const [result] = await upload(backend, [item]);
    assert.equal((result.error as { code?: string }).code, "integrity");
    assert(result.error!.message.includes(sha256("a")));
    assert(result.error!.message.includes(sha256("b")));
    if (before !== undefined) assert.equal(await read(backend, "a"), before);
  }
});

for (const concurrency of [1, 3]) {
  Deno.test(`upload(): at most ${concurrency} files are in progress`, async () => {
    const backend = new Watched();
    backend.onWrite = () => new Promise((resolve) => setTimeout(resolve, 0));
    const items = Array.from({ length: 20 }, (_, i) => text(`f${i}`, `${i}`));
    await upload(backend, items, { concurrency });
    assert.equal(backend.most, concurrency);
  });
}

Deno.test("upload(): an abort rejects with its reason, starts nothing more and leaves no temporary file", async () => {
  await using temp = await tempDir();
  const backend = new LocalBackend(temp.path);
  const controller = new AbortController();
  const reason = new Error("enough");
  let opened = 0;
  let disposed = 0;
  const items = Array.from({ length: 10 }, (_, i): UploadItem => ({
    location: at(`f${i}`),
    path: `f${i}`,
    open: () => {
      opened++;
      return Promise.resolve({
        size: 2_000_000,
        async *open() {
          yield new Uint8Array(1_000_000);
          await Promise.resolve();
          if (i === 3) controller.abort(reason);
          yield new Uint8Array(1_000_000);
        },
        [Symbol.asyncDispose]: () => {
          disposed++;
          return Promise.resolve();
        },
      });
    },
  }));
  await assert.rejects(
    upload(backend, items, { concurrency: 2, signal: controller.signal }),
    (error) => error === reason,
  );
  assert(opened < 10);
  assert.equal(disposed, opened);
  for (const name of await fileNames(temp.path)) {
    assert.match(name, /^1-linux\/f\d$/);
    assert.equal((await Deno.stat(join(temp.path, name))).size, 2_000_000);
  }
});

Deno.test("upload(): a signal that is aborted already writes nothing", async () => {
  const backend = new Watched();
  backend.onWrite = () => assert.fail("written");
  await assert.rejects(upload(backend, [text("a", "a")], { signal: AbortSignal.abort() }), {
    name: "AbortError",
  });
});

Deno.test("upload(): ten identical concurrent uploads all succeed", async () => {
  await using temp = await tempDir();
  const content = Array.from({ length: 5 }, (_, i) => noise(20_000, i).join(" "));
  const uploads = Array.from({ length: 10 }, () => {
    const items = content.map((one, i) => withChecksum(`a${i}`, one));
    return upload(new LocalBackend(temp.path), items);
  });
  for (const results of await Promise.all(uploads)) {
    for (const { outcome, warnings, error } of results) {
      assert(outcome === "written" || outcome === "unchanged", error?.message);
      assert.deepEqual(warnings, []);
    }
  }
  const names = await fileNames(temp.path);
  assert.equal(names.length, 10);
  const backend = new LocalBackend(temp.path);
  for (const [i, one] of content.entries()) {
    assert.equal(await read(backend, `a${i}.sha256sum`), `${sha256(one)}\n`);
  }
});

Deno.test("upload(): two of different content never leave a wrong checksum unsaid", async () => {
  await using temp = await tempDir();
  for (let round = 0; round < 10; round++) {
    const key = `a${round}`;
    const results = (await Promise.all(["ours", "theirs!"].map((content) =>
      upload(new LocalBackend(temp.path), [withChecksum(key, content)])
    ))).flat();
    const backend = new LocalBackend(temp.path);
    const matches = await read(backend, `${key}.sha256sum`) ===
      `${sha256(await read(backend, key))}\n`;
    assert(
      matches || results.some(({ error }) =>
        (error as { code?: string })?.code === "conflict"
      ),
    );
  }
});

for (const first of ["written", "unchanged"] as const) {
  Deno.test(`upload(): an archive that was ${first} and is replaced before its checksum is there: conflict`, async () => {
    const backend = new Watched();
    if (first === "unchanged") {
      await upload(backend, [text("a", "ours")]);
    }
    // Another upload does all of its work between our archive and our checksum.
    backend.onWrite = async (key) => {
      if (!key.endsWith(".sha256sum")) return;
      backend.onWrite = () => {};
      await upload(backend, [withChecksum("a", "theirs")]);
    };
    const results = await upload(backend, [withChecksum("a", "ours")]);
    assert.equal(results[0].outcome, "failed");
    assert.equal((results[0].error as { code?: string }).code, "conflict");
    assert(results[0].error!.message.includes(sha256("theirs")), results[0].error!.message);
  });
}

Deno.test("upload(): a last look that fails is a warning, what was written stays written", async () => {
  const backend = new Watched();
  backend.onWrite = (key) => {
    if (!key.endsWith(".sha256sum")) return;
    const { stat } = backend;
    backend.stat = (location, options) =>
      location.name === "a"
        ? Promise.reject(new RunOutputsError("failed", "no look"))
        : stat.call(backend, location, options);
  };
  const results = await upload(backend, [withChecksum("a", "a")]);
  assert.deepEqual(results.map(({ outcome }) => outcome), ["written", "written"]);
  assert.equal(results[0].warnings.length, 1);
  assert.match(results[0].warnings[0], /another upload has replaced .*1-linux\/a: no look$/);
});

Deno.test("upload(): events add up: each file starts and finishes once, bytes make its size", async () => {
  await using temp = await tempDir();
  const big = noise(3_000_000);
  await writeTree(temp.path, { "in/big": big, "in/small": "small" });
  const events: TransferEvent[] = [];
  const results = await upload(new LocalBackend(join(temp.path, "out")), [
    fileItem(at("big"), join(temp.path, "in", "big"), {
      followUp: ({ sha256 }) => [text("big.sha256sum", sha256!)],
    }),
    fileItem(at("small"), join(temp.path, "in", "small")),
    fileItem(at("gone"), join(temp.path, "in", "gone")),
  ], { onEvent: (event) => events.push(event) });
  for (const result of results) {
    const { path } = result;
    const own = events.filter((e) => (e.type === "finish" ? e.result.path : e.path) === path);
    assert.equal(own[0].type, "start");
    assert.equal(own.filter(({ type }) => type === "start").length, 1, path);
    const last = own.at(-1)!;
    assert(last.type === "finish" && last.result === result);
    assert.equal(own.filter(({ type }) => type === "finish").length, 1, path);
    const bytes = own.reduce((sum, e) => e.type === "bytes" ? sum + e.bytes : sum, 0);
    assert.equal(bytes, result.outcome === "failed" ? 0 : result.size);
  }
});

Deno.test("upload(): a dry run plans what would be written, checks, and creates nothing", async () => {
  const inner = new Watched();
  await upload(inner, [text("same", "same"), text("other", "one")]);
  inner.onWrite = () => assert.fail("written");
  const made: UploadItem = {
    location: at("made"),
    path: "made",
    open: () => assert.fail("made"),
    check: () => Promise.resolve(),
    followUp: ({ sha256 }) => {
      assert.equal(sha256, undefined);
      return [{ ...text("made.sha256sum", ""), check: () => Promise.resolve() }];
    },
  };
  const unreadable: UploadItem = {
    ...made,
    location: at("bad"),
    check: () => Promise.reject(new Error("can't be read")),
  };
  const results = await upload(new DryRunBackend(inner), [
    text("same", "same"),
    text("other", "two"),
    text("new", "new"),
    made,
    unreadable,
  ]);
  assert.deepEqual(results.map(({ location, outcome }) => [location.name, outcome]), [
    ["same", "unchanged"],
    ["other", "planned"],
    ["new", "planned"],
    ["made", "planned"],
    ["made.sha256sum", "planned"],
    ["bad", "failed"],
  ]);
});

/** An item that is made on demand, as an archive of a directory is. */
function made(key: string, open: () => Promise<void>, onDisposed = () => {}): UploadItem {
  return {
    ...text(key, `content of ${key}`),
    size: undefined,
    madeFrom: 100,
    open: async () => {
      await open();
      const source = bytesSource(`content of ${key}`);
      return Object.assign(source, {
        [Symbol.asyncDispose]: () => Promise.resolve(onDisposed()),
      });
    },
  };
}

Deno.test("upload(): the next item is made while the one before and other files are sent", async () => {
  const [others, sending, second] = [1, 2, 3].map(() => Promise.withResolvers<void>());
  const backend = new Watched();
  backend.onWrite = async (key) => {
    if (key.endsWith("/log")) others.resolve();
    if (!key.endsWith("/1")) return;
    // The first one is sent until the second one is made.
    sending.resolve();
    await second.promise;
  };
  const events: TransferEvent[] = [];
  const results = await upload(backend, [
    made("1", () => others.promise),
    made("2", () => sending.promise.then(second.resolve)),
    text("log", "a log"),
  ], { concurrency: 1, onEvent: (event) => events.push(event) });
  assert.deepEqual(results.map(({ location, outcome }) => [location.name, outcome]), [
    ["1", "written"],
    ["2", "written"],
    ["log", "written"],
  ]);
  assert.equal(backend.most, 1);
  const ready = events.filter(({ type }) => type === "ready");
  assert.deepEqual(
    ready,
    ["1", "2"].map((key) => {
      return { type: "ready", path: `text of ${key}`, size: `content of ${key}`.length };
    }),
  );
});

for (const concurrency of [1, 3]) {
  Deno.test(`upload(): with ${concurrency} at once, at most ${concurrency + 1} made items exist`, async () => {
    let [existing, most] = [0, 0];
    const open = () => {
      most = Math.max(most, ++existing);
      return Promise.resolve();
    };
    const items = Array.from({ length: 12 }, (_, i) => {
      const item = made(`${i}`, open, () => existing--);
      return i === 5 ? { ...item, open: () => Promise.reject(new Error("no")) } : item;
    });
    const backend = new Watched();
    backend.onWrite = async () => {
      // Long enough for the next ones to be made, if they were not held back.
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    };
    const results = await upload(backend, items, { concurrency });
    assert.deepEqual(
      results.map(({ outcome }) => outcome),
      items.map((_, i) => i === 5 ? "failed" : "written"),
    );
    assert.deepEqual([existing, backend.writesUnderWay], [0, 0]);
    assert.deepEqual([most <= concurrency + 1, backend.most], [true, concurrency]);
  });
}

Deno.test("upload(): an abort while items are made and sent leaves neither behind", async () => {
  const [controller, reason] = [new AbortController(), new Error("enough")];
  let existing = 0;
  const open = () => Promise.resolve(void existing++);
  const backend = new Watched();
  backend.onWrite = (key) => key.endsWith("/3") ? controller.abort(reason) : undefined;
  const items = Array.from({ length: 9 }, (_, i) => made(`${i}`, open, () => existing--));
  const uploading = upload(backend, [...items, ...many("log")], {
    concurrency: 2,
    signal: controller.signal,
  });
  await assert.rejects(uploading, (error) => error === reason);
  assert.deepEqual([existing, backend.writesUnderWay], [0, 0]);
});

/** A storage that counts what it is asked. */
class Counted extends MemoryBackend {
  stats = 0;
  lists = 0;
  onList: () => Promise<unknown> | void = () => {};

  override stat(location: OutputLocation) {
    this.stats++;
    return super.stat(location);
  }

  override async *list(prefix: OutputLocation, options?: ListOptions) {
    this.lists++;
    yield* super.list(prefix, options);
    await this.onList();
  }
}

const many = (content: string, count = 40) =>
  Array.from({ length: count }, (_, i) => text(`logs/g/${i}.log`, `${content} ${i}`));

Deno.test("upload(): many files of one directory cost one list, not a question each", async () => {
  const backend = new Counted();
  const first = await upload(backend, many("one"));
  assert.deepEqual(new Set(first.map(({ outcome }) => outcome)), new Set(["written"]));
  assert.deepEqual([backend.lists, backend.stats], [1, 0]);
  const again = await upload(backend, many("one"));
  assert.deepEqual(new Set(again.map(({ outcome }) => outcome)), new Set(["unchanged"]));
  const changed = await upload(backend, many("two", 41));
  assert.equal(changed.filter(({ warnings }) => warnings.length === 1).length, 40);
  assert.equal(changed[40].warnings.length, 0);
});

Deno.test("upload(): what another puts there after the list is not replaced unsaid", async () => {
  for (const ifExists of ["replace", "fail", "skip"] as const) {
    const backend = new Counted();
    backend.onList = async () => {
      backend.onList = () => {};
      await upload(backend, [text("logs/g/7.log", "other")]);
    };
    const results = await upload(backend, many("one"), { ifExists });
    const [seventh] = results.splice(7, 1);
    assert(results.every(({ outcome }) => outcome === "written"));
    assert.equal(
      seventh.outcome,
      { replace: "written", fail: "failed", skip: "skipped" }[ifExists],
    );
    if (ifExists === "replace") assert(seventh.warnings[0].includes(sha256("other")));
    if (ifExists !== "replace") assert.equal(await read(backend, "logs/g/7.log"), "other");
  }
});

Deno.test("upload(): a directory with far more in it than is uploaded is not listed to its end", async () => {
  const backend = new Counted();
  for (let i = 0; i < 1000; i++) await backend.write(at(`logs/g/old${i}`), bytesSource("x"));
  const results = await upload(backend, many("one", 20));
  assert(results.every(({ outcome }) => outcome === "written"));
  assert.equal(backend.stats, 20);
});

Deno.test("upload(): if listing is denied, each file is checked", async () => {
  const backend = new Counted();
  backend.onList = () => Promise.reject(new Error("no"));
  const results = await upload(backend, many("one", 20));
  assert(results.every(({ outcome }) => outcome === "written"));
  assert.equal(backend.stats, 20);
});

for (const concurrency of [0, 0.5, -1, NaN]) {
  Deno.test(`upload(), download(): a concurrency of ${concurrency} is rejected`, async () => {
    const backend = new MemoryBackend();
    const expected = {
      code: "invalid",
      message: new RegExp(`^Invalid concurrency ${concurrency}:`),
    };
    await assert.rejects(upload(backend, [text("a", "a")], { concurrency }), expected);
    await assert.rejects(backend.stat(at("a")), { code: "not_found" });
    await assert.rejects(download(backend, [], { concurrency }), expected);
    assert.throws(() => new Downloader(backend, { concurrency }), expected);
  });
}

Deno.test("upload(), download(): the concurrency may be infinite", async () => {
  await using temp = await tempDir();
  const backend = new MemoryBackend();
  const names = Array.from({ length: 20 }, (_, i) => `f${i}`);
  const concurrency = Infinity;
  const up = await upload(backend, names.map((name) => text(name, name)), { concurrency });
  assert.deepEqual(up.map(({ outcome }) => outcome), names.map(() => "written"));
  const items = names.map((name) => ({ location: at(name), path: join(temp.path, name) }));
  const down = await download(backend, items, { concurrency });
  assert.deepEqual(down.map(({ outcome }) => outcome), names.map(() => "written"));
});

Deno.test("uploadThrough(): an error of its callback aborts items that are made, and waits for them", async () => {
  const backend = new MemoryBackend();
  const making = Promise.withResolvers<void>();
  let ended = false;
  const made: UploadItem = {
    ...text("made", "made"),
    madeFrom: 1,
    async open(signal) {
      const aborted = new Promise((resolve) => signal?.addEventListener("abort", resolve));
      making.resolve();
      await aborted;
      await new Promise((resolve) => setTimeout(resolve, 0));
      ended = true;
      throw signal!.reason;
    },
  };
  const quick: UploadItem = {
    ...text("quick", "quick"),
    async open() {
      await making.promise;
      return bytesSource("quick");
    },
  };
  const uploading = uploadThrough(backend, [made, quick], () => {
    throw new Error("broken");
  });
  await assert.rejects(uploading, { message: "broken" });
  assert(ended);
});
