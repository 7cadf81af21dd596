/** The cache: what is there and whole is not made again; what is damaged is, and is told. */

import assert from "node:assert/strict";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import {
  ContentCache,
  type ContentCacheOptions,
} from "../../../src/storage/cache/content_cache.ts";
import { download } from "../../../src/storage/transfer/download.ts";
import { lockFile } from "../../../src/storage/local/file_lock.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { noise, sha256 } from "../../support/bytes.ts";
import { rejectsWith } from "../../support/errors.ts";
import { fileNames } from "../../support/snapshot.ts";
import { readTree, tempDir } from "../../support/temp_dir.ts";

const TEXT = "a content";
const KEY = { sha256: sha256(TEXT), size: TEXT.length };

const entry = (dir: string, text = TEXT) =>
  `${dir}/v1/sha256/${sha256(text).slice(0, 2)}/${sha256(text)}`;
const exists = (path: string) => Deno.lstat(path).then(() => true, () => false);

/** A cache in a directory for one test, with what it tells and what it was asked to make. */
async function testCache(options: ContentCacheOptions = {}) {
  const dir = await tempDir();
  const notes: string[] = [];
  const made: string[] = [];
  const cache = await ContentCache.open(`${dir.path}/cache`, {
    onNote: (note) => notes.push(note),
    ...options,
  });
  return {
    cache,
    dir: cache.dir,
    outside: dir.path,
    notes,
    made,
    /** Takes a text, and makes it if asked. */
    take: (text: string, size: number | undefined = text.length) =>
      cache.take({ sha256: sha256(text), size }, async (path) => {
        made.push(text);
        await Deno.writeTextFile(path, text);
      }),
    /** Takes a text and lets it go, at a time that is told. */
    async use(text: string, at: number) {
      await (await this.take(text))[Symbol.asyncDispose]();
      const stamp = `${entry(cache.dir, text)}.used`;
      if (await exists(stamp)) await Deno.utime(stamp, at, at);
    },
    /** Which of some texts are there. */
    async there(...texts: string[]) {
      const found = await Promise.all(texts.map((text) => exists(entry(cache.dir, text))));
      return texts.filter((_, i) => found[i]);
    },
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}

Deno.test("take(): created once, then from the cache; no other files are left", async () => {
  await using t = await testCache();
  for (const origin of ["network", "cache", "cache"] as const) {
    await using file = await t.take(TEXT);
    assert.deepEqual([file.origin, file.size, file.sha256], [origin, TEXT.length, KEY.sha256]);
    assert.equal(await Deno.readTextFile(file.path), TEXT);
  }
  assert.deepEqual(t.made, [TEXT]);
  const path = entry("", TEXT).slice(1);
  assert.deepEqual(await fileNames(t.dir), ["v1/eviction.lock", path, `${path}.used`]);
  assert.deepEqual(t.notes, []);
});

Deno.test("take(): 20 concurrent calls of one process create it once", async () => {
  await using t = await testCache();
  const files = await Promise.all(Array.from({ length: 20 }, () => t.take(TEXT)));
  assert.deepEqual(files.map(({ origin }) => origin).sort().slice(-2), ["cache", "network"]);
  assert.deepEqual(t.made, [TEXT]);
  await Promise.all(files.map((file) => file[Symbol.asyncDispose]()));
});

Deno.test("take(): empty content is valid", async () => {
  await using t = await testCache();
  await t.use("", 1);
  await t.use("", 1);
  assert.deepEqual(t.made, [""]);
});

Deno.test("find(): missing content is undefined, existing content is returned without creating it", async () => {
  await using t = await testCache();
  assert.equal(await t.cache.find(KEY), undefined);
  await t.use(TEXT, 1);
  await using file = await t.cache.find({ sha256: KEY.sha256 });
  assert.equal(file?.origin, "cache");
});

for (
  const [what, damage, told] of [
    ["other bytes of the same size", "A CONTENT", "checksum mismatch"],
    ["a truncated file", "a con", "checksum mismatch (5 bytes)"],
    ["an empty file", "", "checksum mismatch (0 bytes)"],
    ["a longer file", `${TEXT}!`, "checksum mismatch (10 bytes)"],
  ]
) {
  Deno.test(`take(): ${what} is noticed, reported and created again`, async () => {
    await using t = await testCache();
    await t.use(TEXT, 1);
    await Deno.remove(entry(t.dir));
    await Deno.writeTextFile(entry(t.dir), damage);
    assert.equal(await t.cache.find(KEY), undefined);
    {
      await using file = await t.take(TEXT);
      assert.equal(file.origin, "network");
      assert.equal(await Deno.readTextFile(file.path), TEXT);
    }
    await t.use(TEXT, 1);
    assert.deepEqual(t.made, [TEXT, TEXT]);
    assert.equal(t.notes.length, 2);
    assert(t.notes[0].includes(told) && t.notes[0].endsWith(": ignored"), t.notes[0]);
    assert(t.notes[1].includes(told) && t.notes[1].endsWith(": rebuilding it"), t.notes[1]);
  });
}

Deno.test("take(): a damaged file in use is replaced, not deleted", async () => {
  await using t = await testCache();
  await using held = await t.take(TEXT);
  await Deno.chmod(held.path, 0o644);
  await Deno.writeTextFile(held.path, "A CONTENT");
  await rejectsWith(
    t.cache.take(KEY, () => Promise.reject(new Deno.errors.NotFound("gone"))).catch((error) => {
      assert.equal((error as Error).message, "gone", "an error of produce comes as it is");
      return t.cache.take({ ...KEY, size: 1 }, (path) => Deno.writeTextFile(path, "too long"));
    }),
    "integrity",
    "8 bytes",
  );
  assert(await exists(held.path), "it is still there");
  await using again = await t.take(TEXT);
  assert.equal(again.origin, "network");
  assert.equal(await Deno.readTextFile(held.path), TEXT);
});

Deno.test("take(): a link or an empty directory at the path of a content is deleted", async () => {
  await using t = await testCache();
  await Deno.mkdir(entry(t.dir), { recursive: true });
  await t.use(TEXT, 1);
  assert.match(t.notes.join(), /is not a regular file: rebuilding it$/);
  await Deno.remove(entry(t.dir));
  await Deno.writeTextFile(`${t.outside}/same`, TEXT);
  await Deno.symlink(`${t.outside}/same`, entry(t.dir));
  await t.use(TEXT, 1);
  await t.use(TEXT, 1);
  assert.deepEqual(t.made, [TEXT, TEXT]);
  assert.equal(await Deno.readTextFile(`${t.outside}/same`), TEXT);
  assert.equal(t.notes.length, 2);
});

Deno.test("take(): a non-empty directory is reported in one line, and stays", async () => {
  await using t = await testCache();
  await Deno.mkdir(`${entry(t.dir)}/mine`, { recursive: true });
  await rejectsWith(t.take(TEXT), "conflict", t.dir, "a directory of this name already exists");
  assert(await exists(`${entry(t.dir)}/mine`));
});

Deno.test("take(): an invalid key is rejected before anything is created", async () => {
  await using t = await testCache();
  for (const digest of ["", "../../etc/passwd", KEY.sha256.toUpperCase(), `${KEY.sha256}0`]) {
    const make = () => Promise.reject(new Error("asked"));
    await rejectsWith(t.cache.take({ sha256: digest }, make), "invalid", "sha256", "64 hex");
    await rejectsWith(t.cache.find({ sha256: digest }), "invalid", "sha256");
  }
  for (const size of [-1, 1.5, NaN]) {
    await rejectsWith(t.cache.find({ ...KEY, size }), "invalid", "size");
  }
});

Deno.test("take(): a wrong size in the key is an error, and deletes nothing", async () => {
  await using t = await testCache();
  await t.use(TEXT, 1);
  await rejectsWith(t.take(TEXT, 5), "integrity", "got 9 bytes, expected 5 bytes");
  await rejectsWith(t.take("other", 6), "integrity", "got 5 bytes, expected 6 bytes");
  const nothing = t.cache.take({ sha256: sha256("none") }, () => Promise.resolve());
  await rejectsWith(nothing, "integrity", "got no file");
  assert.deepEqual(await t.there(TEXT, "other", "none"), [TEXT]);
  assert.deepEqual(await fileNames(`${t.dir}/v1/making`), []);
});

Deno.test("take(): after a failure nothing can be found; the next caller creates it", async () => {
  await using t = await testCache();
  const failure = new Error("no network");
  let begun = () => {};
  const isBegun = new Promise<void>((resolve) => begun = resolve);
  let fail = () => {};
  const first = t.cache.take(KEY, async (path) => {
    await Deno.writeTextFile(`${path}.part`, "a con");
    begun();
    await new Promise<void>((resolve) => fail = resolve);
    throw failure;
  });
  await isBegun;
  let waits = 0;
  const second = t.cache.take(KEY, async (path) => {
    const part = await Deno.readTextFile(`${path}.part`);
    await Deno.writeTextFile(path, `${part}tent`);
    return { resumed: part.length };
  }, {
    onWait: () => {
      waits++;
      fail();
    },
  });
  await assert.rejects(first, (error) => error === failure);
  await using file = await second;
  assert.equal(file.resumed, 5);
  assert.equal(waits, 1);
  assert.deepEqual(await fileNames(`${t.dir}/v1/making`), []);
});

Deno.test("take(): a signal aborts the wait for another process", async () => {
  await using t = await testCache();
  const path = `${t.dir}/v1/making/${KEY.sha256}.lock`;
  using _other = await lockFile(path, { create: true });
  const controller = new AbortController();
  const reason = new Error("enough");
  const waiting = t.cache.take(KEY, () => Promise.reject(new Error("asked")), {
    signal: controller.signal,
    onWait: () => controller.abort(reason),
  });
  await assert.rejects(waiting, (error) => error === reason);
  await assert.rejects(
    t.cache.take(KEY, () => Promise.resolve(), { signal: controller.signal }),
    (error) => error === reason,
  );
});

Deno.test("take(): an entry that another process keeps locked is waited for, then rebuilt", async () => {
  await using t = await testCache({ patience: 20 });
  await t.use(TEXT, 1);
  // Whoever may read an entry may lock it, without the right to change it.
  using _held = await lockFile(entry(t.dir));
  assert.equal(await t.cache.find(KEY), undefined);
  await using file = await t.take(TEXT);
  assert.deepEqual([file.origin, await Deno.readTextFile(file.path)], ["network", TEXT]);
  assert.deepEqual(t.made, [TEXT, TEXT]);
  assert.equal(t.notes.length, 2);
  assert.match(t.notes[0], /another process keeps it locked\): ignored$/);
  assert.match(t.notes[1], /another process keeps it locked\): rebuilding it$/);
});

Deno.test("open(): nobody can stop it by locking a file of the cache", async () => {
  await using t = await testCache();
  using _held = await lockFile(`${t.dir}/v1/eviction.lock`);
  assert((await ContentCache.open(t.dir)).writable);
});

Deno.test("take(): a large download resumes in the cache where another one stopped", async () => {
  await using t = await testCache();
  const bytes = noise(300_000);
  const key = { sha256: sha256(bytes), size: bytes.length };
  const at = new OutputLocation("bucket", "1-linux/big.tar.zst");
  const backend = new MemoryBackend();
  await backend.write(at, bytesSource(bytes));
  const fetch = (stopAt: number) => async (path: string, outer?: AbortSignal) => {
    const controller = new AbortController();
    outer?.addEventListener("abort", () => controller.abort(outer.reason), { once: true });
    let seen = 0;
    const [result] = await download(backend, [{ location: at, path, ...key }], {
      segment: 50_000,
      concurrency: 1,
      signal: controller.signal,
      onEvent: (event) => {
        if (event.type === "bytes") seen += event.bytes;
        if (seen >= stopAt) controller.abort(new Error("stopped"));
      },
    });
    if (result.error !== undefined) throw result.error;
    return { resumed: result.resumed };
  };
  await assert.rejects(t.cache.take(key, fetch(150_000)), /stopped/);
  assert.deepEqual(await readTree(`${t.dir}/v1/sha256`), {});
  await using file = await t.cache.take(key, fetch(Infinity));
  assert(file.resumed! >= 100_000, `continued ${file.resumed}`);
  assert.equal(sha256(await Deno.readFile(file.path)), key.sha256);
  assert.deepEqual(await fileNames(`${t.dir}/v1/making`), []);
});

Deno.test("verify: false returns a file of the right size; after discard() it is created again", async () => {
  await using t = await testCache();
  await t.use(TEXT, 1);
  await Deno.chmod(entry(t.dir), 0o644);
  await Deno.writeTextFile(entry(t.dir), "A CONTENT");
  const file = await t.cache.find(KEY, { verify: false });
  assert.equal(file?.origin, "cache");
  await file.discard();
  assert.equal(await t.cache.find(KEY, { verify: false }), undefined);
  await t.use(TEXT, 1);
  assert.deepEqual(t.made, [TEXT, TEXT]);

  const good = await t.take(TEXT);
  await good.discard();
  assert(await exists(good.path), "what is not damaged stays");
  assert.deepEqual(await fileNames(`${t.dir}/v1/making`), []);
});

Deno.test("eviction: the least recently used is deleted first, and a use counts", async () => {
  await using t = await testCache({ maxBytes: 30 });
  await t.use("first 10 b", 1);
  await t.use("second 10 ", 2);
  await t.use("third 10 b", 3);
  await t.use("first 10 b", 4);
  await t.use("fourth 10 ", 5);
  assert.deepEqual(await t.there("first 10 b", "second 10 ", "third 10 b", "fourth 10 "), [
    "first 10 b",
    "third 10 b",
    "fourth 10 ",
  ]);
  await t.use("x".repeat(20), 6);
  assert.deepEqual(await t.there("first 10 b", "third 10 b", "fourth 10 "), ["fourth 10 "]);
  const left = await fileNames(`${t.dir}/v1/sha256`);
  assert.equal(left.filter((name) => name.endsWith(".used")).length, 2, "stamps go along");
});

Deno.test("eviction: what is in use stays, and goes when it is let go", async () => {
  await using t = await testCache({ maxBytes: 10 });
  const [a, b] = [await t.take("aaaaaaaa"), await t.take("bbbbbbbb")];
  assert.deepEqual(await t.there("aaaaaaaa", "bbbbbbbb"), ["aaaaaaaa", "bbbbbbbb"]);
  await a[Symbol.asyncDispose]();
  assert.deepEqual(await t.there("aaaaaaaa", "bbbbbbbb"), ["bbbbbbbb"]);
  await b[Symbol.asyncDispose]();
  await b[Symbol.asyncDispose]();
  assert.deepEqual(await t.there("aaaaaaaa", "bbbbbbbb"), ["bbbbbbbb"]);
});

Deno.test("eviction: what is larger than the bound is served, and does not drive out the rest", async () => {
  await using t = await testCache({ maxBytes: 10 });
  await t.use("small", 1);
  {
    await using file = await t.take("much larger than that");
    assert.equal(await Deno.readTextFile(file.path), "much larger than that");
  }
  assert.deepEqual(await t.there("small", "much larger than that"), ["small"]);
});

Deno.test({
  name:
    "take(): what another user prepared is not used: entries are created in a private directory",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    for (const mode of [0o777, 0o775, 0o1777]) {
      await using t = await testCache();
      // Its owner, or anyone, could exchange the files in it at any moment.
      const prepared = `${t.dir}/v1/making/${KEY.sha256}`;
      await Deno.mkdir(prepared);
      await Deno.chmod(prepared, mode);
      await Deno.writeTextFile(`${prepared}/data`, "A CONTENT");
      await Deno.symlink(t.outside, `${t.dir}/v1/making/${KEY.sha256}-link`);
      const stopped = t.cache.take(KEY, async (path) => {
        await Deno.writeTextFile(`${path}.part`, "a con");
        throw new Error("stopped");
      });
      await assert.rejects(stopped, /stopped/);
      await using file = await t.cache.take(KEY, async (path) => {
        const { mode, isSymlink } = await Deno.lstat(path.slice(0, -"/data".length));
        assert.equal(mode! & 0o777, 0o700);
        assert(!isSymlink && !path.startsWith(`${prepared}/`));
        assert(!await exists(path));
        assert.equal(await Deno.readTextFile(`${path}.part`), "a con", "resumed");
        await Deno.rename(`${path}.part`, path);
        await Deno.writeTextFile(path, TEXT);
      });
      assert.equal(await Deno.readTextFile(file.path), TEXT);
      assert.equal((await Deno.lstat(file.path)).mode! & 0o777, 0o444);
      assert.equal(await Deno.readTextFile(`${prepared}/data`), "A CONTENT");
    }
  },
});

Deno.test({
  name: "take(): a link that takes the place of a new content is not followed",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using t = await testCache();
    const secret = `${t.outside}/secret`;
    await Deno.writeTextFile(secret, TEXT, { mode: 0o600 });
    const taken = t.cache.take(KEY, (path) => Deno.symlink(secret, path));
    await rejectsWith(taken, "integrity", "no file");
    assert.equal((await Deno.lstat(secret)).mode! & 0o777, 0o600);
    assert(!await exists(entry(t.dir)));
  },
});

Deno.test({
  name: "eviction: the private directory of another user stops nothing",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using t = await testCache({ maxBytes: 5 });
    const making = `${t.dir}/v1/making/${sha256("another")}-x`;
    await Deno.mkdir(making);
    await Deno.chmod(making, 0);
    await t.use(TEXT, 1);
    assert.deepEqual(t.notes, []);
    assert.deepEqual(await t.there(TEXT), []);
    // Root may read and delete everything.
    if (await exists(making)) await Deno.chmod(making, 0o700);
  },
});

Deno.test("eviction: abandoned files are deleted after a week; files being created stay", async () => {
  await using t = await testCache({ maxBytes: 1_000_000 });
  const making = `${t.dir}/v1/making`;
  const [old, recent, busy] = ["old", "recent", "busy"].map(sha256);
  for (const digest of [old, recent, busy]) {
    await Deno.mkdir(`${making}/${digest}`);
    await Deno.writeTextFile(`${making}/${digest}/data.part`, "part");
    await Deno.writeTextFile(`${making}/${digest}.lock`, "");
  }
  await Deno.writeTextFile(`${making}/${sha256("lone")}.lock`, "");
  for (const digest of [old, busy]) {
    await Deno.utime(`${making}/${digest}/data.part`, 1, 1);
    await Deno.utime(`${making}/${digest}`, 1, 1);
  }
  using _busy = await lockFile(`${making}/${busy}.lock`);
  await t.use(TEXT, 1);
  const left = [busy, recent].flatMap((digest) => [`${digest}.lock`, `${digest}/data.part`]);
  assert.deepEqual(await fileNames(making), left.sort());
});

Deno.test("open(): an invalid maximum size is rejected", async () => {
  for (const maxBytes of [0, -1, 1.5, NaN, Infinity]) {
    await rejectsWith(ContentCache.open("/nowhere", { maxBytes }), "invalid", "maxBytes");
  }
});

Deno.test("open(): a file instead of the directory is reported in one line", async () => {
  await using dir = await tempDir();
  await Deno.writeTextFile(`${dir.path}/file`, "");
  await rejectsWith(ContentCache.open(`${dir.path}/file`), "conflict", `${dir.path}/file`);
});

Deno.test("open(): other files in the directory are not touched", async () => {
  await using t = await testCache({ maxBytes: 1 });
  await Deno.writeTextFile(`${t.dir}/notes`, "mine");
  await Deno.writeTextFile(`${t.dir}/v1/sha256/notes`, "mine");
  await t.use("too large", 1);
  const mine = { "eviction.lock": "", "sha256/notes": "mine" };
  assert.deepEqual(await readTree(`${t.dir}/v1`), mine);
});

Deno.test({
  name: "take(): a file that other users can change is shared: placed as a verified copy",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    for (
      const [what, mode, shared] of [
        ["v1", 0o777, true],
        ["v1/sha256", 0o775, true],
        ["", 0o777, true],
        // The directory above the cache: all of it could be replaced.
        ["..", 0o777, true],
        ["..", 0o775, true],
        // Only owners replace what is in a sticky directory.
        ["..", 0o1777, false],
        ["v1", 0o1777, false],
        ["", 0o755, false],
      ] as const
    ) {
      await using t = await testCache();
      await t.use(TEXT, 1);
      for (const dir of ["", "v1", "v1/sha256"]) await Deno.chmod(`${t.dir}/${dir}`, 0o755);
      await Deno.chmod(entry(t.dir).slice(0, -65), 0o755);
      await Deno.chmod(`${t.dir}/${what}`, mode);
      await using file = await t.take(TEXT);
      assert.equal(file.shared, shared, `${what} ${mode.toString(8)}`);
      const place = `${t.outside}/placed`;
      assert.equal(await file.place(place, { hardLink: true }), shared ? "copy" : "hardlink");
      await Deno.remove(place);
      // Its owner changes it after it was verified.
      await Deno.chmod(file.path, 0o644);
      await Deno.writeTextFile(file.path, "A CONTENT");
      if (!shared) continue;
      await rejectsWith(file.place(place), "integrity", file.path, "use a cache of your own");
      assert(!await exists(place));
    }
  },
});
