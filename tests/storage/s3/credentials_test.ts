/** Credentials that end: renewed in the middle of a transfer, and kept where they can't be. */

import assert from "node:assert/strict";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import type { ByteSource } from "../../../src/storage/backend.ts";
import { Credentials } from "../../../src/storage/s3/credentials.ts";
import { createS3Backend } from "../../../src/storage/s3/backend.ts";
import { readSettings, type StaticCredentials } from "../../../src/storage/s3/settings.ts";
import { startS3Server } from "../../support/s3_server.ts";
import { testOptions } from "../../support/s3_subject.ts";

const unused = () => Promise.reject(new Error("nobody is to be asked"));

async function source(
  credentials: () => Promise<StaticCredentials>,
  now?: () => number,
): Promise<Credentials> {
  return new Credentials(
    await readSettings(testOptions("http://127.0.0.1:9", { credentials })),
    unused,
    now,
  );
}

function keys(id: string, lifetime: number): StaticCredentials {
  return {
    accessKeyId: id,
    secretAccessKey: "secret",
    sessionToken: `token-of-${id}`,
    expiration: new Date(Date.now() + lifetime),
  };
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

Deno.test("s3, credentials: those that end in a transfer are renewed in it", async () => {
  await using server = await startS3Server();
  let given = 0;
  using backend = await createS3Backend(testOptions(server.url, {
    credentials: () => Promise.resolve(keys(`K${++given}`, 200)),
    partSize: 5 * 1024 ** 2,
    multipartThreshold: 1,
    maxBytesInMemory: 6_000_000,
  }));
  const size = 16_000_000;
  const slow: ByteSource = {
    size,
    async *open({ start, end } = { start: 0, end: size }) {
      if (end - start < size) await wait(250);
      yield new Uint8Array(end - start);
    },
  };
  await backend.write(new OutputLocation("suite", "1-linux/a"), slow);
  const parts = server.requests.flatMap((request, i) =>
    request.includes("partNumber=") ? [server.signers[i]] : []
  );
  assert.equal(parts.length, 4);
  assert.equal(new Set(parts).size, 4, "each part found the keys of the one before ended");
});

Deno.test("s3, credentials: long before they expire they are requested once, even concurrently", async () => {
  let given = 0;
  const credentials = await source(async () => {
    await wait(1);
    return keys(`K${++given}`, 3_600_000);
  });
  const found = await Promise.all(Array.from({ length: 10 }, () => credentials.get()));
  assert.deepEqual(new Set(found.map((one) => one?.accessKeyId)), new Set(["K1"]));
  assert.equal((await credentials.get())?.accessKeyId, "K1");
});

Deno.test("s3, credentials: those received late are not requested for each request", async () => {
  let given = 0;
  // An instance gives out the same keys until shortly before their end.
  const credentials = await source(() => Promise.resolve(keys(`K${++given}`, 120_000)));
  for (let i = 0; i < 10; i++) await credentials.get();
  assert.equal(given, 1);
});

Deno.test("s3, credentials: a failed renewal is not an error before they expire", async () => {
  const began = Date.now();
  let time = began;
  let given = 0;
  const credentials = await source(() => {
    if (++given > 1) return Promise.reject(new Error("away"));
    return Promise.resolve({ ...keys("K1", 0), expiration: new Date(began + 1000) });
  }, () => time);
  assert.equal((await credentials.get())?.accessKeyId, "K1");
  time = began + 499;
  assert.equal((await credentials.get())?.accessKeyId, "K1");
  assert.equal(given, 1, "half of the time is not over");
  time = began + 999;
  assert.equal((await credentials.get())?.accessKeyId, "K1");
  assert.equal(given, 2, "it was tried");
  time = began + 1000;
  await assert.rejects(credentials.get(), /away/);
  await assert.rejects(credentials.get(), /away/);
});

Deno.test("s3, credentials: after a failed look-up the next request tries again", async () => {
  let given = 0;
  const credentials = await source(() =>
    ++given === 1 ? Promise.reject(new Error("away")) : Promise.resolve(keys("K2", 3_600_000))
  );
  await assert.rejects(credentials.get(), /away/);
  assert.equal((await credentials.get())?.accessKeyId, "K2");
});
