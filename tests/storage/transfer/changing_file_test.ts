/** Files that are written to while they are uploaded. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { RunOutputsError } from "../../../src/errors/error.ts";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import type { StorageBackend } from "../../../src/storage/backend.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { fileItem, upload, type UploadItem } from "../../../src/storage/transfer/upload.ts";
import { collect, noise, sha256 } from "../../support/bytes.ts";
import { memoryS3 } from "../../support/s3_subject.ts";
import { tempDir } from "../../support/temp_dir.ts";

const MIB = 1024 * 1024;

/** Storages, and files that they write in one piece and in several. */
const STORAGES: Readonly<
  Record<string, (dir: string) => Promise<[StorageBackend, () => Promise<void>]>>
> = {
  memory: () => Promise.resolve([new MemoryBackend(), () => Promise.resolve()]),
  local: (dir) => Promise.resolve([new LocalBackend(dir), () => Promise.resolve()]),
  s3: async () => {
    const subject = await memoryS3({ multipartThreshold: 6 * MIB, partSize: 5 * MIB });
    return [subject.backend, async () => await subject[Symbol.asyncDispose]()];
  },
};

/** Something is done to a file after its size was seen. */
function meanwhile(item: UploadItem, change: () => Promise<void>): UploadItem {
  return {
    ...item,
    async open(signal) {
      const source = await item.open(signal);
      await change();
      return source;
    },
  };
}

for (const [name, open] of Object.entries(STORAGES)) {
  for (const size of [1000, 12 * MIB]) {
    Deno.test(`upload() to ${name}, ${size} bytes: a log that grows is what it was, others are named`, async () => {
      await using dir = await tempDir();
      const [backend, close] = await open(join(dir.path, "staging"));
      try {
        const bytes = noise(size, 1);
        const attempt = async (file: string, change: (path: string) => Promise<void>) => {
          const path = join(dir.path, file);
          await Deno.writeFile(path, bytes);
          const location = new OutputLocation("suite", `1-linux/${file}`);
          const item = meanwhile(fileItem(location, path), () => change(path));
          const [result] = await upload(backend, [item]);
          return { result, path, location };
        };
        const grow = (path: string) => Deno.writeTextFile(path, "more\n", { append: true });

        const { result, path, location } = await attempt("a.log", grow);
        assert.deepEqual([result.outcome, result.sha256], ["written", sha256(bytes)]);
        assert.deepEqual(result.warnings, [
          `'${path}' grew during the upload: only its first ${size} bytes are uploaded`,
        ]);
        await using body = await backend.read(location);
        assert.equal(sha256(await collect(body)), sha256(bytes));

        for (
          const [how, file, change] of [
            ["grew", "a.bin", grow],
            ["shrank", "b.bin", (path) => Deno.truncate(path, size - 10)],
            ["shrank", "b.log", (path) => Deno.truncate(path, size - 10)],
          ] satisfies [string, string, (path: string) => Promise<void>][]
        ) {
          const { result: { outcome, error }, path, location } = await attempt(file, change);
          assert.equal(outcome, "failed");
          assert(error instanceof RunOutputsError);
          // Not `integrity`: that is for bytes that are corrupt.
          assert.equal(error.code, "failed", error.message);
          assert(error.message.startsWith(`Cannot upload '${path}': it ${how} while it was read`));
          await assert.rejects(backend.stat(location));
        }
      } finally {
        await close();
      }
    });
  }
}

Deno.test("upload(): a file that is replaced while it is hashed is reported as changed", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "a.tar.zst");
  await Deno.writeTextFile(path, "before");
  const location = new OutputLocation("suite", "1-linux/a.tar.zst");
  const item = fileItem(location, path, { sha256: sha256("before") });
  const [{ error }] = await upload(new MemoryBackend(), [
    meanwhile(item, async () => {
      await Deno.writeTextFile(path, "after!");
      await Deno.utime(path, new Date(), new Date(Date.now() + 5000));
    }),
  ]);
  assert.equal((error as RunOutputsError).code, "failed");
  assert(error!.message.startsWith(`Cannot upload '${path}': it changed while it was read`));
  // One that nobody has touched is wrong.
  const [wrong] = await upload(new MemoryBackend(), [item]);
  assert.equal((wrong.error as RunOutputsError).code, "integrity");
});
