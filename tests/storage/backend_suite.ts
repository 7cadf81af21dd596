/**
 * The conformance suite: what `StorageBackend`'s documentation promises, held against a driver.
 *
 * A driver's test calls {@linkcode backendSuite} once; nothing here knows which driver it is.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { RunOutputsError } from "../../src/errors/error.ts";
import { OutputLocation } from "../../src/layout/output_location.ts";
import type {
  ByteSource,
  ListOptions,
  ObjectInfo,
  StorageBackend,
} from "../../src/storage/backend.ts";
import { bytesSource } from "../../src/storage/byte_source.ts";
import { compareKeys } from "../../src/layout/compare_keys.ts";
import { collect, noise, sha256 } from "../support/bytes.ts";
import { cases } from "../support/cases.ts";
import { rejectsWith } from "../support/errors.ts";

/** A storage to test. */
export interface Subject extends AsyncDisposable {
  /** The driver. */
  readonly backend: StorageBackend;
  /** An empty bucket; objects in it are the suite's. */
  readonly bucket: string;
  /** The prefix that the suite's objects are below. Default: none, they are all of the bucket. */
  readonly below?: string;
}

/** What not every storage does. */
export interface SuiteOptions {
  /** The server does not enforce `ifAbsent`, and the driver says so. */
  readonly withoutConditionalWrite?: boolean;
  /** All names that run-outputs uses for its own files are refused, not only those it would take. */
  readonly hidesOwnNames?: boolean;
  /** How many random cases a property gets; fewer for a slow server. */
  readonly numRuns?: number;
}

/** Registers the suite's tests for a driver. */
export function backendSuite(
  name: string,
  open: () => Promise<Subject>,
  options: SuiteOptions = {},
): void {
  const test = (title: string, run: (subject: Helper) => Promise<void>, ignore = false) =>
    Deno.test({
      name: `${name}: ${title}`,
      ignore,
      fn: async () => {
        await using subject = await open();
        await run(new Helper(subject));
      },
    });

  test("stat(): a missing object is not_found", async ({ backend, at }) => {
    await rejectsWith(backend.stat(at("1-linux/nothing")), "not_found", "nothing");
  });

  test("stat(): a prefix with objects below is not an object", async ({ backend, at, put }) => {
    await put("1-linux/logs/a.log", "a");
    await rejectsWith(backend.stat(at("1-linux/logs")), "not_found");
    await rejectsWith(backend.stat(at("1-linux/logs/a.log/b")), "not_found");
  });

  test("write(): what was written is read back, with size, hash and time", async (s) => {
    const before = Date.now();
    const written = await s.put("1-linux/a.log", "hello\n");
    assert.equal(written.size, 6);
    assert.equal(written.sha256, sha256("hello\n"));
    assert.equal(s.keyOf(written.location), "1-linux/a.log");
    const info = await s.backend.stat(s.at("1-linux/a.log"));
    assert.equal(info.size, 6);
    assert.equal(info.etag, written.etag);
    assert.equal(info.contentType, "text/plain; charset=utf-8");
    // Servers keep whole seconds, and their clock is theirs.
    assert(Math.abs(info.modified.getTime() - before) < 60_000, info.modified.toISOString());
    assert.equal(await s.text("1-linux/a.log"), "hello\n");
  });

  test("write(): an empty object", async (s) => {
    await s.put("1-linux/empty", "");
    assert.equal((await s.backend.stat(s.at("1-linux/empty"))).size, 0);
    assert.equal(await s.text("1-linux/empty"), "");
  });

  test("write(): replaces, and the etag changes even at the same size", async (s) => {
    const first = await s.put("1-linux/a", "one");
    const second = await s.put("1-linux/a", "two");
    assert.notEqual(first.etag, second.etag);
    assert.equal(await s.text("1-linux/a"), "two");
  });

  test("write(): several MiB in odd pieces", async (s) => {
    const bytes = noise(5_000_011);
    const written = await s.backend.write(s.at("1-linux/big.bin"), inPieces(bytes, 65_537));
    assert.equal(written.sha256, sha256(bytes));
    assert.equal(written.etag, (await s.backend.stat(s.at("1-linux/big.bin"))).etag);
    assert.equal(sha256(await s.bytes("1-linux/big.bin")), sha256(bytes));
  });

  test("write(): names with + % # & ? : ' \" < space ü and 😀 are kept", async (s) => {
    const names = [
      "rccl_test_gfx942:xnack+.tar.zst",
      "a%20b%2Fc",
      "a&b#c?d=e",
      'it\'s "<quoted>"',
      " leading and trailing ",
      "dot.",
      "grün/日本/😀.txt",
      "back\\slash",
      "CON",
      ".hidden",
      "a*b|c",
    ];
    for (const name of names) await s.put(`1-linux/names/${name}`, name);
    for (const name of names) assert.equal(await s.text(`1-linux/names/${name}`), name);
    assert.deepEqual(
      await s.list("1-linux/names"),
      names.map((name) => `1-linux/names/${name}`).sort(compareKeys),
    );
  });

  test("write(): a wrong hash is an integrity error and leaves what was there", async (s) => {
    await s.put("1-linux/a", "old");
    const wrong = { sha256: sha256("something else") };
    await rejectsWith(
      s.backend.write(s.at("1-linux/a"), bytesSource("new"), wrong),
      "integrity",
      wrong.sha256,
      sha256("new"),
    );
    await rejectsWith(
      s.backend.write(s.at("1-linux/b"), bytesSource("new"), wrong),
      "integrity",
    );
    assert.equal(await s.text("1-linux/a"), "old");
    assert.deepEqual(await s.list("1-linux"), ["1-linux/a"]);
  });

  test("write(): the right hash is accepted", async (s) => {
    await s.backend.write(s.at("1-linux/a"), bytesSource("new"), { sha256: sha256("new") });
    assert.equal(await s.text("1-linux/a"), "new");
  });

  for (const [title, actual] of [["fewer", 5], ["more", 15]] as const) {
    test(`write(): ${title} bytes than the source said is an integrity error`, async (s) => {
      await s.put("1-linux/a", "old");
      const source: ByteSource = {
        size: 10,
        async *open() {
          yield new Uint8Array(actual);
        },
      };
      await rejectsWith(s.backend.write(s.at("1-linux/a"), source), "integrity", "10");
      assert.equal(await s.text("1-linux/a"), "old");
    });
  }

  test("write(): a source that fails in the middle leaves what was there", async (s) => {
    await s.put("1-linux/a", "old");
    const source: ByteSource = {
      size: 10,
      async *open() {
        yield new Uint8Array(5);
        throw new Error("the disk is gone");
      },
    };
    await assert.rejects(s.backend.write(s.at("1-linux/a"), source), /the disk is gone/);
    await assert.rejects(s.backend.write(s.at("1-linux/b"), source), /the disk is gone/);
    assert.equal(await s.text("1-linux/a"), "old");
    assert.deepEqual(await s.list("1-linux"), ["1-linux/a"]);
  });

  test("write(): nothing is to be seen before all of it is there", async (s) => {
    await s.put("1-linux/a", "old");
    const seen: string[] = [];
    const source: ByteSource = {
      size: 3,
      async *open() {
        yield new TextEncoder().encode("ne");
        seen.push(await s.text("1-linux/a"), ...await s.list("1-linux"));
        yield new TextEncoder().encode("w");
      },
    };
    await s.backend.write(s.at("1-linux/a"), source);
    // A driver may read its source twice: for a hash that has to be known before the first byte.
    assert(seen.length >= 2);
    assert.deepEqual(new Set(seen), new Set(["old", "1-linux/a"]));
    assert.equal(await s.text("1-linux/a"), "new");
  });

  test("write(): an abort in the middle rejects with its reason, leaving nothing", async (s) => {
    const controller = new AbortController();
    const source: ByteSource = {
      size: 1000,
      async *open() {
        yield new Uint8Array(500);
        controller.abort(new Error("enough"));
        yield new Uint8Array(500);
      },
    };
    await assert.rejects(
      s.backend.write(s.at("1-linux/a"), source, { signal: controller.signal }),
      /enough/,
    );
    assert.deepEqual(await s.list("1-linux"), []);
  });

  test("every call: a signal that is aborted already stops it", async (s) => {
    await s.put("1-linux/a", "old");
    const signal = AbortSignal.abort(new Error("enough"));
    const a = s.at("1-linux/a");
    await assert.rejects(s.backend.stat(a, { signal }), /enough/);
    await assert.rejects(s.backend.read(a, { signal }), /enough/);
    await assert.rejects(s.backend.write(a, bytesSource("new"), { signal }), /enough/);
    await assert.rejects(s.backend.copy(a, s.at("1-linux/b"), { signal }), /enough/);
    await assert.rejects(s.backend.delete(a, { signal }), /enough/);
    await assert.rejects(s.backend.deleteAll([a], { signal }), /enough/);
    const children = s.backend.children(s.at("1-linux"), { signal });
    await assert.rejects(Array.fromAsync(children), /enough/);
    await assert.rejects(Array.fromAsync(s.backend.list(s.at("1-linux"), { signal })), /enough/);
    assert.equal(await s.text("1-linux/a"), "old");
  });

  test("write(): progress adds up to the size", async (s) => {
    let sum = 0;
    const bytes = noise(300_000);
    await s.backend.write(s.at("1-linux/a"), inPieces(bytes, 70_000), {
      onBytes: (count) => sum += count,
    });
    assert.equal(sum, bytes.length);
  });

  test("write(): ifAbsent writes if the object does not exist, and is a conflict otherwise", async (s) => {
    await s.backend.write(s.at("1-linux/a"), bytesSource("one"), { ifAbsent: true });
    await rejectsWith(
      s.backend.write(s.at("1-linux/a"), bytesSource("two"), { ifAbsent: true }),
      "conflict",
      "1-linux/a",
    );
    assert.equal(await s.text("1-linux/a"), "one");
  });

  test("write(): ifMatch writes over what it names, and else is a conflict", async (s) => {
    const write = (text: string, ifMatch: string) =>
      s.backend.write(s.at("1-linux/a"), bytesSource(text), { ifMatch });
    const first = await s.put("1-linux/a", "one");
    const second = await write("two", first.etag);
    await rejectsWith(write("three", first.etag), "conflict", "1-linux/a");
    assert.equal(await s.text("1-linux/a"), "two");
    await s.backend.delete(s.at("1-linux/a"));
    await rejectsWith(write("four", second.etag), "conflict", "1-linux/a");
    assert.deepEqual(await s.list("1-linux"), []);
  });

  test(
    "write(): of many concurrent writes with ifMatch, at least one wins and no loser is stored",
    async (s) => {
      const { etag } = await s.put("1-linux/a", "before");
      const results = await Promise.allSettled(
        Array.from(
          { length: 8 },
          (_, i) =>
            s.backend.write(s.at("1-linux/a"), bytesSource(`writer ${i}`), { ifMatch: etag }),
        ),
      );
      const winners = results.flatMap((r, i) => r.status === "fulfilled" ? [`writer ${i}`] : []);
      assert(winners.length > 0);
      assert(winners.includes(await s.text("1-linux/a")));
    },
  );

  test(
    "write(): of many concurrent writes with ifAbsent, one wins",
    async (s) => {
      const results = await Promise.allSettled(
        Array.from(
          { length: 8 },
          (_, i) =>
            s.backend.write(s.at("1-linux/a"), bytesSource(`writer ${i}`), { ifAbsent: true }),
        ),
      );
      const winners = results.flatMap((r, i) => r.status === "fulfilled" ? [i] : []);
      assert.equal(winners.length, 1);
      assert.equal(await s.text("1-linux/a"), `writer ${winners[0]}`);
    },
    options.withoutConditionalWrite,
  );

  test("write(): of many concurrent writes, one is stored completely", async (s) => {
    const contents = Array.from({ length: 8 }, (_, i) => noise(200_000 + i, i));
    await Promise.all(
      contents.map((bytes) => s.backend.write(s.at("1-linux/a"), inPieces(bytes, 50_000))),
    );
    const found = sha256(await s.bytes("1-linux/a"));
    assert(contents.some((bytes) => sha256(bytes) === found));
    assert.deepEqual(await s.list("1-linux"), ["1-linux/a"]);
  });

  test("write(): a bucket itself is not an object", async (s) => {
    const bucket = new OutputLocation(s.at("").bucket, "");
    await rejectsWith(s.backend.write(bucket, bytesSource("x")), "invalid");
  });

  test("read(): a missing object is not_found", async (s) => {
    await rejectsWith(s.backend.read(s.at("1-linux/nothing")), "not_found", "nothing");
  });

  test("read(): ranges", async (s) => {
    await s.put("1-linux/a", "0123456789");
    const range = async (start: number, end: number) => {
      await using body = await s.backend.read(s.at("1-linux/a"), { range: { start, end } });
      return new TextDecoder().decode(await collect(body));
    };
    assert.equal(await range(0, 10), "0123456789");
    assert.equal(await range(2, 5), "234");
    assert.equal(await range(9, 10), "9");
    assert.equal(await range(5, 1000), "56789");
    assert.equal(await range(3, 3), "");
    assert.equal(await range(10, 20), "");
    for (const [start, end] of [[11, 12], [5, 4], [-1, 3], [0.5, 3]]) {
      await rejectsWith(range(start, end), "invalid", `${start}-${end}`);
    }
  });

  test("read(): a range of an empty object", async (s) => {
    await s.put("1-linux/empty", "");
    await using body = await s.backend.read(s.at("1-linux/empty"), { range: { start: 0, end: 5 } });
    assert.equal((await collect(body)).length, 0);
  });

  test("read(): ifMatch reads that version and no other", async (s) => {
    const { etag } = await s.put("1-linux/a", "one");
    await using body = await s.backend.read(s.at("1-linux/a"), { ifMatch: etag });
    assert.equal(new TextDecoder().decode(await collect(body)), "one");
    await s.put("1-linux/a", "two");
    await rejectsWith(s.backend.read(s.at("1-linux/a"), { ifMatch: etag }), "conflict");
  });

  test("read(): a body that is not read, or only begun, can be disposed of", async (s) => {
    await s.backend.write(s.at("1-linux/a"), bytesSource(noise(3_000_000)));
    {
      await using _body = await s.backend.read(s.at("1-linux/a"));
    }
    {
      await using body = await s.backend.read(s.at("1-linux/a"));
      for await (const _ of body) break;
    }
    {
      const body = await s.backend.read(s.at("1-linux/a"));
      for await (const _ of body) { /* to its end */ }
    }
  });

  test("read(): the bytes are of one version, though the object is replaced", async (s) => {
    const one = noise(3_000_000);
    await s.backend.write(s.at("1-linux/a"), bytesSource(one));
    await using body = await s.backend.read(s.at("1-linux/a"));
    const hash = createHash("sha256");
    let replaced = false;
    try {
      for await (const chunk of body) {
        hash.update(chunk);
        if (!replaced) await s.put("1-linux/a", "two");
        replaced = true;
      }
    } catch (error) {
      // A driver that has to ask for the rest again says that it is gone. It never mixes.
      assert(error instanceof RunOutputsError && error.code === "conflict", `${error}`);
      return;
    }
    assert.equal(hash.digest("hex"), sha256(one));
  });

  test("list(): an empty result is not an error", async (s) => {
    assert.deepEqual(await s.list("1-linux"), []);
    assert.deepEqual(await s.list(""), []);
  });

  test("list(): goes by whole segments", async (s) => {
    for (const key of ["123-linux/a", "123-linux/b/c", "123-linux-old/a", "123-linux2", "12"]) {
      await s.put(key, key);
    }
    assert.deepEqual(await s.list("123-linux"), ["123-linux/a", "123-linux/b/c"]);
    assert.deepEqual(await s.list("123-linux/b"), ["123-linux/b/c"]);
    assert.deepEqual(await s.list("123-linux/a"), []);
    assert.deepEqual(await s.list("123-lin"), []);
  });

  test("list(): of one level only, what is further down is not in it", async (s) => {
    const keys = ["1-linux/b", "1-linux/b-c/d", "1-linux/a/b/c", "1-linux/z", "1-linux-old/a", "0"];
    for (const key of keys) await s.put(key, key);
    const level = async (prefix: string) => await s.list(prefix, { recursive: false });
    assert.deepEqual(await level("1-linux"), ["1-linux/b", "1-linux/z"]);
    assert.deepEqual(await level("1-linux/a"), []);
    assert.deepEqual(await level("1-linux/a/b"), ["1-linux/a/b/c"]);
    assert.deepEqual(await level("1-linux/b"), []);
    assert.deepEqual(await level("2-linux"), []);
    assert.deepEqual(await level(""), ["0"]);
    assert.equal((await s.list("", { recursive: true })).length, keys.length);
  });

  test("list(): in the order of UTF-8 bytes, with sizes and etags", async (s) => {
    const keys = ["r/a", "r/a-b", "r/a/b", "r/a/b/c", "r/a0", "r/B", "r/ü", "r/\uffee", "r/😀"]
      .filter((key) => key !== "r/a" && key !== "r/a/b");
    for (const key of keys) await s.put(key, key);
    const infos = await Array.fromAsync(s.backend.list(s.at("r")));
    assert.deepEqual(infos.map((info) => s.keyOf(info.location)), [...keys].sort(compareKeys));
    for (const info of infos) {
      const stat = await s.backend.stat(info.location);
      assert.equal(info.size, stat.size);
      assert.equal(info.etag, stat.etag);
    }
  });

  test("list(): the bucket itself lists all of it", async (s) => {
    await s.put("1-linux/a", "a");
    await s.put("ROCm-rocm-libraries/2-linux/a", "a");
    assert.deepEqual(await s.list(""), ["1-linux/a", "ROCm-rocm-libraries/2-linux/a"]);
  });

  test("write(): what it accepts, list() shows, even names like run-outputs' own files", async (s) => {
    const journal = `{"schema":"run-outputs.download/1","size":9}\n${" ".repeat(500)}`;
    const files = {
      [`o/.run-outputs-tmp-${crypto.randomUUID()}/x`]: "x",
      "o/.run-outputs-fetch/x": "x",
      "o/.run-outputs-tmp-1": "x",
      "o/a.part": "x",
      "o/a.part.journal": journal,
      "o/b.part": "x",
      "o/b.part.journal": "somebody else's",
      "o/c.part.journal": "",
    };
    const taken: string[] = [];
    for (const [key, text] of Object.entries(files)) {
      try {
        await s.put(key, text);
        taken.push(key);
      } catch (error) {
        assert.equal((error as RunOutputsError).code, "invalid", key);
      }
    }
    await s.put("c", journal);
    for (const key of ["o/d.part.journal", "o/.run-outputs-tmp-2"]) {
      await s.backend.copy(s.at("c"), s.at(key)).then(() => taken.push(key), (error) => {
        assert.equal(error.code, "invalid", key);
      });
    }
    assert.deepEqual(await s.list("o"), taken.sort(compareKeys));
    const least = options.hidesOwnNames ? 2 : 6;
    assert(taken.length >= least, "only names of our own may be refused");
  });

  test("list(): can be left early", async (s) => {
    for (let i = 0; i < 5; i++) await s.put(`1-linux/${i}`, "x");
    for await (const info of s.backend.list(s.at("1-linux"))) {
      assert.equal(s.keyOf(info.location), "1-linux/0");
      break;
    }
  });

  test("children(): objects and prefixes directly below, each once, in order", async (s) => {
    const keys = ["1-linux/b", "1-linux/b-c/d", "1-linux/a/b/c", "1-linux/a/z", "1-linux/z"];
    for (const key of [...keys, "1-linux-old/a", "0"]) await s.put(key, key);
    assert.deepEqual(await s.children("1-linux"), ["a/", "b", "b-c/", "z"]);
    assert.deepEqual(await s.children("1-linux/a"), ["b/", "z"]);
    assert.deepEqual(await s.children("1-linux/b"), []);
    assert.deepEqual(await s.children("1-lin"), []);
    assert.deepEqual(await s.children("2-linux"), []);
    assert.deepEqual(await s.children(""), ["0", "1-linux-old/", "1-linux/"]);
  });

  test("children(): objects are as stat() has them", async (s) => {
    await s.put("r/a", "hello");
    await s.put("r/b/c", "x");
    const [a, b] = await Array.fromAsync(s.backend.children(s.at("r")));
    const { size, etag } = await s.backend.stat(s.at("r/a"));
    assert.deepEqual({ size: a.info?.size, etag: a.info?.etag }, { size, etag });
    assert.equal(s.keyOf(a.info!.location), "r/a");
    assert.deepEqual([s.keyOf(b.location), b.info], ["r/b", undefined]);
  });

  test("children(): names of every kind, in the order of UTF-8 bytes", async (s) => {
    const names = [
      "a-b/x",
      "a0",
      "B",
      "ü/x",
      "\uffee/x",
      "😀",
      "gfx942:xnack+/x",
      "a%20b/x",
      "x y",
    ];
    for (const name of names) await s.put(`r/${name}`, name);
    assert.deepEqual(
      await s.children("r"),
      names.map((name) => name.replace(/x$/, "")).sort(compareKeys),
    );
  });

  test("children(): can be left early", async (s) => {
    for (let i = 0; i < 5; i++) await s.put(`r/${i}/x`, "x");
    for await (const { location } of s.backend.children(s.at("r"))) {
      assert.equal(s.keyOf(location), "r/0");
      break;
    }
  });

  test("deleteAll(): deletes only these objects; missing ones are not failures", async (s) => {
    const keys = ["r/a", "r/b+c", "r/ü/😀", "r/a%20b", "r/x y&<z>", "r/a/b"];
    for (const key of keys) if (key !== "r/a") await s.put(key, key);
    await s.put("r2/a", "a");
    assert.deepEqual(await s.backend.deleteAll([]), []);
    const gone = keys.slice(0, 5).map(s.at);
    assert.deepEqual(await s.backend.deleteAll([...gone, s.at("r/no"), s.at("r")]), []);
    assert.deepEqual(await s.list(""), ["r/a/b", "r2/a"]);
    assert.deepEqual(await s.backend.deleteAll([s.at("r/a/b")]), []);
    assert.deepEqual(await s.list(""), ["r2/a"]);
  });

  test("deleteAll(): accepts a listing, and more objects than fit into one request", async (s) => {
    const missing = Array.from({ length: 2500 }, (_, i) => s.at(`r/missing/${i}`));
    await s.put("r/a", "a");
    await s.put("r/z", "z");
    assert.deepEqual(await s.backend.deleteAll([s.at("r/a"), ...missing, s.at("r/z")]), []);
    assert.deepEqual(await s.list("r"), []);
    for (let i = 0; i < 5; i++) await s.put(`r/${i}`, "x");
    const listed = async function* () {
      for await (const { location } of s.backend.list(s.at("r"))) yield location;
    };
    assert.deepEqual(await s.backend.deleteAll(listed()), []);
    assert.deepEqual(await s.list(""), []);
  });

  test("copy(): content, size and type come along", async (s) => {
    await s.put("1-linux/a.log", "hello");
    const copied = await s.backend.copy(s.at("1-linux/a.log"), s.at("2-linux/b/c.log"));
    assert.equal(s.keyOf(copied.location), "2-linux/b/c.log");
    assert.equal(copied.size, 5);
    assert.equal(await s.text("2-linux/b/c.log"), "hello");
    assert.equal(
      (await s.backend.stat(s.at("2-linux/b/c.log"))).contentType,
      "text/plain; charset=utf-8",
    );
    assert.equal(await s.text("1-linux/a.log"), "hello");
  });

  test("copy(): replaces; onto itself it changes nothing", async (s) => {
    await s.put("1-linux/a", "a");
    await s.put("1-linux/b", "b");
    await s.backend.copy(s.at("1-linux/a"), s.at("1-linux/b"));
    assert.equal(await s.text("1-linux/b"), "a");
    const before = await s.backend.stat(s.at("1-linux/a"));
    const same = await s.backend.copy(s.at("1-linux/a"), s.at("1-linux/a"));
    assert.equal(same.etag, before.etag);
    assert.equal(await s.text("1-linux/a"), "a");
  });

  test("copy(): what is missing is not_found, what is in the way with ifAbsent a conflict", async (s) => {
    await s.put("1-linux/b", "b");
    await rejectsWith(s.backend.copy(s.at("1-linux/no"), s.at("1-linux/b")), "not_found", "no");
    await s.put("1-linux/a", "a");
    await rejectsWith(
      s.backend.copy(s.at("1-linux/a"), s.at("1-linux/b"), { ifAbsent: true }),
      "conflict",
    );
    assert.equal(await s.text("1-linux/b"), "b");
  });

  test("delete(): deletes only the object; a missing one is not an error", async (s) => {
    await s.put("1-linux/logs/a", "a");
    await s.put("1-linux/logs/ab", "ab");
    await s.backend.delete(s.at("1-linux/logs/a"));
    await s.backend.delete(s.at("1-linux/logs/a"));
    await s.backend.delete(s.at("1-linux/logs"));
    assert.deepEqual(await s.list(""), ["1-linux/logs/ab"]);
    await rejectsWith(s.backend.stat(s.at("1-linux/logs/a")), "not_found");
  });

  test("any sequence of writes, copies and deletes gives the same result as a map", async (s) => {
    const segment = fc.constantFrom("a", "b", "a-b", "ü", "x y", "C:d", "%41", "A+");
    const key = fc.array(segment, { minLength: 1, maxLength: 3 })
      // A disk can't hold "d" and "d/e"; a leaf is told apart from a directory by its name.
      .map((parts) => parts.join("/") + ".obj");
    const step = fc.oneof(
      fc.record({ do: fc.constant("write" as const), key, content: fc.string({ maxLength: 20 }) }),
      fc.record({ do: fc.constant("copy" as const), key, to: key }),
      fc.record({ do: fc.constant("delete" as const), key }),
    );
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const base = `round${round++}`;
        const model = new Map<string, string>();
        for (const one of steps) {
          const at = s.at(`${base}/${one.key}`);
          if (one.do === "write") {
            const content = one.content.toWellFormed();
            await s.put(s.keyOf(at), content);
            model.set(s.keyOf(at), content);
          } else if (one.do === "delete") {
            await s.backend.delete(at);
            model.delete(s.keyOf(at));
          } else if (model.has(s.keyOf(at))) {
            await s.backend.copy(at, s.at(`${base}/${one.to}`));
            model.set(`${base}/${one.to}`, model.get(s.keyOf(at))!);
          } else {
            await rejectsWith(s.backend.copy(at, s.at(`${base}/${one.to}`)), "not_found");
          }
        }
        assert.deepEqual(await s.list(base), [...model.keys()].sort(compareKeys));
        for (const [at, content] of model) assert.equal(await s.text(at), content);
      }),
      { numRuns: cases(options.numRuns ?? 50) },
    );
  });
}

/** Shorthands for one subject; its members are bound, so that tests can take them apart. */
class Helper {
  readonly backend: StorageBackend;
  readonly at: (key: string) => OutputLocation;
  readonly put: (key: string, content: string) => Promise<ObjectInfo>;

  readonly #root: OutputLocation;

  constructor({ backend, bucket, below = "" }: Subject) {
    this.backend = backend;
    this.#root = new OutputLocation(bucket, below);
    this.at = (key) => key === "" ? this.#root : this.#root.join(key);
    this.put = (key, content) =>
      this.backend.write(this.at(key), bytesSource(content), {
        contentType: "text/plain; charset=utf-8",
      });
  }

  async bytes(key: string): Promise<Uint8Array> {
    await using body = await this.backend.read(this.at(key));
    return await collect(body);
  }

  async text(key: string): Promise<string> {
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(await this.bytes(key));
  }

  /** The names of the children; those of prefixes end in `/`. */
  async children(key: string): Promise<string[]> {
    const found = await Array.fromAsync(this.backend.children(this.at(key)));
    return found.map(({ location, info }) =>
      info === undefined ? `${location.name}/` : location.name
    );
  }

  async list(key: string, options?: ListOptions): Promise<string[]> {
    const infos = await Array.fromAsync(this.backend.list(this.at(key), options));
    return infos.map((info) => this.keyOf(info.location));
  }

  /** The key of a location as the suite names it. */
  keyOf(location: OutputLocation): string {
    return location.relativeTo(this.#root)!;
  }
}

/** A source that yields pieces of one size from a buffer that it reuses, as real ones do. */
function inPieces(bytes: Uint8Array, size: number): ByteSource {
  return {
    size: bytes.length,
    async *open(range = { start: 0, end: bytes.length }) {
      const buffer = new Uint8Array(size);
      for (let offset = range.start; offset < range.end; offset += size) {
        const piece = bytes.subarray(offset, Math.min(offset + size, range.end));
        buffer.set(piece);
        yield buffer.subarray(0, piece.length);
        buffer.fill(0xee);
      }
    },
  };
}
