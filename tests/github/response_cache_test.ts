import assert from "node:assert/strict";
import { join } from "node:path";
import {
  type CachedResponse,
  diskResponseCache,
  storedResponses,
} from "../../src/github/response_cache.ts";
import { readTree, tempDir } from "../support/temp_dir.ts";

const KEY = "ab".padEnd(64, "0");
const OTHER = "cd".padEnd(64, "0");

const entry = (body: string): CachedResponse => ({
  etag: 'W/"1"',
  checkedAt: 1,
  maxAge: 60_000,
  headers: { "content-type": "application/json" },
  body,
});

Deno.test("response cache: what is written is read, by another process too", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "not", "made", "yet");
  await diskResponseCache(path).write(KEY, entry('{"a":1}'));
  assert.deepEqual(await diskResponseCache(path).read(KEY), entry('{"a":1}'));
  assert.equal(await diskResponseCache(path).read(OTHER), undefined);
  const file = join(path, "github", "v1", "ab", `${KEY}.json`);
  if (Deno.build.os !== "windows") {
    assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600, "others can't read it");
  }
});

Deno.test("response cache: a damaged entry is ignored", async () => {
  await using dir = await tempDir();
  const cache = diskResponseCache(dir.path);
  await cache.write(KEY, entry('{"a":1}'));
  const file = join(dir.path, "github", "v1", "ab", `${KEY}.json`);
  const whole = await Deno.readTextFile(file);
  const broken = [
    "",
    "null",
    "[]",
    "{}",
    "\0\0",
    whole.slice(0, -9),
    whole.replace('"etag":', '"x":'),
    JSON.stringify(entry('{"a":')),
    JSON.stringify({ ...entry("{}"), headers: { link: 1 } }),
    JSON.stringify({ ...entry("{}"), headers: { link: "a\nb" } }),
    JSON.stringify({ ...entry("{}"), etag: "a\nb" }),
    JSON.stringify({ ...entry("{}"), etag: { toString: 1 } }),
    JSON.stringify({ ...entry("{}"), checkedAt: "1" }),
  ];
  for (const text of broken) {
    await Deno.writeTextFile(file, text);
    assert.equal(await cache.read(KEY), undefined, text);
  }
  await cache.write(KEY, entry('{"b":2}'));
  assert.equal((await cache.read(KEY))?.body, '{"b":2}');
});

Deno.test("response cache: after concurrent writes one entry stays, complete, and nothing else", async () => {
  await using dir = await tempDir();
  const bodies = Array.from({ length: 20 }, (_, i) => JSON.stringify({ i, pad: "x".repeat(9999) }));
  await Promise.all(bodies.map((body) => diskResponseCache(dir.path).write(KEY, entry(body))));
  const found = await diskResponseCache(dir.path).read(KEY);
  assert(bodies.includes(found!.body));
  assert.deepEqual(Object.keys(await readTree(dir.path)), [`github/v1/ab/${KEY}.json`]);
});

Deno.test("response cache: a directory that can't be used is reported once and stops nothing", async () => {
  await using dir = await tempDir();
  await Deno.writeTextFile(join(dir.path, "github"), "a file is in the way");
  const notes: string[] = [];
  const cache = diskResponseCache(dir.path, { onNote: (note) => notes.push(note) });
  await cache.write(KEY, entry("{}"));
  await cache.write(OTHER, entry("{}"));
  assert.equal(await cache.read(KEY), undefined);
  assert.equal(notes.length, 1);
  assert.match(notes[0], /Cannot cache GitHub's responses in /);
});

Deno.test("response cache: unused entries are deleted after some time", async () => {
  await using dir = await tempDir();
  await diskResponseCache(dir.path).write(KEY, entry("{}"));
  const half = join(dir.path, "github", "v1", "ab", `${KEY}.json.${crypto.randomUUID()}.tmp`);
  await Deno.writeTextFile(half, "{");
  await Deno.writeTextFile(join(dir.path, "github", "v1", "mine.txt"), "not ours");
  await Deno.writeTextFile(join(dir.path, "github", "v1", "ab", "mine.txt"), "not ours");
  await Deno.utime(join(dir.path, "github", "v1", "ab", "mine.txt"), 0, 0);
  const later = (days: number) => ({ now: () => Date.now() + days * 24 * 60 * 60 * 1000 });
  await diskResponseCache(dir.path, later(2)).write(OTHER, entry("{}"));
  const names = async () => Object.keys(await readTree(join(dir.path, "github", "v1"))).sort();
  assert.deepEqual(await names(), [
    `ab/${KEY}.json`,
    "ab/mine.txt",
    `cd/${OTHER}.json`,
    "mine.txt",
  ]);
  await Deno.utime(join(dir.path, "github", "v1", "ab", `${KEY}.json`), 0, 0);
  await diskResponseCache(dir.path).write(OTHER, entry("{}"));
  assert.deepEqual(await names(), ["ab/mine.txt", `cd/${OTHER}.json`, "mine.txt"]);
});

Deno.test("storedResponses(): its own files only, and none that a process may be writing", async () => {
  await using dir = await tempDir();
  await diskResponseCache(dir.path).write(KEY, entry("{}"));
  const shard = join(dir.path, "github", "v1", "ab");
  const [stale, fresh] = [1, 2].map(() => `${KEY}.json.${crypto.randomUUID()}.tmp`);
  const foreign = ["notes.txt", "x.tmp", `${OTHER}.json`, `${KEY}.json.bak`, KEY];
  for (const name of [stale, fresh, ...foreign]) await Deno.writeTextFile(join(shard, name), "{");
  for (const name of [stale, ...foreign]) await Deno.utime(join(shard, name), 0, 0);
  const found = await storedResponses(dir.path, (error) => assert.fail(error));
  assert.deepEqual(
    found.map(({ path }) => path).sort(),
    [`${KEY}.json`, stale].map((name) => join(shard, name)).sort(),
  );
});

Deno.test({
  name: "response cache: where others can change a response, none is read or written",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    for (
      const [open, mode] of [
        ["", 0o777],
        ["github", 0o777],
        ["github/v1", 0o775],
        ["github/v1/ab", 0o777],
        [`github/v1/ab/${KEY}.json`, 0o666],
      ] as const
    ) {
      await using dir = await tempDir();
      const notes: string[] = [];
      const cache = diskResponseCache(dir.path, { onNote: (note) => notes.push(note) });
      await cache.write(KEY, entry('{"a":1}'));
      await Deno.chmod(join(dir.path, open), mode);
      const before = await readTree(dir.path);
      assert.equal(await cache.read(KEY), undefined, open);
      await cache.write(KEY, entry('{"b":1}'));
      await cache.write(OTHER, entry('{"b":1}'));
      if (open.endsWith(".json")) {
        // Only this response is replaced.
        assert.deepEqual(await cache.read(KEY), entry('{"b":1}'));
        continue;
      }
      assert.deepEqual(await readTree(dir.path), before, open);
      const path = join(await Deno.realPath(dir.path), open);
      const what = mode === 0o775 ? "its group" : "all users";
      assert.deepEqual(notes, [
        `GitHub's responses in '${join(dir.path, "github", "v1")}' are not used: '${path}': ` +
        `${what} may write to it`,
      ]);
    }
  },
});

Deno.test({
  name: "response cache: a sticky directory above is no harm",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using dir = await tempDir();
    await Deno.chmod(dir.path, 0o1777);
    const cache = diskResponseCache(dir.path);
    await cache.write(KEY, entry('{"a":1}'));
    assert.deepEqual(await diskResponseCache(dir.path).read(KEY), entry('{"a":1}'));
  },
});
