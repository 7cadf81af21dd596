/** Who pays, encryption and ACL: which requests carry the headers for them. */

import assert from "node:assert/strict";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { createS3Backend } from "../../../src/storage/s3/backend.ts";
import { createUpload } from "../../../src/storage/s3/create_upload.ts";
import { Session } from "../../../src/storage/s3/session.ts";
import { readSettings, type S3BackendOptions } from "../../../src/storage/s3/settings.ts";
import { collect, noise } from "../../support/bytes.ts";
import { rejectsWith } from "../../support/errors.ts";
import { type OddRequest, refusal, startOddServer } from "../../support/odd_server.ts";
import { memoryS3, testOptions } from "../../support/s3_subject.ts";
import { tempDir } from "../../support/temp_dir.ts";

const MiB = 1024 * 1024;
const PARTS = { partSize: 5 * MiB, multipartThreshold: 5 * MiB, copyLimit: 5 * MiB };
const KEY = "arn:aws:kms:us-east-2:1:key/k";
const REQUESTED = {
  requestPayer: "requester",
  sse: "aws:kms",
  sseKmsKeyId: KEY,
  acl: "bucket-owner-full-control",
} as const;
const PAYER = { "x-amz-request-payer": "requester" };
const NEW = {
  ...PAYER,
  "x-amz-acl": "bucket-owner-full-control",
  "x-amz-server-side-encryption": "aws:kms",
  "x-amz-server-side-encryption-aws-kms-key-id": KEY,
};

/** What each kind of request carries. */
const EXPECTED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  PutObject: NEW,
  CopyObject: NEW,
  CreateMultipartUpload: NEW,
  UploadPart: PAYER,
  UploadPartCopy: PAYER,
  CompleteMultipartUpload: PAYER,
  AbortMultipartUpload: PAYER,
  DeleteObject: PAYER,
  HeadObject: PAYER,
  GetObject: PAYER,
  "GetObject with a range": PAYER,
  ListObjectsV2: PAYER,
  ListMultipartUploads: PAYER,
  ListParts: PAYER,
};

function kindOf({ method, key, query, headers }: OddRequest): string {
  const isCopy = headers.has("x-amz-copy-source");
  if (method === "HEAD") return "HeadObject";
  if (method === "POST") {
    return query.has("uploads") ? "CreateMultipartUpload" : "CompleteMultipartUpload";
  }
  if (method === "PUT") {
    return `${query.has("uploadId") ? "UploadPart" : isCopy ? "" : "Put"}${isCopy ? "Copy" : ""}${
      query.has("uploadId") ? "" : "Object"
    }`;
  }
  if (method === "DELETE") return query.has("uploadId") ? "AbortMultipartUpload" : "DeleteObject";
  if (query.has("uploads")) return "ListMultipartUploads";
  if (query.has("uploadId")) return "ListParts";
  if (key === "") return "ListObjectsV2";
  return headers.has("range") ? "GetObject with a range" : "GetObject";
}

/** The requested headers of a request; each has to be signed. */
function requestedOf({ headers }: OddRequest): Record<string, string> {
  const [, signed = ""] = /SignedHeaders=([^,]+)/.exec(headers.get("authorization") ?? "") ?? [];
  const found = [...headers].filter(([name]) => name in NEW);
  for (const [name] of found) assert(signed.split(";").includes(name), `${name} is signed`);
  return Object.fromEntries(found);
}

/** Sends requests of every kind, and returns them. */
async function requestsOf(options: S3BackendOptions): Promise<readonly OddRequest[]> {
  await using plain = await memoryS3();
  await using front = startOddServer(plain.url, {});
  const settings = testOptions(front.url, { ...PARTS, ...options });
  using backend = await createS3Backend(settings);
  const at = (name: string) => new OutputLocation("suite", `1-linux/${name}`);
  for (const [name, size] of [["small", 10], ["large", 6 * MiB]] as const) {
    const bytes = noise(size);
    await backend.write(at(name), bytesSource(bytes));
    await backend.copy(at(name), at(`copied/${name}`));
    for (const range of [undefined, { start: 1, end: 5 }]) {
      await using body = await backend.read(at(`copied/${name}`), { range });
      assert.deepEqual(await collect(body), bytes.subarray(range?.start, range?.end));
    }
  }
  await backend.copy(at("small"), at("typed"), { contentType: "text/plain" });
  assert.equal((await Array.fromAsync(backend.list(at("copied")))).length, 2);
  await backend.delete(at("small"));
  using session = new Session(await readSettings(settings));
  await createUpload(session, at("unfinished"), {}, undefined);
  for await (const upload of backend.listStaleUploads(at("unfinished"))) {
    await backend.describeStaleUpload(upload);
    await backend.abortStaleUpload(upload);
  }
  return front.requests;
}

Deno.test("s3, requested headers: each kind of request has and signs those that apply, no others", async () => {
  const requests = await requestsOf(REQUESTED);
  for (const request of requests) {
    const kind = kindOf(request);
    assert.deepEqual(requestedOf(request), EXPECTED[kind], kind);
  }
  assert.deepEqual(
    [...new Set(requests.map(kindOf))].sort(),
    Object.keys(EXPECTED).sort(),
    "all kinds were sent",
  );
});

Deno.test("s3, requested headers: none without the options", async () => {
  for (const request of await requestsOf({})) assert.deepEqual(requestedOf(request), {});
});

Deno.test("s3, requested headers: the question for the reason of a denied HEAD has them", async () => {
  await using plain = await memoryS3();
  await using front = startOddServer(plain.url, {
    before: () => refusal(403, "AccessDenied", "Access Denied"),
  });
  using backend = await createS3Backend(testOptions(front.url, REQUESTED));
  await rejectsWith(backend.stat(new OutputLocation("suite", "a")), "denied");
  assert.deepEqual(front.requests.map(({ method }) => method), ["HEAD", "GET"]);
  for (const request of front.requests) assert.deepEqual(requestedOf(request), PAYER);
});

Deno.test("s3, requested headers: a denied write names the permissions that they need", async () => {
  await using plain = await memoryS3();
  await using front = startOddServer(plain.url, {
    before: ({ method }) =>
      method === "PUT" ? refusal(403, "AccessDenied", "Access Denied") : undefined,
  });
  using backend = await createS3Backend(testOptions(front.url, REQUESTED));
  await rejectsWith(
    backend.write(new OutputLocation("suite", "a"), bytesSource("x")),
    "denied",
    "s3:PutObject, and s3:PutObjectAcl for --acl, and kms:GenerateDataKey",
  );
});

Deno.test("s3, requested headers: a bucket without ACLs says to leave --acl out", async () => {
  await using plain = await memoryS3();
  await using front = startOddServer(plain.url, {
    before: ({ headers }) =>
      headers.has("x-amz-acl")
        ? refusal(400, "AccessControlListNotSupported", "The bucket does not allow ACLs")
        : undefined,
  });
  using backend = await createS3Backend(testOptions(front.url, { acl: "public-read" }));
  await rejectsWith(
    backend.write(new OutputLocation("suite", "a"), bytesSource("x")),
    "invalid",
    "leave out --acl",
  );
});

Deno.test("s3, requested headers: 501 to encryption is not taken for one to checksums or conditions", async () => {
  await using plain = await memoryS3();
  await using front = startOddServer(plain.url, {
    before: ({ headers }) =>
      headers.has("x-amz-server-side-encryption")
        ? refusal(
          501,
          "NotImplemented",
          "Server side encryption specified but KMS is not configured",
        )
        : undefined,
  });
  const notices: string[] = [];
  using backend = await createS3Backend(
    testOptions(front.url, { ...PARTS, sse: "AES256", onNotice: (line) => notices.push(line) }),
  );
  for (const size of [1, 6 * MiB]) {
    const source = bytesSource(noise(size));
    const write = backend.write(new OutputLocation("suite", "a"), source, { ifAbsent: "seen" });
    await rejectsWith(write, "failed", "KMS is not configured");
  }
  assert.equal(front.refused, 2);
  assert.deepEqual(notices, []);
});

Deno.test("s3, requested headers: an upload that was begun with others is not resumed", async () => {
  await using temp = await tempDir();
  await using plain = await memoryS3();
  let partsTaken = 0;
  let fails = true;
  await using front = startOddServer(plain.url, {
    before({ method, query }) {
      const isPart = method === "PUT" && query.has("uploadId");
      if (isPart) partsTaken++;
      // The upload stays: neither its last part nor its end is accepted.
      return fails && ((isPart && query.get("partNumber") === "2") || method === "DELETE")
        ? refusal(400, "InvalidRequest", "no")
        : undefined;
    },
  });
  const location = new OutputLocation("suite", "1-linux/large");
  const source = bytesSource(noise(9 * MiB));
  const write = async (more: S3BackendOptions) => {
    using backend = await createS3Backend(
      testOptions(front.url, { ...PARTS, journalDir: temp.path, maxRequests: 1, ...more }),
    );
    partsTaken = 0;
    await backend.write(location, source);
  };
  await rejectsWith(write({}), "failed");
  // Begun without encryption: nothing of it may be in the encrypted object.
  fails = false;
  await write({ sse: "AES256" });
  assert.equal(partsTaken, 2);
  const begun = front.requests.filter(({ query }) => query.has("uploads"));
  assert.deepEqual(begun.map(requestedOf), [{}, { "x-amz-server-side-encryption": "AES256" }]);
  const left = plain.backend.listStaleUploads(new OutputLocation("suite", ""));
  assert.deepEqual(await Array.fromAsync(left), []);
});

const INVALID: readonly (readonly [options: Record<string, unknown>, text: string])[] = [
  [{ requestPayer: "owner" }, 'Invalid request payer "owner": expected requester'],
  [{ requestPayer: "requester", noSignRequest: true }, "--no-sign-request"],
  [{ sse: "aws" }, "expected AES256, aws:kms, aws:kms:dsse"],
  [{ sseKmsKeyId: KEY }, "without --sse aws:kms"],
  [{ sse: "AES256", sseKmsKeyId: KEY }, "without --sse aws:kms"],
  [{ sse: "aws:kms", sseKmsKeyId: "a\r\nb" }, "Invalid KMS key"],
  [{ acl: "public" }, 'Invalid ACL "public": expected private, public-read,'],
];

for (const [options, text] of INVALID) {
  Deno.test(`s3, requested headers: ${JSON.stringify(options)} is rejected`, async () => {
    await rejectsWith(
      createS3Backend(testOptions("http://127.0.0.1:9", options as S3BackendOptions)),
      "invalid",
      text,
    );
  });
}
