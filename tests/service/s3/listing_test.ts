/** The service as a bucket: lists in pages, names of every kind, errors in S3's form. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { compareKeys } from "../../../src/layout/compare_keys.ts";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { createService } from "../../../src/service/server/service.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { cases } from "../../support/cases.ts";
import { changed } from "../../support/changed_backend.ts";

/** A service of a bucket with these keys, called without a network. */
async function bucketOf(keys: readonly string[]) {
  const backend = new MemoryBackend();
  for (const key of keys) await backend.write(new OutputLocation("runs", key), bytesSource(key));
  const listed: string[] = [];
  const service = createService({
    backend: changed(backend, {
      children(location, options) {
        listed.push(location.key);
        return backend.children(location, options);
      },
    }),
    bucket: "runs",
    tool: "run-outputs/0.0.0",
    hosts: { address: "127.0.0.1", names: [] },
  });
  const ask = (path: string, init: RequestInit = {}) => {
    const headers = new Headers(init.headers);
    headers.set("host", "127.0.0.1");
    const request = new Request(`http://127.0.0.1${path}`, { ...init, headers });
    return service(request, { peer: "127.0.0.1", completed: new Promise(() => {}) });
  };
  /** All pages of a list, with `maxKeys` entries each. */
  const list = async (query: Readonly<Record<string, string>>, maxKeys = 1000) => {
    const entries: string[] = [];
    const pages: number[] = [];
    for (let more: Record<string, string> = {};;) {
      const params = new URLSearchParams({
        "list-type": "2",
        "encoding-type": "url",
        "max-keys": `${maxKeys}`,
        ...query,
        ...more,
      });
      const answer = await ask(`/s3/runs?${params}`);
      const text = await answer.text();
      assert.equal(answer.status, 200, text);
      const page = [...text.matchAll(/<(?:Key|CommonPrefixes><Prefix)>([^<]*)</g)]
        .map(([, name]) => decodeURIComponent(name));
      pages.push(page.length);
      entries.push(...page.sort(compareKeys));
      const [, token] = /<NextContinuationToken>([^<]*)</.exec(text) ?? [];
      assert.equal(token !== undefined, text.includes("<IsTruncated>true<"));
      if (token === undefined) return { entries, pages };
      more = { "continuation-token": token };
    }
  };
  return { ask, list, listed };
}

/** What S3 lists of these keys. */
function expected(
  keys: readonly string[],
  { prefix = "", delimiter, "start-after": after = "" }: Readonly<Record<string, string>>,
): string[] {
  const names = keys.filter((key) => key.startsWith(prefix)).map((key) => {
    const end = delimiter === undefined ? -1 : key.indexOf("/", prefix.length);
    return end < 0 ? key : key.slice(0, end + 1);
  });
  return [...new Set(names)].filter((name) => compareKeys(name, after) > 0).sort(compareKeys);
}

Deno.test("list: pages of every size have what S3 would list, each entry once", async () => {
  const name = fc.constantFrom("a", "a-b", "a.log", "a0", "B", "ü", "x y", "+&<>'\"");
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join("/"));
  const run = fc.constantFrom("1-linux", "12-linux", "12-windows", "ROCm-x/7-linux", "a-b/7-linux");
  const key = fc.tuple(run, path).map((parts) => parts.join("/"));
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(key, { maxLength: 25 }),
      fc.record({ delimiter: fc.constant("/"), prefix: key, "start-after": key }, {
        requiredKeys: [],
      }),
      fc.nat({ max: 20 }),
      fc.integer({ min: 1, max: 7 }),
      async (keys, { prefix = "", ...others }, cut, maxKeys) => {
        const query = { ...others, prefix: prefix.slice(0, cut) };
        const { list } = await bucketOf(keys);
        const { entries, pages } = await list(query, maxKeys);
        assert.deepEqual(entries, expected(keys, query));
        assert(pages.every((count) => count <= maxKeys));
      },
    ),
    { numRuns: cases(100) },
  );
});

Deno.test("list: the next page goes on, without reading directories again", async () => {
  const keys = Array.from({ length: 20 }, (_, i) => `1-linux/${String.fromCharCode(97 + i)}/x`);
  const { list, listed } = await bucketOf(keys);
  assert.equal((await list({ prefix: "1-linux/" }, 3)).entries.length, 20);
  assert.deepEqual(listed.filter((key, i) => listed.indexOf(key) !== i), []);
});

Deno.test("list: only runs are in the bucket", async () => {
  const { ask, list } = await bucketOf([
    "1-linux/a",
    "index.html",
    "notes/b",
    "1-linux-old/c",
    "1-linux/.run-outputs-tmp-1/x",
    "1-linux/big.tar.part.journal",
  ]);
  assert.deepEqual((await list({})).entries, ["1-linux/a"]);
  assert.deepEqual((await list({ delimiter: "/" })).entries, ["1-linux/"]);
  for (
    const prefix of ["notes/", "1-linux-old/", "1-linux/.run-outputs-tmp-1/", "../", "1-linux//"]
  ) {
    assert.deepEqual((await list({ prefix })).entries, [], prefix);
  }
  for (
    const key of ["index.html", "notes/b", "1-linux/.run-outputs-tmp-1/x", "1-linux", "1-linux/a/"]
  ) {
    const answer = await ask(`/s3/any-bucket/${key}`);
    assert.equal(answer.status, 404, key);
    assert.match(await answer.text(), /^<\?xml[^]*<Error><Code>NoSuchKey<\/Code>/);
  }
});

Deno.test("objects: S3's conditions, ranges and errors", async () => {
  const { ask } = await bucketOf(["1-linux/a.log"]);
  const answer = await ask("/s3/runs/1-linux/a.log");
  assert.equal(await answer.text(), "1-linux/a.log");
  const etag = answer.headers.get("etag")!;
  const head = await ask("/s3/runs/1-linux/a.log", { method: "HEAD" });
  assert.equal(head.headers.get("etag"), etag);
  const list = await (await ask("/s3/runs?list-type=2")).text();
  assert(list.includes(`<ETag>${etag.replaceAll('"', "&quot;")}</ETag>`), list);
  assert(list.includes("<Size>13</Size>"), list);

  const ranged = await ask("/s3/runs/1-linux/a.log", { headers: { range: "bytes=2-6" } });
  assert.deepEqual([ranged.status, await ranged.text()], [206, "linux"]);
  const refused = async (headers: HeadersInit) => {
    const answer = await ask("/s3/runs/1-linux/a.log", { headers });
    return `${answer.status} ${/<Code>(\w+)</.exec(await answer.text())?.[1]}`;
  };
  assert.equal(await refused({ range: "bytes=13-" }), "416 InvalidRange");
  assert.equal(await refused({ "if-match": '"other"' }), "412 PreconditionFailed");
});

Deno.test("requests that S3 has and this service has not: an error that clients understand", async () => {
  const { ask } = await bucketOf(["1-linux/a.log"]);
  const code = async (path: string) => {
    const answer = await ask(path);
    return `${answer.status} ${/<Code>(\w+)</.exec(await answer.text())?.[1]}`;
  };
  assert.equal(await code("/s3/runs?versioning"), "501 NotImplemented");
  assert.equal(await code("/s3/runs?location"), "501 NotImplemented");
  assert.equal(await code("/s3/runs?list-type=2&delimiter=-"), "501 NotImplemented");
  assert.equal(await code("/s3/runs?list-type=2&max-keys=x"), "400 InvalidArgument");
  assert.equal(await code("/s3/runs?list-type=2&continuation-token=%21"), "400 InvalidArgument");
  assert.equal((await ask("/s3/runs", { method: "HEAD" })).status, 200);
  assert.equal((await ask("/s3/runs/1-linux/a.log", { method: "PUT", body: "x" })).status, 405);
});
