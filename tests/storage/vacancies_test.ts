/** What is free by a list, on storages that do not enforce that nothing is replaced. */

import assert from "node:assert/strict";
import { OutputLocation } from "../../src/layout/output_location.ts";
import type { ByteSource, StorageBackend, WriteOptions } from "../../src/storage/backend.ts";
import { MemoryBackend } from "../../src/storage/memory.ts";
import { type IfExists, textItem, upload } from "../../src/storage/transfer/upload.ts";

/** A storage that replaces what came after the caller had looked. */
function careless(memory: MemoryBackend): StorageBackend {
  return {
    name: "careless",
    writes: true,
    stat: (location, options) => memory.stat(location, options),
    list: (prefix, options) => memory.list(prefix, options),
    read: (location, options) => memory.read(location, options),
    write: (location: OutputLocation, source: ByteSource, options: WriteOptions = {}) => {
      const { ifAbsent, ...others } = options;
      return memory.write(location, source, ifAbsent === "seen" ? others : options);
    },
    copy: (from, to, options) => memory.copy(from, to, options),
    delete: (location, options) => memory.delete(location, options),
    children: (prefix, options) => memory.children(prefix, options),
    deleteAll: (locations, options) => memory.deleteAll(locations, options),
  };
}

/** Uploads twenty files, one by one; while the sixth is made, another job writes the last. */
async function uploadBesideAnother(ifExists: IfExists, pause: number) {
  const memory = new MemoryBackend();
  const at = (i: number) => new OutputLocation("local", `1-linux/f${i}.txt`);
  const items = Array.from({ length: 20 }, (_, i) => {
    const item = textItem(at(i), `mine ${i}`, `f${i}`);
    if (i !== 5) return item;
    return {
      ...item,
      async open(signal?: AbortSignal) {
        await upload(memory, [textItem(at(19), "theirs", "another job")]);
        await new Promise((resolve) => setTimeout(resolve, pause));
        return await item.open(signal);
      },
    };
  });
  const results = await upload(careless(memory), items, { concurrency: 1, ifExists });
  const stored = await new Response(
    ReadableStream.from(await memory.read(at(19)) as AsyncIterable<Uint8Array>),
  ).text();
  return { ...results[19], stored };
}

Deno.test("upload: files that appear meanwhile are skipped, if requested", async () => {
  const { outcome, stored } = await uploadBesideAnother("skip", 0);
  assert.deepEqual([outcome, stored], ["skipped", "theirs"]);
});

Deno.test("upload: files that appear meanwhile are not replaced silently", async () => {
  const { outcome, warnings } = await uploadBesideAnother("replace", 3200);
  assert.equal(outcome, "written");
  assert.match(warnings.join(), /replaced \(content changed/);
});
