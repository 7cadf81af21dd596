/** What only the local driver does: links, temporary files, names on disk. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { createTemporary, TEMPORARY_PREFIX } from "../../../src/storage/local/atomic_file.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { spool } from "../../../src/storage/local/spool.ts";
import { readExactly } from "../../../src/storage/s3/read_source.ts";
import { collect, noise, sha256 } from "../../support/bytes.ts";
import { rejectsWith } from "../../support/errors.ts";
import { makeNamesOutsideUtf8, takesAnyName } from "../../support/odd_names.ts";
import { fileNames, snapshot } from "../../support/snapshot.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

const at = (key: string) => new OutputLocation("bucket", key);
const list = async (backend: LocalBackend, key: string) =>
  (await Array.fromAsync(backend.list(at(key)))).map((info) => info.location.key);

/** Links need a privilege on Windows that a test can't count on. */
const withoutLinks = Deno.build.os === "windows";

Deno.test({
  name: "local: a symbolic link below the staging directory leads nowhere",
  ignore: withoutLinks,
  fn: async () => {
    await using temp = await tempDir();
    const staging = join(temp.path, "staging");
    const outside = join(temp.path, "outside");
    await writeTree(outside, { "secret.txt": "secret", "sub/deep.txt": "deep" });
    await writeTree(staging, { "1-linux/a.txt": "a" });
    await Deno.symlink(outside, join(staging, "1-linux", "dir"));
    await Deno.symlink(join(outside, "secret.txt"), join(staging, "1-linux", "file"));
    const before = await snapshot(outside);
    const backend = new LocalBackend(staging);

    for (const key of ["1-linux/dir/secret.txt", "1-linux/dir/sub/deep.txt"]) {
      await rejectsWith(backend.stat(at(key)), "denied", "symbolic link");
      await rejectsWith(backend.read(at(key)), "denied", "symbolic link");
      await rejectsWith(backend.write(at(key), bytesSource("x")), "denied", "symbolic link");
      await rejectsWith(backend.delete(at(key)), "denied", "symbolic link");
      await rejectsWith(backend.copy(at(key), at("1-linux/b")), "denied", "symbolic link");
      await rejectsWith(backend.copy(at("1-linux/a.txt"), at(key)), "denied", "symbolic link");
    }
    await rejectsWith(list(backend, "1-linux/dir/sub"), "denied", "symbolic link");
    assert.deepEqual(await list(backend, "1-linux/dir"), []);
    assert.deepEqual(await list(backend, "1-linux"), ["1-linux/a.txt"]);
    assert.deepEqual(await list(backend, ""), ["1-linux/a.txt"]);

    await rejectsWith(backend.stat(at("1-linux/file")), "not_found");
    await rejectsWith(backend.read(at("1-linux/file")), "not_found");
    await backend.delete(at("1-linux/file"));
    // A link in the object's own place gives way; what it points to does not change.
    await backend.write(at("1-linux/file"), bytesSource("ours"));
    assert.equal((await Deno.lstat(join(staging, "1-linux", "file"))).isFile, true);
    assert.deepEqual(await snapshot(outside), before);
  },
});

Deno.test({
  name: "local: the staging directory itself may be a symbolic link",
  ignore: withoutLinks,
  fn: async () => {
    await using temp = await tempDir();
    await Deno.mkdir(join(temp.path, "real"));
    await Deno.symlink("real", join(temp.path, "staging"));
    const backend = new LocalBackend(join(temp.path, "staging"));
    await backend.write(at("1-linux/a"), bytesSource("a"));
    assert.deepEqual(await list(backend, ""), ["1-linux/a"]);
    assert.equal(await Deno.readTextFile(join(temp.path, "real", "1-linux", "a")), "a");
    await using body = await backend.read(at("1-linux/a"));
    assert.equal(new TextDecoder().decode(await collect(body)), "a");
    await backend.delete(at("1-linux/a"));
    assert.deepEqual(await Array.fromAsync(Deno.readDir(join(temp.path, "real"))), []);
  },
});

Deno.test("local: a missing staging directory reads as empty, and the first write creates it", async () => {
  await using temp = await tempDir();
  const backend = new LocalBackend(join(temp.path, "not", "yet"));
  assert.deepEqual(await list(backend, ""), []);
  await rejectsWith(backend.stat(at("1-linux/a")), "not_found");
  await backend.delete(at("1-linux/a"));
  assert.deepEqual(await Array.fromAsync(Deno.readDir(temp.path)), []);
  await backend.write(at("1-linux/a"), bytesSource("a"));
  assert.deepEqual(await fileNames(temp.path), ["not/yet/1-linux/a"]);
});

Deno.test("local: a staging directory that is a file is an error, also for writes", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, { "file": "x" });
  const backend = new LocalBackend(join(temp.path, "file"));
  await rejectsWith(backend.write(at("1-linux/a"), bytesSource("a")), "conflict");
  assert.equal(await Deno.readTextFile(join(temp.path, "file")), "x");
});

Deno.test("local: a write in progress is not visible", async () => {
  await using temp = await tempDir();
  const backend = new LocalBackend(temp.path);
  let seen: string[] | undefined;
  let onDisk: string[] = [];
  await backend.write(at("1-linux/a"), {
    size: 6,
    async *open() {
      yield new Uint8Array(3);
      seen = await list(backend, "");
      onDisk = await fileNames(temp.path);
      yield new Uint8Array(3);
    },
  });
  assert.deepEqual(seen, []);
  assert.equal(onDisk.length, 1);
  assert(onDisk[0].startsWith(`1-linux/${TEMPORARY_PREFIX}`));
  assert.deepEqual(await fileNames(temp.path), ["1-linux/a"]);
});

Deno.test("local: the names of temporary files are rejected for objects", async () => {
  await using temp = await tempDir();
  const backend = new LocalBackend(temp.path);
  await backend.write(at("1-linux/a"), bytesSource("a"));
  const reserved = at(`1-linux/${TEMPORARY_PREFIX}x`);
  await rejectsWith(backend.write(reserved, bytesSource("x")), "invalid", "reserved");
  await rejectsWith(backend.copy(at("1-linux/a"), reserved), "invalid", "reserved");
  await rejectsWith(backend.delete(reserved), "invalid", "reserved");
  await rejectsWith(backend.write(at(""), bytesSource("x")), "invalid");
  assert.deepEqual(await fileNames(temp.path), ["1-linux/a"]);
});

Deno.test("local: a file where a directory is needed and the other way round is a conflict", async () => {
  await using temp = await tempDir();
  const backend = new LocalBackend(temp.path);
  await backend.write(at("1-linux/a"), bytesSource("a"));
  await backend.write(at("1-linux/d/e"), bytesSource("e"));
  await rejectsWith(backend.write(at("1-linux/a/b"), bytesSource("b")), "conflict");
  await rejectsWith(backend.write(at("1-linux/a/b/c"), bytesSource("b")), "conflict");
  await rejectsWith(backend.write(at("1-linux/d"), bytesSource("d")), "conflict");
  await rejectsWith(
    backend.write(at("1-linux/d"), bytesSource("d"), { ifAbsent: true }),
    "conflict",
  );
  await rejectsWith(backend.copy(at("1-linux/a"), at("1-linux/d")), "conflict");
  assert.deepEqual(await fileNames(temp.path), ["1-linux/a", "1-linux/d/e"]);
});

Deno.test("local: files of a killed process are deleted, those of a living one are not", async () => {
  await using temp = await tempDir();
  const dir = join(temp.path, "1-linux");
  const held = `${TEMPORARY_PREFIX}held`;
  await writeTree(dir, {
    [`${TEMPORARY_PREFIX}abandoned`]: "half a fi",
    [held]: "being written",
    "keep.txt": "kept",
  });
  // Another process would hold it the same way.
  using living = await Deno.open(join(dir, held), { read: true, write: true });
  await living.lock(true);
  await new LocalBackend(temp.path).write(at("1-linux/a"), bytesSource("a"));
  assert.deepEqual(await fileNames(dir), [held, "a", "keep.txt"].sort());
});

Deno.test("local: a directory with the name of a temporary file is nobody's to remove", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, { [`1-linux/${TEMPORARY_PREFIX}dir/x`]: "x" });
  const backend = new LocalBackend(temp.path);
  await backend.write(at("1-linux/a"), bytesSource("a"));
  assert.deepEqual(await fileNames(temp.path), [`1-linux/${TEMPORARY_PREFIX}dir/x`, "1-linux/a"]);
  assert.deepEqual(await list(backend, ""), [`1-linux/${TEMPORARY_PREFIX}dir/x`, "1-linux/a"]);
});

Deno.test("local: nothing is written beside an unfinished download under its name", async () => {
  await using temp = await tempDir();
  const journal = '{"schema":"run-outputs.download/1","size":9}\n';
  await writeTree(temp.path, { "1-linux/a.part": "half", "1-linux/a.part.journal": journal });
  const backend = new LocalBackend(temp.path);
  for (const key of ["1-linux/a.part", "1-linux/a.part.journal"]) {
    await rejectsWith(backend.write(at(key), bytesSource("x")), "invalid", "unfinished download");
  }
  assert.equal(await Deno.readTextFile(join(temp.path, "1-linux/a.part")), "half");
});

Deno.test("createTemporary(): the file is locked for as long as it is open", async () => {
  await using temp = await tempDir();
  const { path, file } = await createTemporary(join(temp.path, "a", "b"));
  {
    using other = await Deno.open(path, { read: true, write: true });
    assert.equal(await other.tryLock(true), false);
  }
  file.close();
  using other = await Deno.open(path, { read: true, write: true });
  assert.equal(await other.tryLock(true), true);
});

Deno.test("spool(): the bytes can be read again, as a whole and in parts; disposing removes them", async () => {
  await using temp = await tempDir();
  const bytes = noise(3_000_000);
  {
    await using spooled = await spool(temp.path, pieces(bytes, 70_000));
    const into = new Uint8Array(bytes.length);
    await readExactly(
      new OutputLocation("local", "1-linux/a"),
      spooled,
      undefined,
      into,
      undefined,
    );
    assert.deepEqual(into, bytes);
    assert.equal(spooled.size, bytes.length);
    assert.equal(spooled.sha256, sha256(bytes));
    assert.deepEqual(await collect(spooled.open()), bytes);
    assert.deepEqual(
      await collect(spooled.open({ start: 1_500_000, end: 1_500_010 })),
      bytes.slice(1_500_000, 1_500_010),
    );
    assert.equal((await fileNames(temp.path)).length, 1);
  }
  assert.deepEqual(await fileNames(temp.path), []);
});

Deno.test("spool(): a stream that fails, or an abort, leaves no file", async () => {
  await using temp = await tempDir();
  await assert.rejects(
    spool(
      temp.path,
      (async function* () {
        yield new Uint8Array(10);
        await Promise.resolve();
        throw new Error("the source is gone");
      })(),
    ),
    /the source is gone/,
  );
  const controller = new AbortController();
  await assert.rejects(
    spool(
      temp.path,
      (async function* () {
        yield new Uint8Array(10);
        await Promise.resolve();
        controller.abort();
        yield new Uint8Array(10);
      })(),
      controller.signal,
    ),
    { name: "AbortError" },
  );
  assert.deepEqual(await fileNames(temp.path), []);
});

Deno.test("local, names for Windows: no file on disk has a name that Windows rejects", async () => {
  await using temp = await tempDir();
  const backend = new LocalBackend(temp.path, { encodeNames: true });
  const names = [
    "rccl_test_gfx942:xnack+.tar.zst",
    'a<b>c:"d"|e?f*g',
    "back\\slash",
    "CON",
    "nul.txt",
    "Com1.log",
    "lpt9",
    "AUX .x",
    "CONIN$",
    "trailing.",
    "trailing ",
    "...a",
    "%3A",
    "100%",
    "ü",
  ];
  for (const name of names) await backend.write(at(`1-linux/${name}/${name}`), bytesSource(name));
  for (const path of await fileNames(temp.path)) {
    for (const name of path.split("/")) {
      // deno-lint-ignore no-control-regex -- what Windows refuses
      assert.doesNotMatch(name, /[<>:"|?*\\\u0000-\u001f]|[. ]$/);
      assert.doesNotMatch(
        name,
        /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\.|$)/i,
      );
    }
  }
  assert.deepEqual(
    (await list(backend, "1-linux")).sort(),
    names.map((name) => `1-linux/${name}/${name}`).sort(),
  );
});

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(size);
  for (let offset = 0; offset < bytes.length; offset += size) {
    await Promise.resolve();
    const piece = bytes.subarray(offset, offset + size);
    buffer.set(piece);
    yield buffer.subarray(0, piece.length);
  }
}

Deno.test("local: a copy that fails before it reads closes what it has opened", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, { "r/a": "a", "r/file": "in the way" });
  // That nothing stays open is what Deno looks for after each test.
  const copying = new LocalBackend(temp.path).copy(at("r/a"), at("r/file/b"));
  await rejectsWith(copying, "conflict");
});

Deno.test("local: an unfinished download is not listed, an object with such a name is", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, {
    "r/a.part": "half",
    "r/a.part.journal": '{"schema":"run-outputs.download/1","source":"s3://b/k"}\n',
    "r/b.part": "whole",
    "r/b.part.journal": "{}\n",
  });
  assert.deepEqual(await list(new LocalBackend(temp.path), "r"), ["r/b.part", "r/b.part.journal"]);
});

Deno.test({
  name: "local: a name that is invalid in a key is reported once, and the rest is listed",
  ignore: !takesAnyName,
  fn: async () => {
    await using temp = await tempDir();
    const dir = join(temp.path, "1-linux");
    await writeTree(dir, { "b": "b", "tab\there": "t", "line\nbreak/in": "l", "z\ufffd": "z" });
    await makeNamesOutsideUtf8(dir);
    const notices: string[] = [];
    const backend = new LocalBackend(temp.path, { onNotice: (text) => notices.push(text) });
    for (let time = 0; time < 2; time++) {
      assert.deepEqual(await list(backend, "1-linux"), ["1-linux/b", "1-linux/z\ufffd"]);
    }
    const named = notices.map((text) => text.replace(temp.path, "")).sort();
    assert.equal(named.length, 4, named.join("\n"));
    for (const name of ["a\ufffd.log", "d\ufffd", "line\\nbreak", "tab\\there"]) {
      const [told] = named.filter((text) => text.startsWith(`Skipped "/1-linux/${name}": `));
      assert(told !== undefined, `${name}: ${named}`);
      assert(!told.includes("\n") && !told.includes("\t"), told);
    }
    // Whoever does not listen is not told less.
    await rejectsWith(list(new LocalBackend(temp.path), "1-linux"), "failed", "Cannot list");
  },
});

Deno.test({
  name: "local: a name that is not UTF-8 is never mistaken for the file with the listed name",
  ignore: !takesAnyName,
  fn: async () => {
    await using temp = await tempDir();
    const dir = join(temp.path, "1-linux");
    await writeTree(dir, { "a\ufffd.log": "own", "d\ufffd/in": "own" });
    await makeNamesOutsideUtf8(dir);
    const notices: string[] = [];
    const backend = new LocalBackend(temp.path, { onNotice: (text) => notices.push(text) });
    assert.deepEqual(await list(backend, "1-linux"), [
      "1-linux/a\ufffd.log",
      "1-linux/d\ufffd/in",
    ]);
    assert.deepEqual(notices.map((text) => text.replace(temp.path, "")), [
      'Skipped "/1-linux/a\ufffd.log": the name of a file next to it is not UTF-8',
      'Skipped "/1-linux/d\ufffd": the name of a file next to it is not UTF-8',
    ]);
    await rejectsWith(list(new LocalBackend(temp.path), "1-linux"), "failed", "Cannot list");
  },
});

Deno.test("local: many looks at files let the rest of the process run", async () => {
  await using temp = await tempDir();
  const backend = new LocalBackend(temp.path);
  const location = new OutputLocation("local", "1-linux/a.txt");
  await backend.write(location, bytesSource("a"));
  const looks = {
    stat: () => backend.stat(location),
    read: async () => (await backend.read(location))[Symbol.asyncDispose](),
    list: () => Array.fromAsync(backend.list(location.parent)),
  };
  for (const [name, look] of Object.entries(looks)) {
    let hasRun = false;
    setTimeout(() => hasRun = true, 0);
    // Far more than fit into the time after which others get their turn.
    for (let i = 0; i < 100_000 && !hasRun; i++) await look();
    assert(hasRun, name);
  }
});

Deno.test("local: a write succeeds while deletes remove its empty directories", async () => {
  await using temp = await tempDir();
  const backend = new LocalBackend(temp.path);
  let done = false;
  // What a delete does when it has removed the last file of a directory, over and over.
  const removing = Promise.all(Array.from({ length: 4 }, async () => {
    while (!done) {
      for (const dir of ["1-linux/a/b/c", "1-linux/a/b", "1-linux/a"]) {
        await Deno.remove(join(temp.path, dir)).catch(() => {});
      }
    }
  }));
  try {
    for (let round = 0; round < 300; round++) {
      // Each directory is looked through for what is left in it when it is first written to.
      const location = at(`1-linux/a/b/c/${round}/d/e`);
      await backend.write(location, bytesSource("new"));
      await backend.delete(location);
    }
  } finally {
    done = true;
    await removing;
  }
});
