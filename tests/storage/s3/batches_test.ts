/** Listings of one level and deletions of many objects: what is sent, and what servers respond. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { createS3Backend } from "../../../src/storage/s3/backend.ts";
import { rejectsWith } from "../../support/errors.ts";
import { testOptions } from "../../support/s3_subject.ts";

interface Sent {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: string;
}

/** A backend whose requests are answered by a function, with what was sent. */
async function answeredBy(answer: (sent: Sent, count: number) => Response) {
  const sent: Sent[] = [];
  const skipped: string[] = [];
  const backend = await createS3Backend(testOptions("http://s3.example", {
    retry: { maxAttempts: 3, baseDelay: 1, maxDelay: 2 },
    onSkipped: (line) => skipped.push(line),
    fetch: (input, init) => {
      const headers = new Headers(init!.headers);
      const text = new TextDecoder();
      const body = init!.body instanceof Uint8Array ? text.decode(init!.body) : `${init!.body}`;
      const one = { method: init!.method!, url: new URL(`${input}`), headers, body };
      sent.push(one);
      return Promise.resolve(answer(one, sent.length));
    },
  }));
  return { backend, sent, skipped };
}

const at = (key: string) => new OutputLocation("suite", key);
const object = (key: string, size = 1) =>
  `<Contents><Key>${key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>` +
  `<ETag>"1"</ETag><Size>${size}</Size></Contents>`;
const prefix = (key: string) => `<CommonPrefixes><Prefix>${key}</Prefix></CommonPrefixes>`;
const page = (entries: string, next?: string) =>
  new Response(
    `<ListBucketResult><IsTruncated>${next !== undefined}</IsTruncated>${entries}` +
      (next === undefined ? "" : `<NextContinuationToken>${next}</NextContinuationToken>`) +
      "</ListBucketResult>",
  );
const deleted = (errors = "") => new Response(`<DeleteResult>${errors}</DeleteResult>`);
const error = (key: string, code: string) =>
  `<Error><Key>${key}</Key><Code>${code}</Code><Message>no</Message></Error>`;
const keysIn = (body: string) => [...body.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => key);

Deno.test("s3, children(): the two lists of each page are merged without duplicates", async () => {
  const { backend, sent } = await answeredBy((_, count) =>
    count === 1
      ? page(object("r/a") + object("r/c") + prefix("r/b/") + prefix("r/d/"), "2")
      : page(object("r/f") + prefix("r/d/") + prefix("r/e/"))
  );
  const found = await Array.fromAsync(backend.children(at("r")));
  assert.deepEqual(
    found.map(({ location, info }) => location.key + (info === undefined ? "/" : "")),
    ["r/a", "r/b/", "r/c", "r/d/", "r/e/", "r/f"],
  );
  assert.deepEqual(sent.map(({ url }) => url.searchParams.get("delimiter")), ["/", "/"]);
  assert.equal(sent[1].url.searchParams.get("continuation-token"), "2");
});

Deno.test("s3, children(): names that no location can have are skipped with a notice, folder objects without", async () => {
  const { backend, skipped } = await answeredBy(({ url }) =>
    url.searchParams.get("prefix") === null
      ? page(prefix("/") + prefix("1-linux/"))
      : page(object("r/", 0) + prefix("r//") + prefix("r/../") + prefix("r/a/"))
  );
  const keys = async (key: string) =>
    (await Array.fromAsync(backend.children(at(key)))).map(({ location }) => location.key);
  assert.deepEqual(await keys("r"), ["r/a"]);
  assert.deepEqual(await keys(""), ["1-linux"]);
  assert.equal(skipped.length, 3);
});

Deno.test("s3, deleteAll(): a thousand objects per request, with the MD5 that every server accepts", async () => {
  const { backend, sent } = await answeredBy(() => deleted());
  const locations = Array.from({ length: 2001 }, (_, i) => at(`r/${i}`));
  assert.deepEqual(await backend.deleteAll(locations), []);
  assert.deepEqual(sent.map(({ method }) => method), ["POST", "POST", "DELETE"]);
  for (const { body, headers } of sent.slice(0, 2)) {
    assert.equal(keysIn(body).length, 1000);
    const md5 = createHash("md5").update(body).digest("base64");
    assert.equal(headers.get("content-md5"), md5);
    assert.match(headers.get("authorization")!, /SignedHeaders=[^,]*content-md5/);
    assert.deepEqual([...headers.keys()].filter((name) => name.includes("checksum")), []);
  }
  assert.deepEqual(sent.slice(0, 2).flatMap(({ body }) => keysIn(body)).length, 2000);
});

Deno.test("s3, deleteAll(): what a batch could not delete is deleted alone, and failures have their reason", async () => {
  const { backend, sent } = await answeredBy(({ method, url }) => {
    if (method === "POST") {
      return deleted(error("r/b", "InternalError") + error("r/c", "AccessDenied"));
    }
    if (url.pathname.endsWith("/b")) return new Response(null, { status: 204 });
    return new Response("<Error><Code>AccessDenied</Code></Error>", { status: 403 });
  });
  const failures = await backend.deleteAll(["a", "b", "c"].map((name) => at(`r/${name}`)));
  assert.deepEqual(failures.map(({ location, error }) => [location.key, error.code]), [
    ["r/c", "denied"],
  ]);
  assert.match(failures[0].error.message, /s3:DeleteObject/);
  assert.deepEqual(sent.map(({ method }) => method), ["POST", "DELETE", "DELETE"]);
});

Deno.test("s3, deleteAll(): a server without batches gets single requests", async () => {
  for (const status of [405, 501]) {
    const { backend, sent } = await answeredBy(({ method }) =>
      method === "POST"
        ? new Response("<Error><Code>NotImplemented</Code></Error>", { status })
        : new Response(null, { status: 204 })
    );
    assert.deepEqual(await backend.deleteAll([at("r/a"), at("r/b")]), []);
    assert.deepEqual(sent.map(({ method }) => method), ["POST", "DELETE", "DELETE"]);
  }
});

Deno.test("s3, deleteAll(): separate requests for two buckets; a bucket itself is rejected", async () => {
  const { backend, sent } = await answeredBy(() => deleted());
  const other = new OutputLocation("other", "r/a");
  await backend.deleteAll([at("r/a"), at("r/b"), other, other.parent.join("b"), at("r/c")]);
  assert.deepEqual(sent.map(({ method, url }) => `${method} ${url.pathname}`), [
    "POST /suite",
    "POST /other",
    "DELETE /suite/r/c",
  ]);
  await rejectsWith(backend.deleteAll([at("r/a"), at("")]), "invalid");
  assert.equal(sent.length, 3);
});

Deno.test("s3, deleteAll(): a page in the server's place deletes nothing, and is an error", async () => {
  const { backend } = await answeredBy(() => new Response("<html><body>Sign in</body></html>"));
  await rejectsWith(
    backend.deleteAll([at("r/a"), at("r/b")]),
    "transient",
    "not from an S3 server",
  );
});
