/** How many streams reach a server with a bound on each of them. */

import assert from "node:assert/strict";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { createS3Backend } from "../../../src/storage/s3/backend.ts";
import { download } from "../../../src/storage/transfer/download.ts";
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
