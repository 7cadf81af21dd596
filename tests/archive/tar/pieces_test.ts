/** Tar archives that are made piece by piece, read back with `tar-stream` and with our reader. */

import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { type ArchiveMember, listMembers } from "../../../src/archive/tar/list_members.ts";
import { cutTar, readPiece } from "../../../src/archive/tar/pieces.ts";
import { type TarMember, TarReader } from "../../../src/archive/tar/reader.ts";
import {
  encodeHeaders,
  END_MARKER,
  headerLength,
  recordLength,
  tarRecord,
} from "../../../src/archive/tar/records.ts";
import { concat, noise } from "../../support/bytes.ts";
import { cases } from "../../support/cases.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";
import { untar } from "../../support/unpack.ts";

const TIME = new Date("2026-03-04T05:06:07Z");

function link(member: Partial<ArchiveMember>): ArchiveMember {
  return {
    name: "link",
    path: "",
    type: "symlink",
    size: 0,
    mode: 0o777,
    modified: TIME,
    target: "a",
    ...member,
  };
}

/** What our reader sees in an archive of members without content. */
function read(members: readonly ArchiveMember[]): TarMember[] {
  const seen: TarMember[] = [];
  const reader = new TarReader({
    member: (member) => seen.push(member),
    data: () => {},
    hole: () => {},
    end: () => {},
  });
  for (const member of members) reader.push(encodeHeaders(tarRecord(member)));
  return seen;
}

function pieces(members: readonly ArchiveMember[], size: number, buffer = size): Uint8Array[] {
  const records = members.map((member) => tarRecord(member));
  return [...cutTar(records, size)].map((piece) => {
    const parts = [...readPiece(piece, new Uint8Array(buffer)).map((part) => part.slice())];
    const bytes = concat(parts);
    assert.equal(bytes.length, piece.length);
    return bytes;
  });
}

Deno.test("cutTar(), readPiece(): whatever the sizes of pieces and buffers, the archive is one", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, {
    "a/empty": "",
    "a/one": "1",
    "a/block": noise(512),
    "a/more": noise(1537),
    [`b/${"ü".repeat(70)}`]: noise(600),
    "b/z": "",
  });
  const members = await listMembers(temp.path);
  const whole = concat(pieces(members, 1 << 20));
  const total = members.reduce((sum, member) => sum + recordLength(tarRecord(member)), END_MARKER);
  assert.equal(whole.length, total);
  const names = (await untar(whole)).map(({ name }) => name.replace(/\/$/, ""));
  assert.deepEqual(names, members.map(({ name }) => name));
  fc.assert(
    fc.property(
      fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.constantFrom(512, 1024, whole.length)),
      fc.integer({ min: 1, max: 3000 }),
      (size, buffer) => {
        const cut = pieces(members, size, buffer);
        assert(cut.slice(0, -1).every(({ length }) => length === size));
        assert.deepEqual(concat(cut), whole);
      },
    ),
    { numRuns: cases(60) },
  );
});

Deno.test("cutTar(): no members make an end marker", () => {
  assert.deepEqual(concat(pieces([], 1 << 20)), new Uint8Array(END_MARKER));
  assert.deepEqual(concat(pieces([], 100)), new Uint8Array(END_MARKER));
});

Deno.test("encodeHeaders(): names and targets of every length, and in any alphabet, come back", async () => {
  const lengths = [1, 99, 100, 101, 154, 155, 156, 255, 256, 257, 300, 1000, 5000];
  const letters = ["a", "ü", "日", "😀"];
  const members: ArchiveMember[] = [];
  for (const length of lengths) {
    for (const letter of letters) {
      const flat = letter.repeat(length);
      members.push(link({ name: flat, target: flat }));
      for (const at of [1, 50, 99, 100, 101, 154, 155, 156]) {
        if (at + 1 >= length) continue;
        const deep = `${letter.repeat(at)}/${letter.repeat(length - at - 1)}`;
        members.push(link({ name: deep }), link({ name: deep, type: "directory", target: "" }));
      }
    }
  }
  const expected = members.map(({ name, type }) => type === "directory" ? `${name}/` : name);
  assert.deepEqual(read(members).map(({ name }) => name), expected);
  assert.deepEqual(read(members).map(({ target }) => target), members.map(({ target }) => target));
  const theirs = await untar(concat(pieces(members, 1 << 20)));
  assert.deepEqual(theirs.map(({ name }) => name), expected);
  for (const member of members) {
    const record = tarRecord(member);
    assert.equal(encodeHeaders(record).length, headerLength(record));
  }
});

Deno.test("encodeHeaders(): names without need have one block, as the oldest readers know it", () => {
  const split = `${"d".repeat(155)}/${"f".repeat(100)}`;
  for (const name of ["a", "a".repeat(100), split]) {
    assert.equal(headerLength(tarRecord(link({ name }))), 512, name);
  }
  assert.equal(read([link({ name: split })])[0].name, split);
});

Deno.test("encodeHeaders(): times before 1970 and far ahead, and sizes over 8 GiB, are whole", async () => {
  const seconds = [-86_400, -1, 0, 2 ** 31, 2 ** 33 - 1, 2 ** 33, 8_000_000_000_000];
  const members = seconds.map((second) => link({ modified: new Date(second * 1000 + 999) }));
  assert.deepEqual(read(members).map(({ modified }) => modified), seconds);
  for (const size of [8 ** 11 - 1, 8 ** 11, 1e15]) {
    const huge = link({ type: "file", size, target: undefined });
    assert.equal(read([huge])[0].size, size);
  }
  const near = await untar(concat(pieces([link({ modified: TIME })], 4096)));
  assert.deepEqual(near[0].mtime, TIME);
});

Deno.test("tarRecord(): a time for all, and a latest time", () => {
  const early = new Date("2020-01-01T00:00:00Z");
  const times = (member: ArchiveMember) =>
    [
      tarRecord(member).modified,
      tarRecord(member, { modified: early }).modified,
      tarRecord(member, { notAfter: early }).modified,
    ].map((second) => new Date(second * 1000).getUTCFullYear());
  assert.deepEqual(times(link({ modified: TIME })), [2026, 2020, 2020]);
  assert.deepEqual(times(link({ modified: new Date("1999-05-05") })), [1999, 2020, 1999]);
});

Deno.test("readPiece(): each piece of a large file opens it where it begins", async () => {
  await using temp = await tempDir();
  const content = noise(100_000);
  await writeTree(temp.path, { "large": content });
  const members = await listMembers(temp.path);
  const path = join(temp.path, "large");
  const records = members.map((member) => tarRecord(member));
  const cut = [...cutTar(records, 10_000)];
  const last = [...readPiece(cut[5], new Uint8Array(10_000))];
  assert.deepEqual(last[0], content.subarray(50_000 - 512, 60_000 - 512));
  await Deno.truncate(path, 55_000);
  assert.doesNotThrow(() => [...readPiece(cut[4], new Uint8Array(10_000))]);
  assert.throws(() => [...readPiece(cut[5], new Uint8Array(10_000))], { code: "failed" });
});
