/** How many streams and requests reach a server with a bound on each of them. */

import assert from "node:assert/strict";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { createS3Backend } from "../../../src/storage/s3/backend.ts";
import { download } from "../../../src/storage/transfer/download.ts";
import { upload } from "../../../src/storage/transfer/upload.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { sha256 } from "../../support/bytes.ts";
import { pacedBytes, type PacedOptions, startPacedS3 } from "../../support/paced_s3.ts";
import { testOptions } from "../../support/s3_subject.ts";
import { tempDir } from "../../support/temp_dir.ts";

const MiB = 1024 * 1024;
const COUNT = 20;
const SIZE = 2 * MiB;

/** Downloads all objects of a server and compares them. */
async function downloadAll(options: PacedOptions, concurrency?: number) {
  await using server = startPacedS3({ each: 8e6, latency: 5, ...options });
  const retry = { baseDelay: 10, maxAttempts: 20 };
  using backend = await createS3Backend(testOptions(server.url, { retry }));
  await using dir = await tempDir();
  const objects = await Array.fromAsync(backend.list(new OutputLocation("bucket", "p")));
  const items = objects.map(({ location, size }) => ({
    location,
    size,
    path: `${dir.path}/${location.name}`,
  }));
  const results = await download(backend, items, { concurrency });
  const content = sha256(pacedBytes(options.size ?? 0));
  assert.deepEqual(results.map(({ error }) => error?.message).filter(Boolean), []);
  assert.deepEqual(new Set(results.map((result) => result.sha256)), new Set([content]));
  return server.stat();
}

Deno.test("download(): where the line has more for more streams, there are more than at first", async () => {
  const { most } = await downloadAll({ count: COUNT, size: SIZE });
  assert(most > 8, `${most}`);
});

Deno.test("download(): the segments of one object are streams like any other", async () => {
  const { most } = await downloadAll({ count: 1, size: 40 * MiB, each: 100e6 });
  assert.equal(most, 2);
});

Deno.test("download(): a number of concurrent transfers that is asked for stays as it is", async () => {
  const { most } = await downloadAll({ count: COUNT, size: SIZE }, 3);
  assert.equal(most, 3);
});

Deno.test("download(): a server that complains about more than six streams gets all requests again", async () => {
  const { most, refused } = await downloadAll({ count: COUNT, size: SIZE, refusesAbove: 6 });
  assert.equal(most, 6);
  assert(refused > 0, "it was asked for more");
});

/** Uploads files of one part or of several. */
async function uploadAll(options: PacedOptions, size: number, concurrency?: number) {
  await using server = startPacedS3({ each: 20e6, latency: 5, ...options });
  const retry = { baseDelay: 10, maxAttempts: 20 };
  using backend = await createS3Backend(testOptions(server.url, { retry }));
  const bytes = pacedBytes(size);
  const source = bytesSource(bytes);
  const items = Array.from({ length: 40 * MiB / size }, (_, i) => ({
    location: new OutputLocation("bucket", `1-linux/${i}`),
    path: `${i}`,
    size,
    open: () => Promise.resolve(source),
  }));
  const results = await upload(backend, items, { concurrency });
  assert.deepEqual(results.map(({ error }) => error?.message).filter(Boolean), []);
  const stat = server.stat();
  assert.equal(stat.received, 40 * MiB);
  return stat;
}

Deno.test("upload(): where the line has more for more requests, there are more than at first", async () => {
  const { most } = await uploadAll({}, MiB);
  assert(most > 8, `${most}`);
});

for (const size of [MiB, 20 * MiB]) {
  Deno.test(`upload(): a number of concurrent transfers that is asked for is one of requests: files of ${size} bytes`, async () => {
    const { most } = await uploadAll({}, size, 3);
    assert(most <= 3, `${most}`);
  });
}

Deno.test("upload(): a server that complains about more than four bodies gets all of them again", async () => {
  const { most, refused } = await uploadAll({ refusesAbove: 4 }, MiB);
  assert.equal(most, 4);
  assert(refused > 0, "it was asked for more");
});
