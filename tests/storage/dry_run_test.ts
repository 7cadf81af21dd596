/** The dry run: everything is read and checked, nothing is changed. */

import assert from "node:assert/strict";
import { OutputLocation } from "../../src/layout/output_location.ts";
import { bytesSource } from "../../src/storage/byte_source.ts";
import { DryRunBackend, type DryRunEvent } from "../../src/storage/dry_run.ts";
import { LocalBackend } from "../../src/storage/local/local.ts";
import { collect, sha256 } from "../support/bytes.ts";
import { rejectsWith } from "../support/errors.ts";
import { snapshot } from "../support/snapshot.ts";
import { tempDir, writeTree } from "../support/temp_dir.ts";

const at = (key: string) => new OutputLocation("bucket", key);

function test(
  name: string,
  fn: (backend: DryRunBackend, events: DryRunEvent[], dir: string) => Promise<void>,
): void {
  Deno.test(`dry run: ${name}`, async () => {
    await using temp = await tempDir();
    await writeTree(temp.path, { "1-linux/a": "a" });
    const before = await snapshot(temp.path);
    const events: DryRunEvent[] = [];
    const backend = new DryRunBackend(new LocalBackend(temp.path), (event) => events.push(event));
    await fn(backend, events, temp.path);
    assert.deepEqual(await snapshot(temp.path), before);
  });
}

test("says of itself that writing has no effect, and what it wraps", (backend) => {
  assert.equal(backend.writes, false);
  assert.equal(backend.name, "local");
  return Promise.resolve();
});

test("write, copy and delete are reported and change nothing", async (backend, events) => {
  const written = await backend.write(at("1-linux/b"), bytesSource("bb"));
  assert.equal(written.size, 2);
  await backend.write(at("1-linux/a"), bytesSource("new"));
  const copied = await backend.copy(at("1-linux/a"), at("1-linux/c"));
  assert.equal(copied.size, 1);
  assert.equal(copied.location.key, "1-linux/c");
  await backend.delete(at("1-linux/a"));
  assert.deepEqual(await backend.deleteAll([at("1-linux/a"), at("1-linux/no")]), []);
  assert.deepEqual(events.map(({ action, location }) => [action, location.key]), [
    ["write", "1-linux/b"],
    ["write", "1-linux/a"],
    ["copy", "1-linux/c"],
    ["delete", "1-linux/a"],
    ["delete", "1-linux/a"],
    ["delete", "1-linux/no"],
  ]);
});

test("reads go through", async (backend) => {
  assert.equal((await backend.stat(at("1-linux/a"))).size, 1);
  assert.equal((await Array.fromAsync(backend.list(at("1-linux")))).length, 1);
  await using body = await backend.read(at("1-linux/a"));
  assert.equal(new TextDecoder().decode(await collect(body)), "a");
});

test(
  "checks what a write would: the name, ifAbsent, ifMatch, the source, the hash",
  async (backend, events) => {
    await rejectsWith(backend.write(at(""), bytesSource("x")), "invalid");
    const absent = { ifAbsent: true };
    await rejectsWith(backend.write(at("1-linux/a"), bytesSource("x"), absent), "conflict");
    await backend.write(at("1-linux/b"), bytesSource("x"), absent);
    const { etag: ifMatch } = await backend.stat(at("1-linux/a"));
    await backend.write(at("1-linux/a"), bytesSource("x"), { ifMatch });
    for (const [path, etag] of [["1-linux/a", "other"], ["1-linux/no", ifMatch]] as const) {
      await rejectsWith(backend.write(at(path), bytesSource("x"), { ifMatch: etag }), "conflict");
    }
    const unreadable = {
      size: 10,
      // deno-lint-ignore require-yield -- it fails before its first byte
      async *open() {
        await Promise.resolve();
        throw new Error("can't be read");
      },
    };
    await assert.rejects(backend.write(at("1-linux/b"), unreadable), /can't be read/);
    const wrong = { sha256: sha256("y") };
    await rejectsWith(
      backend.write(at("1-linux/b"), bytesSource("x"), wrong),
      "integrity",
      sha256("x"),
      sha256("y"),
    );
    await backend.write(at("1-linux/b"), bytesSource("x"), { sha256: sha256("x") });
    assert.equal(events.length, 3);
  },
);

test("checks what a copy would: the source, ifAbsent", async (backend, events) => {
  await rejectsWith(backend.copy(at("1-linux/no"), at("1-linux/b")), "not_found");
  await rejectsWith(
    backend.copy(at("1-linux/a"), at("1-linux/a"), { ifAbsent: true }),
    "conflict",
  );
  assert.equal(events.length, 0);
});

test("an abort is an abort", async (backend, events) => {
  const options = { signal: AbortSignal.abort() };
  const calls = [
    () => backend.write(at("1-linux/b"), bytesSource("x"), options),
    () => backend.copy(at("1-linux/a"), at("1-linux/b"), options),
    async () => await backend.delete(at("1-linux/a"), options),
  ];
  for (const call of calls) await assert.rejects(call(), { name: "AbortError" });
  assert.equal(events.length, 0);
});
