/** Sources of bytes that are read where the caller wants them. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { OutputLocation } from "../../src/layout/output_location.ts";
import type { ByteRange, ByteSource } from "../../src/storage/backend.ts";
import { bytesSource, fileSource, readFile } from "../../src/storage/byte_source.ts";
import { readExactly } from "../../src/storage/s3/read_source.ts";
import { rejectsWith } from "../support/errors.ts";
import { tempDir } from "../support/temp_dir.ts";

const LOCATION = new OutputLocation("bucket", "1-linux/a");

/** Sizes around those of the pieces that are read at once. */
for (const size of [0, 1, 65_536, 1_048_575, 1_048_576, 1_048_577, 3_000_000]) {
  Deno.test(`fileSource(): ${size} bytes are read into the caller's memory, without a copy`, async () => {
    await using dir = await tempDir();
    const path = join(dir.path, "a");
    const content = new Uint8Array(size).map((_, i) => i % 251);
    await Deno.writeFile(path, content);
    const source = await fileSource(path);
    const ranges: (ByteRange | undefined)[] = [
      undefined,
      { start: Math.floor(size / 3), end: Math.ceil(size / 2) },
    ];
    for (const range of ranges) {
      const { start, end } = range ?? { start: 0, end: size };
      // In the middle of a larger one.
      const memory = new Uint8Array(size + 20);
      const into = memory.subarray(10, 10 + end - start);
      let at = 10;
      for await (const chunk of source.open(range, undefined, into)) {
        assert.equal(chunk.buffer, memory.buffer);
        assert.equal(chunk.byteOffset, at);
        at += chunk.length;
      }
      assert.equal(at, 10 + end - start);
      assert.deepEqual(Buffer.compare(into, content.subarray(start, end)), 0);
      assert(memory.subarray(at).every((byte) => byte === 0));
      into.fill(0);
      await readExactly(LOCATION, source, range, into, undefined);
      assert.deepEqual(Buffer.compare(into, content.subarray(start, end)), 0);
    }
  });
}

Deno.test("fileSource(): a file that grows or shrinks is reported, wherever it is read to", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "a");
  for (const size of [10, 2_000_000]) {
    await Deno.writeFile(path, new Uint8Array(size));
    const source = await fileSource(path);
    const read = () => readExactly(LOCATION, source, undefined, new Uint8Array(size), undefined);
    await read();
    await Deno.writeFile(path, new Uint8Array(1), { append: true });
    await rejectsWith(read(), "failed", "grew");
    await Deno.truncate(path, size - 1);
    await rejectsWith(read(), "failed", "shrank");
  }
});

Deno.test("readFile(): a file of unknown size that is longer than the caller's memory ends, and is reported", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "a");
  for (const [size, memory] of [[0, 0], [10, 10], [11, 10], [1, 0], [3_000_000, 2_999_999]]) {
    await Deno.writeFile(path, new Uint8Array(size).fill(7));
    const into = new Uint8Array(memory);
    const open: ByteSource["open"] = (range, signal, into) => readFile(path, range, signal, into);
    const read = readExactly(LOCATION, { size: memory, open }, undefined, into, undefined);
    if (size === memory) await read;
    else await rejectsWith(read, "integrity", `expected ${memory}`);
    assert(into.every((byte) => byte === 7));
  }
});

Deno.test("readExactly(): a source that has bytes of its own is copied", async () => {
  const into = new Uint8Array(5);
  await readExactly(LOCATION, bytesSource("hello"), undefined, into, undefined);
  assert.equal(new TextDecoder().decode(into), "hello");
});
