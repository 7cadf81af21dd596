import assert from "node:assert/strict";
import { BadArchive } from "../../../src/archive/tar/bad_archive.ts";
import { tarMembers, tarStream } from "../../../src/archive/tar/stream.ts";
import { collect, noise } from "../../support/bytes.ts";
import { pax, tar } from "../../support/tar_builder.ts";

async function* pieces(bytes: Uint8Array, size = 700): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield await bytes.subarray(at, at + size);
}

const reader = (bytes: Uint8Array) => (start: number, end: number) => {
  assert(start < end && end <= bytes.length, `${start}-${end} of ${bytes.length}`);
  return Promise.resolve(bytes.slice(start, end));
};

const CONTENTS: Readonly<Record<string, Uint8Array>> = {
  "a.txt": noise(3),
  "empty": noise(0),
  "block": noise(512),
  [`${"deep/".repeat(60)}ü`]: noise(5000, 2),
};

Deno.test("tarStream(): tarMembers() finds each member's bytes", async () => {
  const members = Object.entries(CONTENTS).map(([name, bytes]) => {
    return { name, size: bytes.length, open: () => pieces(bytes) };
  });
  const archive = await collect(tarStream(members));
  const found = await Array.fromAsync(tarMembers(archive.length, reader(archive)));
  assert.deepEqual(found.map(({ member }) => member.name), Object.keys(CONTENTS));
  for (const { member: { name, size, type }, offset } of found) {
    assert.equal(type, "file");
    assert.deepEqual(archive.slice(offset, offset + size), CONTENTS[name]);
  }
  assert.deepEqual(await collect(tarStream(members)), archive);
});

Deno.test("tarStream(): a member of another size is an error that names it", async () => {
  for (const size of [999, 1001]) {
    const stream = tarStream([{ name: "a", size, open: () => pieces(noise(1000)) }]);
    await assert.rejects(collect(stream), (error) => {
      return error instanceof BadArchive && error.member === "a" &&
        error.message.includes(`${size}`);
    });
  }
});

Deno.test("tarMembers(): other programs' archives, links and directories too; content is not read", async () => {
  const archive = tar(
    { name: "dir/", type: "5" },
    pax({ path: "long" }),
    { name: "short", content: noise(2000) },
    { name: "link", type: "2", target: "long" },
  );
  let read = 0;
  const counting = (start: number, end: number) => {
    read += end - start;
    return reader(archive)(start, end);
  };
  const found = await Array.fromAsync(tarMembers(archive.length, counting));
  assert.deepEqual(found.map(({ member: { name, type } }) => `${name} ${type}`), [
    "dir/ directory",
    "long file",
    "link symlink",
  ]);
  assert.equal(read, archive.length - 2048);
});

Deno.test("tarMembers(): cut anywhere, it is an error", async () => {
  const archive = tar({ name: "a", content: noise(1500) }, pax({ path: "b" }), { name: "c" });
  for (let length = 0; length < archive.length - 512; length += 100) {
    const cut = archive.subarray(0, length);
    await assert.rejects(Array.fromAsync(tarMembers(length, reader(cut))), BadArchive, `${length}`);
  }
});
