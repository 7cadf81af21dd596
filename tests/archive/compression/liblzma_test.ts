/** xz: what the encoder makes and what the decoder accepts. */

import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import fc from "fast-check";
import { BadArchive } from "../../../src/archive/tar/bad_archive.ts";
import {
  compileLzma,
  Lzma,
  type XzDecoderOptions,
} from "../../../src/archive/compression/liblzma.ts";
import { concat, noise } from "../../support/bytes.ts";
import { cases } from "../../support/cases.ts";

const lzma = await Lzma.load(await compileLzma());

function compress(bytes: Uint8Array, preset = 0, step = bytes.length || 1): Uint8Array {
  using encoder = lzma.encoder({ preset });
  return gather(encoder, bytes, step);
}

function decompress(
  bytes: Uint8Array,
  options: XzDecoderOptions & { readonly step?: number } = {},
): Uint8Array {
  using decoder = lzma.decoder(options);
  return gather(decoder, bytes, options.step ?? (bytes.length || 1));
}

interface Coder {
  push(bytes: Uint8Array, sink: (bytes: Uint8Array) => void): void;
  finish(sink: (bytes: Uint8Array) => void): void;
}

function gather(coder: Coder, bytes: Uint8Array, step: number): Uint8Array {
  const parts: Uint8Array[] = [];
  const sink = (piece: Uint8Array) => void parts.push(piece.slice());
  for (let at = 0; at < bytes.length; at += step) coder.push(bytes.subarray(at, at + step), sink);
  coder.finish(sink);
  return concat(parts);
}

const text = new TextEncoder().encode("the same words again and again, ".repeat(2000));

function refused(bytes: Uint8Array, reason: RegExp, options: XzDecoderOptions = {}): void {
  for (const step of [1 << 20, 7]) {
    assert.throws(
      () => decompress(bytes, { ...options, step }),
      (error) => error instanceof BadArchive && reason.test(error.message),
    );
  }
}

Deno.test("xz: what is compressed comes back, whatever the pieces", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 2000 }),
      fc.integer({ min: 1, max: 999 }),
      fc.integer({ min: 1, max: 999 }),
      (bytes, one, two) => {
        assert.deepEqual(decompress(compress(bytes, 0, one), { step: two }), bytes);
      },
    ),
    { numRuns: cases(200) },
  );
});

Deno.test("xz: more than the size of the buffers, at every preset", () => {
  const large = concat([noise(300_000), new Uint8Array(5_000_000), text]);
  for (const preset of [0, 6, 7]) {
    assert(Buffer.from(decompress(compress(large, preset))).equals(large), `preset ${preset}`);
  }
});

Deno.test("xz: a hundred decoders one after the other need no more memory than one", () => {
  const bytes = compress(text, 6);
  for (let round = 0; round < 100; round++) assert.equal(decompress(bytes).length, text.length);
});

Deno.test("xz: concatenated streams and padding of four zeros are one file", () => {
  const one = compress(text);
  const two = compress(noise(100));
  const expected = concat([text, noise(100)]);
  assert.deepEqual(decompress(concat([one, two])), expected);
  assert.deepEqual(decompress(concat([one, new Uint8Array(8), two, new Uint8Array(4)])), expected);
});

Deno.test("xz: padding that is not a multiple of four, and garbage, are rejected", () => {
  const one = compress(text);
  for (const tail of [1, 2, 3, 5]) {
    refused(concat([one, new Uint8Array(tail)]), /corrupt|truncated/);
  }
  refused(concat([one, noise(1)]), /corrupt|truncated/);
  refused(concat([one, noise(100)]), /data (?:follows|after the end)/);
  refused(concat([new Uint8Array(4), one]), /not an xz/);
});

Deno.test("xz: a file truncated anywhere is rejected", () => {
  const one = compress(noise(500));
  for (let length = 0; length < one.length; length++) refused(one.subarray(0, length), /truncated/);
});

Deno.test("xz: a flipped bit anywhere is rejected", () => {
  const one = compress(noise(300));
  for (let bit = 0; bit < one.length * 8; bit++) {
    const bytes = one.slice();
    bytes[bit >> 3] ^= 1 << (bit & 7);
    assert.throws(() => decompress(bytes), BadArchive, `bit ${bit}`);
  }
});

Deno.test("xz: a dictionary above the limit is rejected, and the message says so", () => {
  refused(compress(text, 6), /memory/, { memoryLimit: 1_000_000 });
});

Deno.test("xz: other data is rejected", () => {
  refused(text, /not an xz/);
  refused(noise(1000), /not an xz/);
});

Deno.test("xz: checks are compared unless the file's hash was", () => {
  const file = compress(text);
  // The CRC64 of the only block stands before the index, whose size the footer of 12 bytes tells.
  const footer = file.length - 12;
  const indexSize = (new DataView(file.buffer).getUint32(footer + 4, true) + 1) * 4;
  file[footer - indexSize - 1] ^= 1;
  refused(file, /corrupt/);
  assert.deepEqual(decompress(file, { ignoreCheck: true }), text);
});
