/**
 * Servers and buckets that leave out, or insist on, what others don't.
 *
 * @module
 */

import assert from "node:assert/strict";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { createS3Backend, type S3Backend } from "../../../src/storage/s3/backend.ts";
import type { S3BackendOptions } from "../../../src/storage/s3/settings.ts";
import { collect, noise } from "../../support/bytes.ts";
import { rejectsWith } from "../../support/errors.ts";
import {
  archived,
  locked,
  noChecksums,
  noConditions,
  noLengths,
  noMatch,
  type Oddity,
  refusal,
  startOddServer,
} from "../../support/odd_server.ts";
import { testOptions } from "../../support/s3_subject.ts";
import type { Subject } from "../backend_suite.ts";
import { putForeign } from "./encoded_suite.ts";

const PARTS = { partSize: 5 * 1024 * 1024, multipartThreshold: 5 * 1024 * 1024 };
const SMALL = noise(1000);
const LARGE = noise(6 * 1024 * 1024);

/** A server to put an odd one in front of. */
type OpenServer = (
  more?: S3BackendOptions,
) => Promise<Subject & { readonly backend: S3Backend; readonly url: string }>;

async function content(backend: S3Backend, location: OutputLocation): Promise<Uint8Array> {
  await using body = await backend.read(location);
  return await collect(body);
}

const REASON = "User: arn:aws:sts::123456789012:assumed-role/ci/i-0123456789abcdef0 is not " +
  'authorized to perform: s3:PutObject on resource: "arn:aws:s3:::bucket/1-linux/a" with an ' +
  "explicit deny in a resource-based policy";

/** Registers the tests with odd servers in front of a server. */
export function oddServersSuite(name: string, open: OpenServer): void {
  /** A backend that talks to an odd server, one that talks to the server behind it, and notices. */
  async function world(oddity: Oddity, more: S3BackendOptions = {}) {
    const stack = new AsyncDisposableStack();
    const plain = stack.use(await open(PARTS));
    const front = stack.use(startOddServer(plain.url, oddity));
    const notices: string[] = [];
    const backend = stack.use(
      await createS3Backend(testOptions(front.url, {
        ...PARTS,
        onNotice: (line) => notices.push(line),
        ...more,
      })),
    );
    const location = (key: string) => new OutputLocation(plain.bucket, key);
    return {
      backend,
      plain,
      front,
      notices,
      location,
      at: location("1-linux/a"),
      to: location("2-linux/a"),
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  }

  Deno.test(`${name}, 501 to conditions: writes and copies are made without, after a look, with one notice`, async () => {
    await using w = await world(noConditions);
    for (const [bytes, n] of [[SMALL, 1], [LARGE, 2]] as const) {
      const one = w.location(`1-linux/${n}`);
      const { etag } = await w.backend.write(one, bytesSource(bytes), { ifAbsent: "seen" });
      assert.deepEqual(await content(w.plain.backend, one), bytes);
      await rejectsWith(w.backend.write(one, bytesSource("x"), { ifAbsent: true }), "conflict");
      await rejectsWith(w.backend.write(one, bytesSource("x"), { ifMatch: "0" }), "conflict");
      await w.backend.write(one, bytesSource("new"), { ifMatch: etag });
      assert.equal(new TextDecoder().decode(await content(w.plain.backend, one)), "new");
      await w.backend.copy(one, w.location(`2-linux/${n}`), { ifAbsent: true });
    }
    assert.equal(w.notices.filter((line) => line.includes("no conditional writes")).length, 1);
    assert.equal(w.front.refused, 2, "without its checksum, then without its condition");
    const last = w.front.requests.findLast(({ method, headers }) =>
      method === "PUT" && !headers.has("x-amz-copy-source")
    );
    assert(last?.headers.has("x-amz-checksum-sha256"), "checksums were not the reason");
  });

  Deno.test(`${name}, 501 to conditions: what appeared since the first look is not replaced`, async () => {
    let isThere = false;
    await using w = await world({
      before: noConditions.before,
      // The other upload comes between the first look and the write.
      async after({ method }, response) {
        if (method === "HEAD" && !isThere) {
          isThere = true;
          await w.plain.backend.write(w.at, bytesSource("theirs"));
        }
        return response;
      },
    });
    await rejectsWith(w.backend.write(w.at, bytesSource(SMALL), { ifAbsent: true }), "conflict");
    assert(w.front.refused > 0);
    assert.equal(new TextDecoder().decode(await content(w.plain.backend, w.at)), "theirs");
  });

  Deno.test(`${name}, 412 though the etag is right: the write goes through after a look, with one notice`, async () => {
    await using w = await world(noMatch);
    for (const bytes of [SMALL, LARGE]) {
      const { etag } = await w.backend.write(w.at, bytesSource("old"));
      await w.backend.write(w.at, bytesSource(bytes), { ifMatch: etag });
      assert.deepEqual(await content(w.plain.backend, w.at), bytes);
      await rejectsWith(w.backend.write(w.at, bytesSource("x"), { ifMatch: etag }), "conflict");
    }
    assert.equal(w.notices.filter((line) => line.includes("If-Match")).length, 1);
  });

  Deno.test(`${name}, no checksum headers: uploads, uploads in parts and downloads do without`, async () => {
    await using w = await world(noChecksums);
    // Without a hash in the metadata the server's checksum would be asked for.
    await putForeign(w.plain.url, w.to, { Body: SMALL });
    assert.deepEqual(await content(w.backend, w.to), SMALL);
    assert.deepEqual(await content(w.backend, w.to), SMALL);
    assert.equal(w.front.refused, 1);
    await w.backend.write(w.at, bytesSource(LARGE));
    assert.deepEqual(await content(w.plain.backend, w.at), LARGE);
    await w.backend.write(w.at, bytesSource(SMALL));
    assert.deepEqual(await content(w.plain.backend, w.at), SMALL);
    assert.equal(w.front.refused, 2);
  });

  Deno.test(`${name}, archived objects: one line says to restore it, exit code 'failed'`, async () => {
    await using w = await world(archived("1-linux"));
    await w.plain.backend.write(w.at, bytesSource(SMALL));
    await rejectsWith(
      w.backend.read(w.at),
      "failed",
      "DEEP_ARCHIVE",
      "restore it first",
      w.at.s3Uri,
    );
    await rejectsWith(w.backend.copy(w.at, w.to), "failed", "DEEP_ARCHIVE", "restore it first");
  });

  Deno.test(`${name}, bodies without a length: whole objects and ranges are read`, async () => {
    await using w = await world(noLengths);
    await w.plain.backend.write(w.at, bytesSource(LARGE));
    assert.deepEqual(await content(w.backend, w.at), LARGE);
    await using body = await w.backend.read(w.at, { range: { start: 10, end: 3_000_000 } });
    assert.deepEqual(await collect(body), LARGE.subarray(10, 3_000_000));
    await w.backend.requireAccess(w.at);
  });

  Deno.test(`${name}, bodies without a length: one that is cut short is an error, or read to its end`, async () => {
    await using w = await world({
      after: async (request, response) => {
        if (request.method !== "GET") return response;
        const bytes = new Uint8Array(await response.arrayBuffer());
        const headers = new Headers(response.headers);
        headers.delete("content-length");
        const { status } = response;
        const short = new Response(bytes.subarray(0, bytes.length - 1)).body!;
        return new Response(short.pipeThrough(new TransformStream()), { status, headers });
      },
    }, { retry: { maxAttempts: 2, baseDelay: 1 } });
    await w.plain.backend.write(w.at, bytesSource(noise(1)));
    await rejectsWith(content(w.backend, w.at), "transient", "too short");
  });

  for (const requestChecksums of ["when_supported", "when_required"]) {
    Deno.test(`${name}, Object Lock: writes and copies have the checksum it wants (${requestChecksums})`, async () => {
      const env = (name: string) =>
        name === "AWS_REQUEST_CHECKSUM_CALCULATION" ? requestChecksums : undefined;
      await using w = await world(locked(), { env });
      await w.backend.write(w.at, bytesSource(SMALL));
      await w.backend.copy(w.at, w.to);
      assert.deepEqual(await content(w.plain.backend, w.to), SMALL);
      await w.backend.copy(w.at, w.to, { contentType: "text/plain" });
      assert.equal((await w.plain.backend.stat(w.to)).contentType, "text/plain");
      await w.backend.write(w.at, bytesSource(LARGE));
      assert.deepEqual(await content(w.plain.backend, w.at), LARGE);
    });
  }

  for (const requestChecksums of ["when_supported", "when_required"]) {
    Deno.test(`${name}, Object Lock: uploads in parts are the first that need a checksum (${requestChecksums})`, async () => {
      const env = (name: string) =>
        name === "AWS_REQUEST_CHECKSUM_CALCULATION" ? requestChecksums : undefined;
      await using w = await world(locked(), { env });
      let bytes = 0;
      const onBytes = (count: number) => bytes += count;
      // Both are rejected at the same time.
      const both = [w.at, w.to]
        .map((one) => w.backend.write(one, bytesSource(LARGE), { onBytes }));
      await Promise.all(both);
      assert.equal(bytes, 2 * LARGE.length);
      assert.deepEqual(await content(w.plain.backend, w.at), LARGE);
      const left = w.plain.backend.listStaleUploads(w.location(""));
      assert.deepEqual(await Array.fromAsync(left), []);
      // From now on, nothing is sent twice.
      const { refused } = w.front;
      await w.backend.write(w.at, bytesSource(LARGE));
      await w.backend.write(w.to, bytesSource(SMALL));
      assert.equal(w.front.refused, refused);
    });
  }

  Deno.test(`${name}, Object Lock: a copy in parts is begun with a checksum, its completion names those of the parts`, async () => {
    await using w = await world(locked(), { copyLimit: 5 * 1024 * 1024 });
    await putForeign(w.plain.url, w.at, { Body: LARGE });
    await w.backend.copy(w.at, w.to);
    assert.deepEqual(await content(w.plain.backend, w.to), LARGE);
    const begun = () => w.front.requests.filter(({ query }) => query.has("uploads")).length;
    assert.equal(begun(), 2, "one without a checksum, which is aborted");
    assert.deepEqual(
      await Array.fromAsync(w.plain.backend.listStaleUploads(w.location(""))),
      [],
    );
    // The session knows the bucket now.
    const { refused } = w.front;
    await w.backend.copy(w.at, w.location("3-linux/a"));
    await putForeign(w.plain.url, w.at, { Body: SMALL });
    await w.backend.copy(w.at, w.location("3-linux/b"));
    assert.equal(w.front.refused, refused);
  });

  Deno.test(`${name}, no checksum headers: a copy in parts has none`, async () => {
    await using w = await world(noChecksums, { copyLimit: 5 * 1024 * 1024 });
    await putForeign(w.plain.url, w.at, { Body: LARGE });
    await w.backend.copy(w.at, w.to);
    assert.deepEqual(await content(w.plain.backend, w.to), LARGE);
    assert.equal(w.front.refused, 0);
  });

  Deno.test(`${name}, denied: the server's own reason is shown, else the permission that it takes`, async () => {
    for (const [message, texts] of [[REASON, [REASON]], ["Access Denied", undefined]] as const) {
      await using w = await world({ before: () => refusal(403, "AccessDenied", message) });
      const { backend } = w;
      const denied = async (call: Promise<unknown>, ...permissions: string[]) =>
        await rejectsWith(call, "denied", "access denied", ...texts ?? permissions);
      await denied(backend.write(w.at, bytesSource(SMALL)), "s3:PutObject");
      await denied(backend.write(w.at, bytesSource(LARGE)), "s3:PutObject");
      await denied(backend.stat(w.at), "s3:GetObject", "s3:ListBucket");
      await denied(backend.read(w.at), "s3:GetObject", "s3:ListBucket");
      await denied(Array.fromAsync(backend.list(w.at)), "s3:ListBucket");
      await denied(backend.delete(w.at), "s3:DeleteObject");
    }
  });
}
