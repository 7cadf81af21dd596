/**
 * Objects that others stored, with an encoding or a checksum of their own.
 *
 * @module
 */

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import {
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandInput,
  HeadObjectCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { download } from "../../../src/storage/transfer/download.ts";
import { createS3Backend } from "../../../src/storage/s3/backend.ts";
import { collect, noise } from "../../support/bytes.ts";
import { tempDir } from "../../support/temp_dir.ts";
import { otherClient, testOptions } from "../../support/s3_subject.ts";
import type { OpenServer } from "./fault_suite.ts";

const PART = 8 * 1024 ** 2;

/** Stores an object as another program would. */
export async function putForeign(
  url: string,
  location: OutputLocation,
  input: Partial<PutObjectCommandInput>,
): Promise<void> {
  const { bucket: Bucket, key: Key } = location;
  const client = otherClient(url);
  await client.send(new PutObjectCommand({ Bucket, Key, ...input }));
  client.destroy();
}

/** Stores a large object as another program would: in parts. */
async function putForeignParts(
  url: string,
  location: OutputLocation,
  body: Uint8Array,
  input: Partial<CreateMultipartUploadCommandInput>,
): Promise<void> {
  const client = otherClient(url);
  const at = { Bucket: location.bucket, Key: location.key };
  const { UploadId } = await client.send(
    new CreateMultipartUploadCommand({ ...at, ...input }),
  );
  const Parts: CompletedPart[] = [];
  for (let start = 0; start < body.length; start += PART) {
    const Body = body.subarray(start, start + PART);
    const PartNumber = start / PART + 1;
    const { ETag } = await client.send(
      new UploadPartCommand({ ...at, UploadId, PartNumber, Body }),
    );
    Parts.push({ PartNumber, ETag });
  }
  const MultipartUpload = { Parts };
  await client.send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload }));
  client.destroy();
}

/** Registers the tests for a server. */
export function encodedSuite(name: string, open: OpenServer): void {
  for (const signed of [true, false]) {
    const how = signed ? "signed" : "unsigned, as far as the server lets";
    Deno.test(`${name}: an object with Content-Encoding is read as it is stored (${how})`, async () => {
      await using server = await open();
      await using dir = await tempDir();
      const at = new OutputLocation(server.bucket, "1-linux/a.log.gz");
      // Above the size from which a download is in several pieces.
      const stored = gzipSync(noise(40_000_000), { level: 1 });
      await putForeignParts(server.url, at, stored, {
        ContentEncoding: "gzip",
        ContentType: "text/plain",
        ...(!signed && { ACL: "public-read" }),
      });
      using backend = await createS3Backend(testOptions(server.url, {
        ...(!signed && { noSignRequest: true, credentials: undefined }),
      }));
      assert.equal((await backend.stat(at)).size, stored.length);
      {
        await using body = await backend.read(at);
        assert.equal(body.info.size, stored.length);
        assert(stored.equals(await collect(body)));
      }
      {
        await using body = await backend.read(at, { range: { start: 100, end: 70_000 } });
        assert(stored.subarray(100, 70_000).equals(await collect(body)));
      }
      const path = `${dir.path}/a.log.gz`;
      const [result] = await download(backend, [{ location: at, path }]);
      assert.equal(result.outcome, "written", result.error?.message);
      assert(stored.equals(await Deno.readFile(path)));
    });
  }

  Deno.test(`${name}: a copy keeps an object's encoding`, async () => {
    await using server = await open();
    const stored = gzipSync(noise(8_000_000), { level: 1 });
    const [from, to, parts] = ["1-linux/a.gz", "2-linux/a.gz", "3-linux/a.gz"]
      .map((key) => new OutputLocation(server.bucket, key));
    await putForeign(server.url, from, { Body: stored, ContentEncoding: "gzip" });
    await server.backend.copy(from, to);
    using inParts = await createS3Backend(testOptions(server.url, { copyLimit: 6_000_000 }));
    await inParts.copy(from, parts);
    const client = otherClient(server.url);
    for (const copied of [to, parts]) {
      const { bucket: Bucket, key: Key } = copied;
      const head = await client.send(new HeadObjectCommand({ Bucket, Key }));
      assert.equal(head.ContentEncoding, "gzip", Key);
      await using body = await server.backend.read(copied);
      assert(stored.equals(await collect(body)));
    }
    client.destroy();
  });
}
