/** Objects that others stored: their encoding, and the checksum that their server tells. */

import assert from "node:assert/strict";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { createS3Backend } from "../../../src/storage/s3/backend.ts";
import { ResponseChecksum } from "../../../src/storage/s3/response_checksum.ts";
import { collect, noise } from "../../support/bytes.ts";
import { rejectsWith } from "../../support/errors.ts";
import { startFaultProxy } from "../../support/fault_proxy.ts";
import { memoryS3, testOptions } from "../../support/s3_subject.ts";
import { encodedSuite, putForeign } from "./encoded_suite.ts";
import { presignedSuite } from "./presigned_suite.ts";

encodedSuite("s3", () => memoryS3());
presignedSuite("s3", () => memoryS3());

const at = new OutputLocation("suite", "1-linux/a");

for (const ChecksumAlgorithm of ["CRC32", "SHA1", "SHA256", "CRC32C"] as const) {
  Deno.test(`s3: the received bytes are verified with the server's ${ChecksumAlgorithm}`, async () => {
    await using server = await memoryS3();
    await using proxy = startFaultProxy(server.url);
    const stored = noise(1_000_000);
    await putForeign(server.url, at, { Body: stored, ChecksumAlgorithm });
    const read = async (validation: string, range?: { start: number; end: number }) => {
      using backend = await createS3Backend(testOptions(proxy.url, {
        env: (name) => name === "AWS_RESPONSE_CHECKSUM_VALIDATION" ? validation : undefined,
      }));
      await using body = await backend.read(at, { range });
      return await collect(body);
    };
    for (const validation of ["when_supported", "WHEN_REQUIRED"]) {
      assert.deepEqual(await read(validation), stored);
    }
    const isRead = (method: string) => method === "GET";
    // The rest of a body that broke belongs to it.
    proxy.set({ when: isRead, fault: { kind: "cut", on: "response", at: 300_000 } });
    assert.deepEqual(await read("when_supported"), stored);
    assert.equal(proxy.count, 1);

    const flipped = { when: isRead, fault: { kind: "flip", on: "response", at: 500_000 } } as const;
    proxy.set(flipped);
    const name = ChecksumAlgorithm.toLowerCase();
    if (name === "crc32c") assert.notDeepEqual(await read("when_supported"), stored);
    else await rejectsWith(read("when_supported"), "integrity", name, at.s3Uri);
    proxy.set(flipped);
    assert.notDeepEqual(await read("when_required"), stored, "nobody asked for a check");
    proxy.set(flipped);
    assert.equal((await read("when_supported", { start: 0, end: 600_000 })).length, 600_000);
  });
}

Deno.test("s3: a checksum of an object's parts, or of an unsupported kind, is ignored", () => {
  const of = (headers: Record<string, string>) => ResponseChecksum.of(new Headers(headers));
  assert.equal(of({}), undefined);
  assert.equal(of({ "x-amz-checksum-sha256": "abc=-3" }), undefined);
  assert.equal(of({ "x-amz-checksum-crc64nvme": "abc=" }), undefined);
  // "hello\n" has the CRC-32 363a3020, by crc32(1).
  const crc = of({ "x-amz-checksum-crc32": "NjowIA==" })!;
  crc.update(new TextEncoder().encode("hel"));
  crc.update(new TextEncoder().encode("lo\n"));
  crc.verify(at.s3Uri);
});

Deno.test("s3: a content type that is invalid in a header is rejected before anything is sent", async () => {
  await using server = await memoryS3();
  using backend = await createS3Backend(testOptions(server.url));
  for (const contentType of ["text/html\r\nx-evil: 1", "text/plé", ""]) {
    const written = backend.write(at, bytesSource(noise(10)), { contentType });
    await rejectsWith(written, "invalid", "content type");
  }
  await rejectsWith(backend.stat(at), "not_found");
});
