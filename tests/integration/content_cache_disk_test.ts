/**
 * A cache on a disk of its own, that fills up or can only be read. It takes root to mount one;
 * elsewhere these tests are left out.
 *
 * @module
 */

import assert from "node:assert/strict";
import { ContentCache } from "../../src/storage/cache/content_cache.ts";
import { placeFile } from "../../src/storage/local/place_file.ts";
import { noise, sha256 } from "../support/bytes.ts";
import { runs } from "../support/command_line.ts";
import { rejectsWith } from "../support/errors.ts";
import { canMount, smallDisk } from "../support/small_disk.ts";
import { fileNames } from "../support/snapshot.ts";
import { tempDir, writeTree } from "../support/temp_dir.ts";

const MB = 1_000_000;

/** A content, and how it is made: by way of a partial file that stays after a failure. */
function content(size: number) {
  const bytes = noise(size, size);
  let asked = 0;
  return {
    key: { sha256: sha256(bytes), size },
    asked: () => asked,
    make: async (path: string) => {
      asked++;
      await Deno.writeFile(`${path}.part`, bytes);
      await Deno.rename(`${path}.part`, path);
    },
  };
}

for (const known of [true, false]) {
  Deno.test({
    name: `full disk: the cache frees space, size ${known ? "known" : "unknown"}`,
    ignore: !canMount,
    fn: async () => {
      await using disk = await smallDisk();
      const cache = await ContentCache.open(disk.path);
      const [first, second, third] = [1.4 * MB, 1.5 * MB, 1.6 * MB].map(content);
      for (const [at, { key, make }] of [first, second].entries()) {
        await (await cache.take(key, make))[Symbol.asyncDispose]();
        const dir = `${disk.path}/v1/sha256/${key.sha256.slice(0, 2)}`;
        await Deno.utime(`${dir}/${key.sha256}.used`, at + 1, at + 1);
      }
      const key = known ? third.key : { sha256: third.key.sha256 };
      await using file = await cache.take(key, third.make);
      assert.equal(third.asked(), 2);
      assert.equal(sha256(await Deno.readFile(file.path)), third.key.sha256);
      assert.equal(await cache.find(first.key), undefined);
    },
  });
}

Deno.test({
  name: "full disk: a file that does not fit is reported in one line, and leaves nothing",
  ignore: !canMount,
  fn: async () => {
    await using disk = await smallDisk();
    const cache = await ContentCache.open(disk.path);
    const [used, unused, large] = [1.4 * MB, 1.5 * MB, 6 * MB].map(content);
    await using held = await cache.take(used.key, used.make);
    await (await cache.take(unused.key, unused.make))[Symbol.asyncDispose]();
    await rejectsWith(
      cache.take(large.key, large.make),
      "failed",
      disk.path,
      "no space left on device",
    );
    assert.equal(sha256(await Deno.readFile(held.path)), used.key.sha256);
    const left = (await fileNames(disk.path)).filter((name) => !name.endsWith(".used"));
    assert.deepEqual(left, ["v1/eviction.lock", held.path.slice(disk.path.length + 1)]);
  },
});

Deno.test({
  name: "full disk: a failure to place a file is reported, and the existing file stays",
  ignore: !canMount,
  fn: async () => {
    await using dir = await tempDir();
    await using disk = await smallDisk();
    const large = content(6 * MB);
    await large.make(`${dir.path}/large`);
    await Deno.writeTextFile(`${disk.path}/target`, "old");
    const placed = placeFile(`${dir.path}/large`, `${disk.path}/target`);
    await rejectsWith(placed, "failed", `${disk.path}/target`, "no space left on device");
    assert.deepEqual(await fileNames(disk.path), ["target"]);
    assert.equal(await Deno.readTextFile(`${disk.path}/target`), "old");
  },
});

Deno.test({
  name: "a hard link to another disk becomes a copy",
  ignore: !canMount,
  fn: async () => {
    await using dir = await tempDir();
    await using disk = await smallDisk();
    const small = content(1000);
    await small.make(`${dir.path}/small`);
    const how = await placeFile(`${dir.path}/small`, `${disk.path}/x`, { hardLink: true });
    assert.equal(how, "copy");
    assert.equal(sha256(await Deno.readFile(`${disk.path}/x`)), small.key.sha256);
  },
});

Deno.test({
  name: "a disk that can only be read: the cache serves what it has",
  ignore: !canMount,
  fn: async () => {
    await using disk = await smallDisk();
    const [there, missing] = [content(1000), content(2000)];
    {
      const cache = await ContentCache.open(disk.path);
      await using _file = await cache.take(there.key, there.make);
    }
    await disk.makeReadOnly();
    const cache = await ContentCache.open(disk.path);
    assert.equal(cache.writable, false);
    await using file = await cache.take(there.key, there.make);
    assert.equal(file.origin, "cache");
    await rejectsWith(cache.take(missing.key, missing.make), "denied", disk.path, "read-only");
    assert.equal(missing.asked(), 0);
    await rejectsWith(ContentCache.open(`${disk.path}/other`), "denied", "read-only");
  },
});

Deno.test({
  name: "read-only disk: cache clean says so of all that it can't delete; exit 7",
  ignore: !canMount,
  fn: async () => {
    await using disk = await smallDisk();
    const cache = await ContentCache.open(disk.path);
    for (const { key, make } of [content(1000), content(2000)]) {
      await (await cache.take(key, make))[Symbol.asyncDispose]();
    }
    const response = "ab".padEnd(64, "0");
    await writeTree(disk.path, { [`github/v1/ab/${response}.json`]: "{}" });
    await writeTree(disk.path, { [`v1/making/${"0".repeat(64)}-abc/data.part`]: "half" });
    const before = await fileNames(disk.path);
    await disk.makeReadOnly();
    const { out, err } = await runs(7, ["cache", "clean", "--cache-dir", disk.path]);
    const what = (count: string) =>
      `error: Cannot delete ${count} in '${disk.path}': the file system is read-only\n`;
    assert.equal(err, what("3 files") + what("1 response of GitHub"));
    assert.equal(out, `deleted 0 files, 0 B, from ${disk.path}\n`);
    assert.deepEqual(await fileNames(disk.path), before);
  },
});
