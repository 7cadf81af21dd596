/** What the parts of the S3 driver share. */

import assert from "node:assert/strict";
import { Session } from "../../../src/storage/s3/session.ts";
import { readSettings } from "../../../src/storage/s3/settings.ts";
import { testOptions } from "../../support/s3_subject.ts";

const MiB = 1024 * 1024;

async function open(): Promise<Session> {
  const sizes = { partSize: 5 * MiB, maxBytesInMemory: 10 * MiB };
  return new Session(await readSettings(testOptions("http://127.0.0.1:9", sizes)));
}

Deno.test("Session: a buffer is used again for objects of nearly its size", async () => {
  using session = await open();
  const first = session.takeBuffer(700_000);
  assert.equal(first.length, 700_000);
  session.giveBuffer(first);
  const second = session.takeBuffer(1_000_000);
  assert.equal(second.length, 1_000_000);
  assert.equal(second.buffer, first.buffer);
  assert.notEqual(session.takeBuffer(1_000_000).buffer, first.buffer);
  // Small ones are as large as needed.
  assert.equal(session.takeBuffer(10).buffer.byteLength, 10);
  assert.equal(session.takeBuffer(5 * MiB - 1).buffer.byteLength, 5 * MiB);
});

Deno.test("Session: kept buffers have a limit, and the oldest go", async () => {
  using session = await open();
  const small = session.takeBuffer(MiB);
  const parts = [0, 1].map(() => session.takeBuffer(5 * MiB));
  for (const buffer of [small, ...parts]) session.giveBuffer(buffer);
  assert.notEqual(session.takeBuffer(MiB).buffer, small.buffer);
  const again = [0, 1, 2].map(() => session.takeBuffer(5 * MiB).buffer);
  assert.deepEqual(again.map((buffer) => parts.some((part) => part.buffer === buffer)), [
    ...[true, true, false],
  ]);
});
