/** The tar reader, in memory: what other code packs, what is packed by hand, and what is broken. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { pack } from "tar-stream";
import { BadArchive } from "../../../src/archive/tar/bad_archive.ts";
import { type TarMember, TarReader } from "../../../src/archive/tar/reader.ts";
import { concat } from "../../support/bytes.ts";
import { cases } from "../../support/cases.ts";
import { END, gnuLong, pax, tar, type TarPart, tarPart } from "../../support/tar_builder.ts";

interface Read extends TarMember {
  readonly content: Uint8Array;
}

/** Reads an archive that comes in pieces of a size. */
function read(bytes: Uint8Array, step = bytes.length || 1): Read[] {
  const members: Read[] = [];
  let parts: Uint8Array[] = [];
  let current: TarMember | undefined;
  const reader = new TarReader({
    member(member) {
      assert.equal(current, undefined, "members do not overlap");
      current = member;
      parts = [];
    },
    data: (piece) => void parts.push(piece.slice()),
    hole: () => {},
    end() {
      members.push({ ...current!, content: concat(parts) });
      current = undefined;
    },
  });
  for (let at = 0; at < bytes.length; at += step) reader.push(bytes.subarray(at, at + step));
  reader.finish();
  return members;
}

function refused(bytes: Uint8Array, reason: RegExp, member?: string): void {
  for (const step of [bytes.length || 1, 100]) {
    assert.throws(() => read(bytes, step), (error) => {
      assert(error instanceof BadArchive, String(error));
      assert.match(error.message, reason);
      if (member !== undefined) assert.equal(error.member, member);
      return true;
    });
  }
}

const names = (members: readonly Read[]) => members.map(({ name }) => name);

Deno.test("TarReader: what tar-stream packs is read, whatever the pieces", async () => {
  const name = fc.stringMatching(/^[^\0/]{1,60}$/).map((text) => text.toWellFormed());
  const path = fc.array(name, { minLength: 1, maxLength: 6 }).map((parts) => parts.join("/"));
  const member = fc.record({
    name: path,
    type: fc.constantFrom("file", "directory", "symlink", "link"),
    content: fc.uint8Array({ maxLength: 1500 }),
    mode: fc.integer({ min: 1, max: 0o7777 }),
    mtime: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    target: path,
  });
  const members = fc.array(member, { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(members, fc.integer({ min: 1, max: 3000 }), async (members, step) => {
      const archive = pack();
      const chunks = Array.fromAsync(archive as AsyncIterable<Uint8Array>);
      for (const { name, type, content, mode, mtime, target } of members) {
        const header = { name, mode, mtime: new Date(mtime * 1000) };
        if (type === "file") archive.entry({ ...header, type }, Buffer.from(content));
        else if (type === "directory") archive.entry({ ...header, type });
        else archive.entry({ ...header, type: type as "symlink" | "link", linkname: target });
      }
      archive.finalize();
      const found = read(concat(await chunks), step);
      assert.deepEqual(
        found.map(({ name, type, mode, modified, target, content }) => (
          {
            name: type === "directory" ? name.replace(/\/$/, "") : name,
            type,
            mode,
            modified,
            target,
            content,
          }
        )),
        members.map(({ name, type, content, mode, mtime, target }) => ({
          name,
          type: type === "link" ? "hardlink" : type,
          mode,
          modified: mtime,
          target: type === "symlink" || type === "link" ? target : "",
          content: type === "file" ? content : new Uint8Array(),
        })),
      );
    }),
    { numRuns: cases(2000) },
  );
});

Deno.test("TarReader: truncated anywhere, it is an error", () => {
  const bytes = tar(
    pax({ path: "long" }),
    { name: "a", content: "some" },
    gnuLong("L", "x".repeat(200)),
    { name: "b", type: "2", target: "a", magic: "gnu" },
  );
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => read(bytes.subarray(0, length)), BadArchive, `at ${length}`);
  }
  assert.equal(read(bytes).length, 2);
});

Deno.test("TarReader: zeros may follow the end marker, nothing else", () => {
  const bytes = tar({ name: "a" });
  assert.equal(read(concat([bytes, new Uint8Array(9000)])).length, 1);
  assert.equal(read(concat([bytes, new Uint8Array(1)])).length, 1);
  refused(
    concat([bytes, new Uint8Array(700), new Uint8Array([1])]),
    /data (?:follows|after the end)/,
  );
  refused(concat([bytes, tar({ name: "b" })]), /data (?:follows|after the end)/);
});

Deno.test("TarReader: the end marker is two blocks", () => {
  const one = tarPart({ name: "a" });
  refused(one, /end marker is missing/);
  refused(concat([one, END.subarray(512)]), /end marker is missing/);
  refused(concat([one, END.subarray(512), one, END]), /half an end marker/);
  refused(new Uint8Array(0), /end marker is missing/);
  refused(concat([one, END.subarray(0, 800)]), /middle of a header/);
  assert.deepEqual(read(END), []);
});

Deno.test("TarReader: names of ustar, GNU and pax, and base-256 numbers", () => {
  const long = `${"d/".repeat(200)}ünïcode`;
  const members = read(tar(
    { name: "n".repeat(100), prefix: "p".repeat(155) },
    { name: "old", magic: "\0\0\0\0\0\0\0\0" },
    { name: "olddir/", magic: "\0\0\0\0\0\0\0\0", type: "\0" },
    gnuLong("K", `${long}2`),
    gnuLong("L", long),
    { name: "cut", type: "2", target: "cut", magic: "gnu", prefix: "not a prefix" },
    pax({ path: `${long}3`, linkpath: long, mtime: "12.25", "other.key": "x", comment: "" }),
    { name: "cut", type: "1", target: "cut" },
    {
      name: "base256",
      content: "abc",
      size: new Uint8Array([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3]),
      raw: {
        136: new Uint8Array([
          0xff,
          0xff,
          0xff,
          0xff,
          0xff,
          0xff,
          0xff,
          0xff,
          0xff,
          0xff,
          0xff,
          0xff,
        ]),
      },
    },
    { name: "contiguous", type: "7", content: "as a file" },
  ));
  assert.deepEqual(names(members), [
    `${"p".repeat(155)}/${"n".repeat(100)}`,
    "old",
    "olddir/",
    long,
    `${long}3`,
    "base256",
    "contiguous",
  ]);
  assert.deepEqual([members[2].type, members[3].target, members[4].target], [
    "directory",
    `${long}2`,
    long,
  ]);
  assert.deepEqual([members[4].modified, members[5].modified], [12.25, -1]);
  assert.equal(new TextDecoder().decode(members[5].content), "abc");
});

Deno.test("TarReader: a global pax header's time applies to all members until it is deleted", () => {
  const members = read(tar(
    pax({ mtime: "77", comment: "of git archive" }, "g"),
    { name: "a", mtime: 1 },
    pax({ mtime: "5" }),
    { name: "b", mtime: 1 },
    pax({ mtime: "" }, "g"),
    { name: "c", mtime: 1 },
  ));
  assert.deepEqual(members.map(({ modified }) => modified), [77, 5, 1]);
});

Deno.test("TarReader: a size in a pax header is that of the content", () => {
  const [first, second] = read(tar(
    pax({ size: "3" }),
    { name: "a", content: "abc", size: "00000000000\0" },
    { name: "b" },
  ));
  assert.equal(first.content.length, 3);
  assert.equal(second.name, "b");
});

const one: TarPart = { name: "x" };
/** A sparse file of nine bytes, in the format whose map stands in the header. */
const holes = { "GNU.sparse.size": "9" };

const REFUSED: readonly (readonly [string, readonly TarPart[], RegExp, string?])[] = [
  ["a character device", [{ name: "x", type: "3" }], /character device/, "x"],
  ["a block device", [{ name: "x", type: "4" }], /block device/, "x"],
  ["a named pipe", [{ name: "x", type: "6" }], /named pipe/, "x"],
  ["a sparse file of another tar", [{ name: "x", type: "S" }], /sparse file in an unknown/, "x"],
  ["a sparse file without a size", [pax({ "GNU.sparse.major": "1", path: "p" }), one], /size/, "p"],
  ["a sparse file of the future", [
    pax({ "GNU.sparse.major": "2", "GNU.sparse.size": "9" }),
    one,
  ], /unknown version "2.0"/],
  ["a sparse map with a word", [pax({ ...holes, "GNU.sparse.map": "0,x" }), one], /number "x"/],
  ["a sparse map of half a part", [pax({ ...holes, "GNU.sparse.map": "0" }), one], /map is wrong/],
  ["sparse parts that overlap", [
    pax({ ...holes, "GNU.sparse.map": "0,1,0,1" }),
    { name: "x", content: "ab" },
  ], /map is wrong/],
  ["a sparse part behind the end", [
    pax({ ...holes, "GNU.sparse.map": "9,1" }),
    one,
  ], /map is wrong/],
  ["a sparse map of less than the content", [
    pax({ ...holes, "GNU.sparse.map": "0,0" }),
    { name: "x", content: "ab" },
  ], /does not fit/],
  ["a sparse map that does not come", [
    pax({ "GNU.sparse.major": "1", "GNU.sparse.realsize": "9" }),
    { name: "x", content: "3\n1\n" },
  ], /not complete/],
  ["a sparse map of a billion parts", [
    pax({ "GNU.sparse.major": "1", "GNU.sparse.realsize": "9" }),
    { name: "x", content: "1000000000\n" },
  ], /more than 1000000 parts/],
  ["all files sparse", [pax({ "GNU.sparse.size": "0" }, "g"), one], /makes all files sparse/],
  ["a sparse file of star", [pax({ "SCHILY.realsize": "9" }), one], /sparse/],
  ["a part of another volume", [{ name: "x", type: "M" }], /volume/, "x"],
  ["a directory of an incremental backup", [{ name: "x", type: "D" }], /incremental/, "x"],
  ["a label", [{ name: "x", type: "V" }], /unknown type/, "x"],
  ["a type of nobody's", [{ name: "x", type: "?" }], /unknown type/, "x"],
  ["a link with content", [{ name: "x", type: "2", content: "c" }], /with 1 bytes/, "x"],
  ["a directory with content", [{ name: "x", type: "5", content: "c" }], /with 1 bytes/, "x"],
  ["a wrong checksum", [{ name: "x", checksum: "000001\0 " }], /checksum/],
  ["a checksum that is no number", [{ name: "x", checksum: "x" }], /checksum/],
  ["an unknown format", [{ name: "x", magic: "USTAR 00" }], /unknown format/],
  ["a size that is no number", [{ name: "x", size: "12x" }], /size/, "x"],
  ["a negative size", [{ name: "x", size: new Uint8Array(12).fill(0xff) }], /size/, "x"],
  [
    "a size of exabytes",
    [{ name: "x", size: new Uint8Array([0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]) }],
    /size/,
    "x",
  ],
  ["a name that is not UTF-8", [{ name: new Uint8Array([0x66, 0xff]) }], /UTF-8/],
  ["a NUL in a name of pax", [pax({ path: "a\0b" }), one], /NUL/],
  ["a NUL in a name of GNU's", [{ ...gnuLong("L", "a\0b") }, one], /NUL/],
  [
    "a pax header of the wrong length",
    [{ name: "p", type: "x", content: "8 path=a\n" }, one],
    /length/,
  ],
  ["a pax header without a key", [{ name: "p", type: "x", content: "5 =a\n" }, one], /key|length/],
  [
    "a pax header without an equals sign",
    [{ name: "p", type: "x", content: "5 ab\n" }, one],
    /key/,
  ],
  ["a pax header of another kind", [{ name: "p", type: "x", content: "hello" }, one], /length/],
  ["a pax size that is no number", [pax({ size: "1e3" }), one], /size/],
  ["a pax size beyond all", [pax({ size: "9999999999999999" }), one], /size/],
  ["a pax time that is no number", [pax({ mtime: "now" }), one], /mtime/],
  ["an empty pax header", [{ name: "p", type: "x" }, one], /0 bytes/],
  [
    "a pax header of megabytes",
    [{ name: "p", type: "x", content: new Uint8Array(2 ** 20 + 1) }],
    /bytes/,
  ],
  [
    "two names for one member",
    [gnuLong("L", "a"), pax({ path: "b" }), one],
    /two extended headers/,
  ],
  ["two long names", [gnuLong("L", "a"), gnuLong("L", "b"), one], /two extended headers/],
  ["a name for all members", [pax({ path: "a" }, "g"), one], /global/],
  ["a size for all members", [pax({ size: "1" }, "g"), one], /global/],
  ["a header for the next member at the end", [pax({ path: "a" })], /after an extended header/],
];

for (const [title, parts, reason, member] of REFUSED) {
  Deno.test(`TarReader: rejected: ${title}`, () => refused(tar(...parts), reason, member));
}

Deno.test("TarReader: any bytes are read or rejected, and never crash it", () => {
  const block = fc.oneof(
    fc.uint8Array({ minLength: 512, maxLength: 512 }),
    fc.record({
      name: fc.string({ maxLength: 100, unit: "binary-ascii" }),
      type: fc.string({ minLength: 1, maxLength: 1, unit: "binary-ascii" }),
      content: fc.uint8Array({ maxLength: 600 }),
      target: fc.string({ maxLength: 100, unit: "binary-ascii" }),
    }).map(tarPart),
  );
  fc.assert(
    fc.property(fc.array(block, { maxLength: 5 }), fc.nat(2000), (blocks, step) => {
      try {
        read(concat([...blocks, END]), step + 1);
      } catch (error) {
        assert(error instanceof BadArchive, String(error));
      }
    }),
    { numRuns: cases(2000) },
  );
});
