/** `run-outputs cache`: what it lists, and what it deletes and leaves. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { ContentCache } from "../../../../src/storage/cache/content_cache.ts";
import { sha256 } from "../../../support/bytes.ts";
import { refused, run, runJson, runs } from "../../../support/command_line.ts";
import { fileNames, snapshot } from "../../../support/snapshot.ts";
import { tempDir, writeTree } from "../../../support/temp_dir.ts";

const RESPONSE = `github/v1/ab/${"ab".padEnd(64, "0")}.json`;

/** A cache with files of 10, 20 and 30 bytes, last used 30, 20 and 10 days ago, and a response. */
async function world() {
  const temp = await tempDir();
  const cache = await ContentCache.open(temp.path);
  const days = (count: number) => Date.now() / 1000 - count * 24 * 3600;
  const digests: string[] = [];
  for (const [size, age] of [[10, 30], [20, 20], [30, 10]]) {
    const text = "x".repeat(size);
    const key = { sha256: sha256(text), size };
    await (await cache.take(key, (path) => Deno.writeTextFile(path, text)))[Symbol.asyncDispose]();
    const stamp = join(temp.path, "v1/sha256", key.sha256.slice(0, 2), `${key.sha256}.used`);
    await Deno.utime(stamp, days(age), days(age));
    digests.push(key.sha256);
  }
  await writeTree(temp.path, { [RESPONSE]: "{}", "mine.txt": "not of the cache" });
  const at = ["--cache-dir", temp.path];
  return {
    path: temp.path,
    cache,
    digests,
    at,
    /** The sizes of the files that are left. */
    left: async () => {
      const { files } = await runJson(0, ["cache", "list", ...at]);
      return files.map((file: { size: number }) => file.size);
    },
    [Symbol.asyncDispose]: () => temp[Symbol.asyncDispose](),
  };
}

Deno.test("cache list: files with size and last use, the most recent first, and responses", async () => {
  await using w = await world();
  const { out } = await runs(0, ["cache", "list", ...w.at]);
  assert.equal(
    out,
    `10 d ago  30 B  ${w.digests[2]}
20 d ago  20 B  ${w.digests[1]}
30 d ago  10 B  ${w.digests[0]}
3 files, 60 B in ${w.path}; 1 response of GitHub, 2 B
`,
  );
  const document = await runJson(0, ["cache", "list"], { RUN_OUTPUTS_CACHE_DIR: w.path });
  assert.deepEqual({ ...document, files: document.files.length }, {
    schema: "run-outputs.cache/1",
    cache_dir: w.path,
    count: 3,
    bytes: 60,
    files: 3,
    github: { count: 1, bytes: 2 },
    errors: [],
  });
  const [{ last_used: lastUsed, ...file }] = document.files;
  assert.deepEqual(file, { sha256: w.digests[2], state: "complete", size: 30 });
  assert(Date.parse(lastUsed) < Date.now() - 9 * 24 * 3600 * 1000);
});

for (
  const [options, left, responses] of [
    [[], [], 0],
    [["--older-than", "15d"], [30], 1],
    [["--max-size", "50"], [30, 20], 1],
    [["--max-size", "49"], [30], 1],
    [["--older-than", "25d", "--max-size", "1"], [30, 20], 1],
    [["--older-than", "15d", "--max-size", "50"], [30, 20], 1],
  ] as const
) {
  Deno.test(`cache clean ${options.join(" ")}: deletes these files only; a dry run none`, async () => {
    await using w = await world();
    const before = await snapshot(w.path);
    const args = ["cache", "clean", ...w.at, ...options];
    const planned = await runJson(0, [...args, "--dry-run"]);
    assert.deepEqual(await snapshot(w.path), before);
    const done = await runJson(0, args);
    assert.deepEqual(await w.left(), left);
    assert.equal(done.count, 3 - left.length);
    assert.equal(planned.bytes, done.bytes);
    const named = await fileNames(w.path);
    assert.equal(named.filter((name) => name.startsWith("github/")).length, responses);
    assert(named.includes("mine.txt"));
  });
}

Deno.test("cache clean: what a process uses stays, and is counted", async () => {
  await using w = await world();
  {
    await using _used = await w.cache.find({ sha256: w.digests[0] });
    const { out } = await runs(0, ["cache", "clean", ...w.at]);
    assert.match(
      out,
      /^deleted 2 files, 50 B, from [^\n]*; 1 in use\ndeleted 1 response of GitHub\n$/,
    );
    assert.deepEqual(await w.left(), [10]);
  }
  await runs(0, ["cache", "clean", ...w.at]);
  assert.deepEqual(await w.left(), []);
});

Deno.test("cache clean: an unfinished download that nobody continues is deleted, one in progress stays", async () => {
  await using w = await world();
  const text = "content";
  const key = { sha256: sha256(text), size: text.length };
  const cleaned: string[] = [];
  await using file = await w.cache.take(key, async (path) => {
    await Deno.writeTextFile(path, text);
    const { files } = await runJson(0, ["cache", "clean", ...w.at]);
    cleaned.push(...files.map((file: { outcome: string }) => file.outcome));
  });
  assert.deepEqual(cleaned.toSorted(), ["deleted", "deleted", "deleted", "in_use"]);
  assert.equal(file.size, text.length);
  await writeTree(w.path, { [`v1/making/${"0".repeat(64)}-abc/data.part`]: "half" });
  const { out } = await runs(0, ["cache", "list", ...w.at]);
  assert.match(out, /4 B {2}0{64} {2}unfinished$/m);
  await file[Symbol.asyncDispose]();
  await runs(0, ["cache", "clean", ...w.at]);
  assert.deepEqual(await w.left(), []);
});

Deno.test("cache: a directory that does not exist is an empty cache, and stays missing", async () => {
  await using temp = await tempDir();
  const at = ["--cache-dir", join(temp.path, "none")];
  assert.match((await runs(0, ["cache", "list", ...at])).out, /^0 files, 0 B in /);
  assert.match((await runs(0, ["cache", "clean", ...at])).out, /^deleted 0 files, 0 B, from /);
  assert.deepEqual(await fileNames(temp.path), []);
  await refused(["cache", "list"], ["--cache-dir", "RUN_OUTPUTS_CACHE_DIR"], { code: 2 });
});

Deno.test("cache clean: files of others among the responses stay", async () => {
  await using w = await world();
  const foreign = ["github/v1/ab/notes.txt", "github/v1/ab/x.tmp", "v1/sha256/zz/notes.txt"];
  await writeTree(w.path, Object.fromEntries(foreign.map((name) => [name, "foreign"])));
  await runs(0, ["cache", "clean", ...w.at]);
  const left = await fileNames(w.path);
  for (const name of foreign) assert(left.includes(name), `${name}: ${left}`);
  assert(!left.includes(RESPONSE));
});

for (const broken of ["github", "v1/making"]) {
  Deno.test(`cache: where ${broken} can't be listed, the rest is listed and deleted; exit 7`, async () => {
    await using w = await world();
    await Deno.remove(join(w.path, broken), { recursive: true });
    await Deno.writeTextFile(join(w.path, broken), "a file is in the way");
    const line = /^error: Cannot list '[^'\n]*': [^\n]* not a directory\n$/;
    const listed = await run(["cache", "list", "--json", ...w.at]);
    assert.equal(listed.code, 7);
    assert.match(listed.err, line);
    const { count, errors } = JSON.parse(listed.out);
    assert.equal(count, 3);
    assert.deepEqual(errors.map((error: string) => `error: ${error}\n`), [listed.err]);
    const { out, err } = await runs(7, ["cache", "clean", ...w.at]);
    assert.match(err, line);
    assert.match(out, /^deleted 3 files, 60 B, from /);
    assert.equal(await Deno.readTextFile(join(w.path, broken)), "a file is in the way");
  });
}

Deno.test("cache: a file in place of the cache is one line, exit 2", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, { "file": "" });
  const dir = join(temp.path, "file");
  for (const command of ["list", "clean"]) {
    await refused(["cache", command, "--cache-dir", dir], [dir, "not a directory"], { code: 2 });
  }
});

Deno.test("cache clean --cache-dir '': is rejected, and the default cache stays", async () => {
  await using w = await world();
  for (const empty of ["", " "]) {
    const { err } = await runs(2, ["cache", "clean", "--cache-dir", empty], {
      RUN_OUTPUTS_CACHE_DIR: w.path,
    });
    assert.match(err, /^error: [^\n]*--cache-dir[^\n]*\n$/);
  }
  assert.deepEqual(await w.left(), [30, 20, 10]);
});
