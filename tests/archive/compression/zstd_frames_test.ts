/** Where zstd frames end: against node:zlib, which decodes each of them. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import zlib from "node:zlib";
import fc from "fast-check";
import { BadArchive } from "../../../src/archive/tar/bad_archive.ts";
import { ZstdFrames } from "../../../src/archive/compression/zstd_frames.ts";
import { concat, noise } from "../../support/bytes.ts";
import { cases } from "../../support/cases.ts";

/** The frames of a file that comes in pieces. */
function cut(bytes: Uint8Array, step = bytes.length || 1): Uint8Array[] {
  const frames: Uint8Array[] = [];
  const cutter = new ZstdFrames();
  let parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += step) {
    for (const piece of cutter.push(bytes.subarray(at, at + step))) {
      parts.push(piece.bytes.slice());
      if (!piece.last) continue;
      frames.push(concat(parts));
      parts = [];
    }
  }
  cutter.finish();
  assert.equal(parts.length, 0);
  return frames;
}

function compress(bytes: Uint8Array, checksum: boolean, level = 3): Uint8Array {
  const { ZSTD_c_checksumFlag, ZSTD_c_compressionLevel } = zlib.constants;
  const params = { [ZSTD_c_checksumFlag]: Number(checksum), [ZSTD_c_compressionLevel]: level };
  return zlib.zstdCompressSync(bytes, { params });
}

function skippable(bytes: Uint8Array): Uint8Array {
  const head = new Uint8Array(8);
  new DataView(head.buffer).setUint32(0, 0x184d2a53, true);
  new DataView(head.buffer).setUint32(4, bytes.length, true);
  return concat([head, bytes]);
}

Deno.test("ZstdFrames: frames are returned unchanged, one by one, whatever the pieces", () => {
  const content = fc.record({
    size: fc.integer({ min: 0, max: 300_000 }),
    kind: fc.constantFrom("zeros", "noise"),
    checksum: fc.boolean(),
    skipped: fc.boolean(),
  });
  const steps = fc.integer({ min: 1, max: 5000 });
  fc.assert(
    fc.property(fc.array(content, { maxLength: 4 }), steps, (contents, step) => {
      const all: Uint8Array[] = [];
      const expected: Uint8Array[] = [];
      for (const { size, kind, checksum, skipped } of contents) {
        const bytes = kind === "zeros" ? new Uint8Array(size) : noise(size);
        expected.push(bytes);
        if (skipped) all.push(skippable(noise(size % 100)));
        all.push(compress(bytes, checksum));
      }
      const frames = cut(concat(all), step);
      assert(frames.length >= contents.length);
      // Of one frame, node:zlib's decoder takes all there is.
      const found = frames.map((frame) => zlib.zstdDecompressSync(frame));
      assert(Buffer.concat(found).equals(concat(expected)));
    }),
    { numRuns: cases(300) },
  );
});

Deno.test("ZstdFrames: a file truncated anywhere is rejected", () => {
  const bytes = concat([
    compress(noise(300), true),
    skippable(noise(20)),
    compress(noise(9), false),
  ]);
  const ends = new Set([0, cut(bytes)[0].length, cut(bytes)[0].length + 28]);
  for (let length = 0; length < bytes.length; length++) {
    if (ends.has(length)) continue;
    assert.throws(() => cut(bytes.subarray(0, length)), BadArchive, `at ${length}`);
    assert.throws(() => cut(bytes.subarray(0, length), 7), BadArchive, `at ${length}`);
  }
});

Deno.test("ZstdFrames: garbage, a window of gigabytes, a dictionary are rejected", () => {
  const bytes = compress(noise(300_000), true);
  assert.throws(() => cut(concat([bytes, noise(8)])), /data (?:follows|after the end)/);
  assert.throws(() => cut(concat([bytes, new Uint8Array(8)])), /data (?:follows|after the end)/);
  assert.throws(() => cut(noise(100)), /not a zstd file/);
  const magic = [0x28, 0xb5, 0x2f, 0xfd];
  assert.throws(() => cut(new Uint8Array([...magic, 0x00, 0xff, 0, 0, 0])), /memory/);
  assert.throws(() => cut(new Uint8Array([...magic, 0x21, 0x07, 1, 0, 0, 0])), /dictionary/);
  assert.throws(() => cut(new Uint8Array([...magic, 0x08, 0x00, 1, 0, 0, 0])), /version/);
  assert.throws(() => cut(new Uint8Array([...magic, 0x20, 0x01, 0x07, 0, 0, 0])), /corrupt/);
});

Deno.test("ZstdFrames: the memory that a frame needs is reported, and can be allowed", () => {
  const magic = [0x28, 0xb5, 0x2f, 0xfd];
  const window = new Uint8Array([...magic, 0x00, (28 - 10) << 3, 1, 0, 0]);
  const segment = new Uint8Array([...magic, 0xa0, 0, 0, 0, 0x10, 1, 0, 0]);
  for (const frame of [window, segment]) {
    assert.throws(
      () => new ZstdFrames().push(frame),
      /takes 256 MiB of memory \(--max-memory 256M\)/,
    );
    assert.throws(() => new ZstdFrames(2 ** 28 - 1).push(frame), /--max-memory/);
    assert.doesNotThrow(() => new ZstdFrames(2 ** 28).push(frame));
  }
  const larger = new Uint8Array([...magic, 0x00, (32 - 10) << 3, 1, 0, 0]);
  assert.throws(() => new ZstdFrames(2 ** 40).push(larger), /more than any decoder has/);
});
