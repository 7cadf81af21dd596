/** Hashing beside the main thread: the same answers, whoever gives them and in whatever order. */

import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import { type HashAnswer, HashServer } from "../../../src/storage/hash/server.ts";
import { Hashers } from "../../../src/storage/hash/hashers.ts";
import { noise, sha256 } from "../../support/bytes.ts";
import { rejectsWith } from "../../support/errors.ts";
import { tempDir } from "../../support/temp_dir.ts";

const MiB = 1024 * 1024;

Deno.test("Hashers: a file reported out of order has the hash of its bytes", async () => {
  await using dir = await tempDir();
  const bytes = noise(40 * MiB + 17);
  const path = `${dir.path}/file`;
  await Deno.writeFile(path, bytes);
  using hashers = new Hashers();
  using file = hashers.file(path, { partSize: 16 * MiB });
  file.written({ start: 20 * MiB, end: bytes.length });
  file.written({ start: 0, end: MiB });
  file.written({ start: 5 * MiB, end: 20 * MiB });
  const digest = file.finish(bytes.length);
  file.written({ start: MiB, end: 5 * MiB });
  assert.deepEqual(await digest, {
    sha256: sha256(bytes),
    crcs: [0, 16, 32].map((at) => crc32(bytes.subarray(at * MiB, (at + 16) * MiB))),
  });
});

Deno.test("Hashers: pieces come back with their digests, and the whole has one", async () => {
  using hashers = new Hashers(2);
  const bytes = noise(5 * MiB);
  using pieces = hashers.pieces();
  const parts = [0, 2, 4].map((at) => bytes.slice(at * MiB, (at + 2) * MiB));
  const hashed = await Promise.all(
    parts.map((part) => pieces.piece(part, { own: true, whole: true })),
  );
  for (const [index, { bytes: back, digest }] of hashed.entries()) {
    const part = bytes.subarray(index * 2 * MiB, (index * 2 + 2) * MiB);
    assert.deepEqual(back, part);
    assert.equal(new Uint8Array(digest).toHex(), sha256(part));
  }
  assert.equal(await pieces.total(), sha256(bytes));
});

Deno.test("Hashers: small, empty, shorter, longer and missing files", async () => {
  await using dir = await tempDir();
  using hashers = new Hashers();
  for (const size of [0, 1, 3 * MiB]) {
    const path = `${dir.path}/${size}`;
    const bytes = noise(size);
    await Deno.writeFile(path, bytes);
    assert.equal(await hashers.hashFile(path, size), sha256(bytes));
    await rejectsWith(hashers.hashFile(path, size + 2 * MiB), "integrity");
    if (size > 0) await rejectsWith(hashers.hashFile(path, size - 1), "integrity");
  }
  await rejectsWith(hashers.hashFile(`${dir.path}/none`, 5), "not_found");
  await rejectsWith(hashers.hashFile(`${dir.path}/none`, 5 * MiB), "not_found");
});

Deno.test("Hashers: a signal ends the waiting, and ending the threads ends all of it", async () => {
  await using dir = await tempDir();
  const path = `${dir.path}/file`;
  await Deno.writeFile(path, noise(2 * MiB));
  const hashers = new Hashers();
  using file = hashers.file(path);
  const controller = new AbortController();
  const aborted = file.finish(2 * MiB, controller.signal);
  controller.abort(new Error("enough"));
  await assert.rejects(aborted, /enough/);
  using other = hashers.file(path);
  const given = other.finish(2 * MiB);
  hashers[Symbol.dispose]();
  await rejectsWith(given, "failed");
});

Deno.test("HashServer: does the same without a thread", async () => {
  await using dir = await tempDir();
  const path = `${dir.path}/file`;
  const bytes = noise(20 * MiB);
  await Deno.writeFile(path, bytes);
  const { promise, resolve } = Promise.withResolvers<HashAnswer>();
  using server = new HashServer(resolve);
  server.receive({ type: "file", id: 1, path, partSize: Infinity });
  server.receive({ type: "written", id: 1, range: { start: 0, end: bytes.length } });
  server.receive({ type: "end", id: 1, size: bytes.length });
  assert.deepEqual(await promise, {
    type: "file",
    id: 1,
    digest: { sha256: sha256(bytes), crcs: [] },
  });
});
