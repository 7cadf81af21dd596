/** A small file that several jobs may write at the same time, on storages that behave and others. */

import assert from "node:assert/strict";
import { RunOutputsError } from "../../../src/errors/error.ts";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { type Decision, putContended } from "../../../src/operations/manifest/put_contended.ts";
import type { Chunks, StorageBackend } from "../../../src/storage/backend.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { statIfThere } from "../../../src/storage/if_there.ts";
import type { TransferResult } from "../../../src/storage/transfer/transfer.ts";
import { changed } from "../../support/changed_backend.ts";
import { collect } from "../../support/bytes.ts";

const location = new OutputLocation("suite", "1-linux/list");
const path = "a list";

const text = async (body: Chunks) => new TextDecoder().decode(await collect(body));

/** Adds a line to the file, if it does not have it. */
async function addLine(backend: StorageBackend, line: string): Promise<TransferResult> {
  return await putContended(backend, { location, path }, async (): Promise<Decision> => {
    const existing = await statIfThere(backend, location, undefined);
    if (existing === undefined) return { source: bytesSource(`${line}\n`) };
    await using body = await backend.read(location, { ifMatch: existing.etag });
    const before = await text(body);
    if (before.split("\n").includes(line)) return { existing };
    return { existing, source: bytesSource(`${before}${line}\n`) };
  });
}

/** A storage that rejects each write, and how many there were. */
function rejecting(inner: StorageBackend): { readonly backend: StorageBackend; writes: number } {
  const counted = {
    writes: 0,
    backend: changed(inner, {
      write() {
        counted.writes++;
        return Promise.reject(new RunOutputsError("conflict", "Cannot write it: rejected"));
      },
    }),
  };
  return counted;
}

Deno.test("putContended(): many writers at once all get their line in", async () => {
  const backend = new MemoryBackend();
  const lines = Array.from({ length: 12 }, (_, i) => `line ${i}`);
  const results = await Promise.all(lines.map((line) => addLine(backend, line)));
  for (const { outcome, error } of results) assert.equal(outcome, "written", error?.message);
  await using body = await backend.read(location);
  assert.deepEqual((await text(body)).trim().split("\n").sort(), lines.sort());
});

Deno.test("putContended(): a storage that rejects the etag that it reports is asked five times", async () => {
  const inner = new MemoryBackend();
  const { etag } = await inner.write(location, bytesSource("old\n"));
  const storage = rejecting(inner);
  const { outcome, error } = await addLine(storage.backend, "new");
  assert.equal(outcome, "failed");
  assert.equal(storage.writes, 5);
  assert.equal((error as RunOutputsError).code, "conflict");
  assert.equal(
    error!.message,
    "Cannot write it: rejected (rejected 5 times, but the object still has the requested ETag " +
      `${etag})`,
  );
});

Deno.test("putContended(): a storage that rejects a new object though none exists is asked five times", async () => {
  const storage = rejecting(new MemoryBackend());
  const { outcome, error } = await addLine(storage.backend, "new");
  assert.equal(outcome, "failed");
  assert.equal(storage.writes, 5);
  assert.match(error!.message, /rejected 5 times, but no object exists\)$/);
});

Deno.test("putContended(): rejections count as another writer's as long as the object changes", async () => {
  const inner = new MemoryBackend();
  let writes = 0;
  const backend = changed(inner, {
    async write(...args) {
      // Another job is faster each time, and then no more.
      if (++writes <= 8) await inner.write(location, bytesSource(`theirs ${writes}\n`));
      return await inner.write(...args);
    },
  });
  const { outcome, error } = await addLine(backend, "ours");
  assert.equal(outcome, "written", error?.message);
  await using body = await inner.read(location);
  assert.equal(await text(body), "theirs 8\nours\n");
});

Deno.test("putContended(): what can't be read again and again is the error", async () => {
  let reads = 0;
  const missing = new RunOutputsError("not_found", "Cannot read it: no such bucket");
  const { outcome, error } = await putContended(
    new MemoryBackend(),
    { location, path },
    () => {
      reads++;
      return Promise.reject(missing);
    },
  );
  assert.equal(outcome, "failed");
  assert.equal(error, missing);
  assert.equal(reads, 5);
});

Deno.test("putContended(): a storage that tells another etag later has written it all the same", async () => {
  const inner = new MemoryBackend();
  let writes = 0;
  const backend = changed(inner, {
    async write(...args) {
      writes++;
      return { ...await inner.write(...args), etag: "another" };
    },
  });
  const { outcome, etag } = await addLine(backend, "new");
  assert.equal(outcome, "written");
  assert.equal(writes, 1);
  assert.equal(etag, (await inner.stat(location)).etag);
});
