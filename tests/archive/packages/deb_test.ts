/** What a .deb says of itself, of each compression; broken ones are refused. */

import assert from "node:assert/strict";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { readDeb } from "../../../src/archive/packages/deb.ts";
import type { PackageBytes } from "../../../src/archive/packages/package_bytes.ts";
import { BadArchive } from "../../../src/archive/tar/bad_archive.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { ar, control, controlTar, deb } from "../../support/package_builder.ts";
import { tar, xz } from "../../support/tar_builder.ts";

const START = { name: "debian-binary", content: "2.0\n" };
const DATA = { name: "data.tar", content: "data" };
const plain = (text: string) => ({ name: "control.tar", content: controlTar(text) });

const CONTROL = controlTar(control("rocm-core"));
for (
  const [name, content] of [
    ["control.tar", CONTROL],
    ["control.tar.gz", new Uint8Array(gzipSync(CONTROL))],
    ["control.tar.xz", await xz(CONTROL)],
    ["control.tar.zst", new Uint8Array(zstdCompressSync(CONTROL))],
    // Old versions of ar end a name with a slash.
    ["control.tar.gz/", new Uint8Array(gzipSync(CONTROL))],
  ] as const
) {
  Deno.test(`readDeb(): ${name}`, async () => {
    const bytes = ar([START, { name: "_other", content: "x" }, { name, content }, DATA]);
    const stanza = await readDeb(bytesSource(bytes));
    assert.deepEqual(Object.fromEntries(stanza), {
      Package: "rocm-core",
      Version: "1.0",
      Architecture: "amd64",
      Description: "of a test\n Long.",
    });
  });
}

Deno.test("readDeb(): the data is not read", async () => {
  const bytes = deb("rocm-core", { data: "d".repeat(100_000) });
  let last = 0;
  const source: PackageBytes = {
    size: bytes.length,
    open: (range) => {
      last = Math.max(last, range.end);
      return bytesSource(bytes).open(range);
    },
  };
  await readDeb(source);
  assert(last < 2000, `read up to byte ${last}`);
});

const truncated = new Uint8Array(zstdCompressSync(CONTROL)).subarray(0, -3);
const corrupt = gzipSync(CONTROL);
corrupt[60] ^= 0xff;
for (
  const [what, bytes, reason] of [
    ["an empty file", "", /does not begin with !<arch>/],
    ["a page in its place", "<html>not found", /does not begin with !<arch>/],
    ["an archive of something else", ar([{ name: "a.o", content: "x" }]), /first member is "a.o"/],
    ["another format", ar([{ ...START, content: "3.0\n" }]), /format is "3.0", expected 2.0/],
    ["no control part", ar([START]), /incomplete: it has no control.tar/],
    ["no data", ar([START, plain(control("a1"))]), /incomplete: it has no data.tar/],
    ["a cut file", deb("a1").subarray(0, -4), /incomplete: it ends in the middle of data.tar.xz/],
    ["a file cut in a header", deb("a1").subarray(0, 100), /ends in the middle of a member/],
    [
      "an unknown compression",
      ar([START, { name: "control.tar.lz4", content: "x" }]),
      /control.tar.lz4/,
    ],
    [
      "zstd that is cut",
      ar([START, { name: "control.tar.zst", content: truncated }, DATA]),
      /zstd data is truncated/,
    ],
    [
      "gzip that is corrupt",
      ar([START, { name: "control.tar.gz", content: corrupt }, DATA]),
      /gz data is corrupt/,
    ],
    [
      "xz that is none",
      ar([START, { name: "control.tar.xz", content: "x".repeat(100) }, DATA]),
      /xz/,
    ],
    [
      "no control file",
      ar([START, { name: "control.tar", content: tar() }, DATA]),
      /0 files 'control'/,
    ],
    ["two paragraphs", ar([START, plain(`${control("a1")}\nPackage: b1\n`), DATA]), /2 paragraphs/],
    ["no version", ar([START, plain("Package: a1\nArchitecture: all\n"), DATA]), /no Version/],
    ["a name with a blank", deb("a1 b"), /bad Package: "a1 b"/],
    ["a name with a path", deb("../a1"), /bad Package/],
    ["a field twice", deb("a1", { package: "b1" }), /control file is broken at line 4/],
    [
      "a line that is none",
      ar([START, plain("Package: a1\nnonsense\n"), DATA]),
      /line 2: "nonsense"/,
    ],
    [
      "a size that is none",
      joinHeader(deb("a1"), "debian-binary   0           0     0     100644  x         `\n"),
      /header of a member is broken/,
    ],
    [
      "a control part that becomes large",
      ar([START, { name: "control.tar.gz", content: gzipSync(new Uint8Array(65 << 20)) }, DATA]),
      /more than 67108864 bytes/,
    ],
  ] as const
) {
  Deno.test(`readDeb(): rejects ${what}`, async () => {
    await assert.rejects(readDeb(bytesSource(bytes)), (error) => {
      assert(error instanceof BadArchive, `${error}`);
      assert.match(error.message, reason);
      assert(!error.message.includes("\n"));
      return true;
    });
  });
}

/** A package with another first header. */
function joinHeader(bytes: Uint8Array, header: string): Uint8Array {
  const copy = bytes.slice();
  copy.set(new TextEncoder().encode(header), 8);
  return copy;
}
