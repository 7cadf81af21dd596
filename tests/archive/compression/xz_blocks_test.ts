/** .xz files of several blocks: their index, and their decoding by several at once. */

import assert from "node:assert/strict";
import { join } from "node:path";
import zlib from "node:zlib";
import { Unpacker } from "../../../src/archive/unpack/unpack.ts";
import { blockFile, readXzIndex } from "../../../src/archive/compression/xz_index.ts";
import { compileLzma, Lzma } from "../../../src/archive/compression/liblzma.ts";
import { shareBlocks } from "../../../src/archive/compression/parallel_xz.ts";
import { concat, noise } from "../../support/bytes.ts";
import { rejectsWith } from "../../support/errors.ts";
import { tar, xz, xzBlocks } from "../../support/tar_builder.ts";
import { tempDir } from "../../support/temp_dir.ts";

const lzma = await Lzma.load(await compileLzma());

function decode(...pieces: readonly Uint8Array[]): Uint8Array {
  using decoder = lzma.decoder();
  const parts: Uint8Array[] = [];
  for (const piece of pieces) decoder.push(piece, (bytes) => parts.push(bytes.slice()));
  decoder.finish((bytes) => parts.push(bytes.slice()));
  return concat(parts);
}

const index = (bytes: Uint8Array) =>
  readXzIndex((offset, length) => bytes.subarray(offset, offset + length), bytes.length);

const pieces = Array.from({ length: 9 }, (_, i) => noise(50_000 + i * 777, i + 1));

Deno.test("xz index: each block as a separate file decodes to its piece", async () => {
  const bytes = await xzBlocks(pieces);
  assert.deepEqual(decode(bytes), concat(pieces), "as a whole");
  const { header, blocks } = index(bytes)!;
  assert.deepEqual(blocks.map(({ size }) => size), pieces.map(({ length }) => length));
  for (const [i, block] of blocks.entries()) {
    const { before, length, after } = blockFile(header, block);
    const middle = bytes.subarray(block.offset, block.offset + length);
    assert.deepEqual(decode(before, middle, after), pieces[i]);
    assert.throws(() => decode(before, middle, blockFile(header, { ...block, size: 1 }).after));
  }
});

Deno.test("xz index: padding, several streams, damage: read from the beginning", async () => {
  const one = await xz(noise(1000));
  assert.equal(index(one)!.blocks.length, 1);
  assert.equal(index(concat([one, one])), undefined);
  assert.equal(index(concat([one, new Uint8Array(4)])), undefined);
  assert.equal(index(one.subarray(0, -4)), undefined);
  assert.equal(index(noise(1000)), undefined);
  assert.equal(index(new Uint8Array(0)), undefined);
  for (const at of [0, one.length - 1, one.length - 5, one.length - 10, one.length - 14]) {
    const damaged = one.slice();
    damaged[at] ^= 1;
    assert.equal(index(damaged), undefined, `at ${at}`);
  }
});

/** An .xz file of four blocks whose end was changed, its checksums made right again. */
async function changed(
  change: (index: Uint8Array, footer: Uint8Array) => Uint8Array,
): Promise<Uint8Array> {
  const bytes = await xzBlocks(pieces.slice(0, 4));
  const blocks = index(bytes)!.blocks;
  const { offset, unpadded } = blocks[blocks.length - 1];
  const start = offset + Math.ceil(unpadded / 4) * 4;
  const footer = bytes.slice(-12);
  const records = change(bytes.slice(start, -16), footer);
  const sum = (of: Uint8Array) => {
    const sum = new Uint8Array(4);
    new DataView(sum.buffer).setUint32(0, zlib.crc32(of), true);
    return sum;
  };
  new DataView(footer.buffer).setUint32(4, records.length / 4, true);
  footer.set(sum(footer.subarray(4, 10)));
  return concat([bytes.subarray(0, start), records, sum(records), footer]);
}

Deno.test("xz index: an invalid end is left to a single decoder", async () => {
  const whole = await changed((records) => records);
  assert.equal(index(whole)!.blocks.length, 4);
  assert.equal(decode(whole).length, concat(pieces.slice(0, 4)).length);

  const refused = {
    "another check in the footer": await changed((records, footer) => {
      footer[9] = footer[9] === 1 ? 4 : 1;
      return records;
    }),
    "a reserved flag in the footer": await changed((records, footer) => {
      footer[8] = 1;
      return records;
    }),
    "a number with more bytes than it needs": await changed((records) => {
      assert.equal(records[1], 4, "the number of blocks");
      return concat([
        records.subarray(0, 1),
        new Uint8Array([0x84, 0x80, 0x80, 0x80, 0]),
        records.subarray(2),
      ]);
    }),
    "padding that is too long": await changed((records) => concat([records, new Uint8Array(4)])),
    "padding that is not zero": await changed((records) => {
      assert.equal(records[records.length - 1], 0, "there is padding");
      records[records.length - 1] = 1;
      return records;
    }),
  };
  for (const [what, bytes] of Object.entries(refused)) {
    assert.throws(() => decode(bytes), what);
    assert.equal(index(bytes), undefined, what);
  }
});

Deno.test("shareBlocks(): only where it gains something, and in bounded memory", async () => {
  const found = index(await xzBlocks(pieces))!;
  assert.equal(shareBlocks(found, 2, false)!.slots.byteLength, 3 * 56_216);
  assert.equal(shareBlocks({ ...found, blocks: found.blocks.slice(0, 3) }, 2, false), undefined);
  const huge = found.blocks.map((block) => ({ ...block, size: 2 ** 30 }));
  assert.equal(shareBlocks({ ...found, blocks: huge }, 2, false), undefined);
});

/** A tar archive of one file, cut into pieces of a size. */
function archive(content: Uint8Array, step: number): Uint8Array[] {
  const bytes = tar({ name: "file", content });
  return Array.from(
    { length: Math.ceil(bytes.length / step) },
    (_, i) => bytes.subarray(i * step, (i + 1) * step),
  );
}

async function unpack(dir: string, bytes: Uint8Array, workers: number): Promise<Uint8Array> {
  const path = join(dir, "a.tar.xz");
  await Deno.writeFile(path, bytes);
  await using unpacker = await Unpacker.open({
    mode: "extract",
    outputDir: join(dir, "out"),
    stagingDir: join(dir, "staging"),
    workers,
  });
  await unpacker.add({ path, name: "a.tar.xz" });
  await unpacker.commit();
  return await Deno.readFile(join(dir, "out/a/file"));
}

const content = noise(2_000_000);
/** Archives of the same content in smaller and in larger blocks; each is made once. */
const archives = await Promise.all(
  [40_000, 200_000].map((step) => xzBlocks(archive(content, step))),
);

for (const workers of [1, 2, 4]) {
  Deno.test(`Unpacker: many blocks and ${workers} workers: the same bytes`, async () => {
    await using dir = await tempDir();
    for (const bytes of archives) {
      assert.deepEqual(await unpack(dir.path, bytes, workers), content);
    }
  });
}

Deno.test("Unpacker: a broken block among many is rejected, whichever worker decodes it", async () => {
  await using dir = await tempDir();
  const bytes = await xzBlocks(archive(noise(500_000), 40_000));
  const { blocks } = index(bytes)!;
  for (const { offset, unpadded } of blocks) {
    const damaged = bytes.slice();
    damaged[offset + unpadded - 100] ^= 0x10;
    await rejectsWith(unpack(dir.path, damaged, 3), "integrity", "xz data is corrupt");
  }
});

Deno.test("Unpacker: after an archive is rejected early, helpers are free for the next", async () => {
  await using dir = await tempDir();
  await using unpacker = await Unpacker.open({
    mode: "extract",
    outputDir: join(dir.path, "out"),
    stagingDir: join(dir.path, "staging"),
    workers: 3,
    limits: { maxBytes: 1_000_000 },
  });
  const path = join(dir.path, "a.tar.xz");
  await Deno.writeFile(path, await xzBlocks(archive(noise(5_000_000), 100_000)));
  const small = join(dir.path, "b.tar.xz");
  await Deno.writeFile(small, await xzBlocks(archive(noise(500_000), 10_000)));
  for (let round = 0; round < 3; round++) {
    await rejectsWith(unpacker.add({ path, name: "a.tar.xz" }), "integrity", "1000000 bytes");
    await unpacker.add({ path: small, name: `b${round}.tar.xz` });
  }
  await unpacker.commit();
  assert.deepEqual(await Deno.readFile(join(dir.path, "out/b2/file")), noise(500_000));
});
