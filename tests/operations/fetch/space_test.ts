/** Whether the archives of a fetch fit: what is counted, on which disk, and what exists already. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { checkFetchSpace, type FetchSpace } from "../../../src/operations/fetch/space.ts";
import { ContentCache } from "../../../src/storage/cache/content_cache.ts";
import { sha256 } from "../../support/bytes.ts";
import { rejectsWith } from "../../support/errors.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

const TEXTS = ["a".repeat(100), "b".repeat(200)];

async function world() {
  const temp = await tempDir();
  const out = join(temp.path, "out");
  const items = TEXTS.map((text, i) => ({
    location: new OutputLocation("bucket", `1-linux/${i}.tar.zst`),
    path: join(out, `${i}.tar.zst`),
    size: text.length,
    sha256: sha256(text),
  }));
  const cache = await ContentCache.open(join(temp.path, "cache"));
  const notes: string[] = [];
  return {
    path: temp.path,
    items,
    cache,
    notes,
    check: (free: number, more: Partial<FetchSpace> = {}) =>
      checkFetchSpace(items, {
        dir: join(temp.path, "work"),
        outputDir: out,
        unpacks: false,
        onNote: (text) => notes.push(text),
        readSpace: () => Promise.resolve({ bavail: free, bsize: 1 }),
        ...more,
      }),
    add: async (text: string) => {
      const key = { sha256: sha256(text), size: text.length };
      await using _file = await cache.take(key, (path) => Deno.writeTextFile(path, text));
    },
    [Symbol.asyncDispose]: () => temp[Symbol.asyncDispose](),
  };
}

Deno.test("checkFetchSpace(): archives, and as much again where they are unpacked", async () => {
  await using w = await world();
  for (const [unpacks, needed] of [[false, 300], [true, 600]] as const) {
    await w.check(needed, { unpacks });
    await rejectsWith(
      w.check(needed - 1, { unpacks }),
      "failed",
      `'${join(w.path, "out")}': no space left on device: at least ${needed} B needed`,
    );
  }
});

Deno.test("checkFetchSpace(): what exists, whole or in part, needs no space", async () => {
  await using w = await world();
  await writeTree(w.path, { "out/0.tar.zst": TEXTS[0], "work/1.tar.zst.part": "b".repeat(50) });
  await w.check(150);
  await rejectsWith(w.check(149), "failed", "at least 150 B needed, 149 B free");
  await writeTree(w.path, { "work/1.tar.zst": TEXTS[1] });
  await w.check(0);
});

Deno.test("checkFetchSpace(): what the cache has or can delete counts", async () => {
  await using w = await world();
  const { cache } = w;
  await w.add(TEXTS[1]);
  // 100 B to download, 200 B that the cache can delete, 300 B to unpack.
  assert.equal(await w.check(200, { cache, unpacks: true }), true);
  await rejectsWith(w.check(199, { cache, unpacks: true }), "failed", "Cannot fetch");
  assert.deepEqual(w.notes, []);
});

Deno.test("checkFetchSpace(): a disk that does not say its free space is tried", async () => {
  await using w = await world();
  await w.check(0, { readSpace: () => Promise.reject(new TypeError("statfs is not a function")) });
  await w.check(0, { readSpace: () => Promise.resolve({ bavail: 0, bsize: 1, blocks: 0 }) });
});
