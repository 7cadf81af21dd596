/**
 * Signatures, compared with the examples of the S3 API reference:
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html and
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */

import assert from "node:assert/strict";
import { formatQuery, Signer } from "../../../src/storage/s3/signer.ts";

const signer = new Signer({
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}, "us-east-1");
const NOW = new Date("2013-05-24T00:00:00Z");
const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const HOST = "examplebucket.s3.amazonaws.com";

const EXAMPLES: Readonly<
  Record<string, {
    readonly method?: string;
    readonly path?: string;
    readonly query?: Record<string, string>;
    readonly headers?: Record<string, string>;
    readonly sha256?: string;
    readonly names: string;
    readonly signature: string;
  }>
> = {
  "a range of an object": {
    path: "test.txt",
    headers: { range: "bytes=0-9", "user-agent": "is not signed" },
    names: "host;range;x-amz-content-sha256;x-amz-date",
    signature: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  },
  "an object that is written": {
    method: "PUT",
    path: "test%24file.text",
    headers: { date: "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY" },
    sha256: "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
    names: "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
    signature: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
  },
  "a parameter without a value": {
    query: { lifecycle: "" },
    names: "host;x-amz-content-sha256;x-amz-date",
    signature: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
  },
  "a list": {
    query: { prefix: "J", "max-keys": "2" },
    names: "host;x-amz-content-sha256;x-amz-date",
    signature: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
  },
};

for (const [what, example] of Object.entries(EXAMPLES)) {
  const { method = "GET", path = "", query = {}, sha256 = EMPTY, names, signature } = example;
  Deno.test(`Signer: the published signature of ${what}`, () => {
    const url = new URL(`https://${HOST}/${path}`);
    const headers = { host: HOST, ...example.headers };
    const signed = signer.sign({ method, url, query, headers }, sha256, NOW);
    assert.equal(
      signed.authorization,
      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, " +
        `SignedHeaders=${names}, Signature=${signature}`,
    );
    const { authorization: _, ...others } = signed;
    assert.deepEqual(others, {
      ...headers,
      "x-amz-content-sha256": sha256,
      "x-amz-date": "20130524T000000Z",
    });
  });
}

Deno.test("Signer: the published presigned URL", () => {
  const query = signer.presign(new URL(`https://${HOST}/test.txt`), 86_400, NOW);
  assert.equal(
    query,
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&" +
      "X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&" +
      "X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-Signature=" +
      "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404&X-Amz-SignedHeaders=host",
  );
});

Deno.test("Signer: the token of temporary keys is signed, and the key of another day is another", () => {
  const keys = { accessKeyId: "a", secretAccessKey: "b", sessionToken: "c/d" };
  const temporary = new Signer(keys, "r");
  const url = new URL(`https://${HOST}/`);
  const sign = (one: Signer, now: Date) =>
    one.sign({ method: "GET", url, query: {}, headers: { host: HOST } }, EMPTY, now);
  const signed = sign(temporary, NOW);
  assert.equal(signed["x-amz-security-token"], "c/d");
  assert.match(signed.authorization, /SignedHeaders=[^,]*;x-amz-security-token,/);
  assert.match(temporary.presign(url, 1, NOW), /&X-Amz-Security-Token=c%2Fd&/);
  const later = new Date("2013-05-25T00:00:00Z");
  assert.equal(
    sign(temporary, later).authorization,
    sign(new Signer(keys, "r"), later).authorization,
  );
});

Deno.test("formatQuery: parameters are sorted by name, and escaped", () => {
  assert.equal(
    formatQuery({ "ab": "1", "a": "/ +*é", "a-b": "" }),
    "a=%2F%20%2B%2A%C3%A9&a-b=&ab=1",
  );
});
