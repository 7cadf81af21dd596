import assert from "node:assert/strict";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { rejectsWith } from "../../support/errors.ts";
import { memoryS3 } from "../../support/s3_subject.ts";
import { backendSuite } from "../backend_suite.ts";

backendSuite("s3", () => memoryS3(), { numRuns: 25 });

// All that has a byte is a multipart upload. The server wants parts of 5 MiB, as Amazon does.
backendSuite(
  "s3, parts",
  () => memoryS3({ partSize: 5 * 1024 ** 2, multipartThreshold: 1, maxBytesInMemory: 6_000_000 }),
  { numRuns: 5 },
);

backendSuite("s3, a lenient server", () => memoryS3({}, { lenient: true }), {
  withoutConditionalWrite: true,
  numRuns: 5,
});

for (const multipartThreshold of [1, 1_000_000]) {
  const how = multipartThreshold === 1 ? "in parts" : "at once";
  Deno.test(`s3, a server that compares etags without quotes: ifMatch writes ${how} and still rejects`, async () => {
    await using s = await memoryS3({ multipartThreshold }, { bareEtags: true });
    const location = new OutputLocation(s.bucket, "1-linux/a");
    const write = (text: string, ifMatch?: string) =>
      s.backend.write(location, bytesSource(text), { ifMatch });
    const first = await write("one");
    const second = await write("two", first.etag);
    await rejectsWith(write("three", first.etag), "conflict");
    const third = await write("four", second.etag);
    assert.equal((await s.backend.stat(location)).etag, third.etag);
    const left = s.backend.listStaleUploads(new OutputLocation(s.bucket, ""));
    assert.deepEqual(await Array.fromAsync(left), []);
  });
}

Deno.test("s3, a server without an etag for multipart objects: the etag is computed", async () => {
  await using s = await memoryS3({ multipartThreshold: 1 }, { unnamedParts: true });
  const location = new OutputLocation(s.bucket, "1-linux/a");
  const { etag } = await s.backend.write(location, bytesSource("one"));
  assert.equal((await s.backend.stat(location)).etag, etag);
  await s.backend.write(location, bytesSource("two"), { ifMatch: etag });
});

Deno.test("s3: a chunk that a reader stops at stays as it is, whatever is read after it", async () => {
  await using s = await memoryS3();
  const at = (name: string) => new OutputLocation(s.bucket, `1-linux/${name}`);
  const names = ["a", "b", "c"];
  for (const name of names) {
    await s.backend.write(
      at(name),
      bytesSource(new Uint8Array(1_500_000).fill(name.charCodeAt(0))),
    );
  }
  const first = async (name: string) => {
    for await (const chunk of await s.backend.read(at(name))) return chunk;
    throw new Error("no bytes");
  };
  const whole = async (name: string) => {
    let size = 0;
    for await (const chunk of await s.backend.read(at(name))) {
      assert(chunk.every((byte) => byte === name.charCodeAt(0)));
      size += chunk.length;
    }
    assert.equal(size, 1_500_000);
  };
  const kept = await first("a");
  for (let round = 0; round < 3; round++) await Promise.all(names.map(whole));
  assert(kept.every((byte) => byte === "a".charCodeAt(0)));
});
