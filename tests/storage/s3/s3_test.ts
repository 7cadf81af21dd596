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
