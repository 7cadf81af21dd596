/** Answers in JSON, and problems. */

import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { RunOutputsError } from "../../src/errors/error.ts";
import { problem } from "../../src/operations/retained/problem.ts";
import { acceptsGzip, jsonAnswer, prefersHtml, textAnswer } from "../../src/service/answer.ts";
import { httpError, problemAnswer, problemOf } from "../../src/service/problem.ts";

const request = (headers: Record<string, string> = {}) =>
  new Request("http://localhost/", { headers });

async function* rows(count: number): AsyncGenerator<number> {
  for (let i = 0; i < count; i++) yield await Promise.resolve(i);
}

Deno.test("jsonAnswer(): compressed from 1 KiB on, and only for those who accept it", async () => {
  for (const [count, encoding] of [[1, null], [1000, "gzip"], [100_000, "gzip"]] as const) {
    const accepts = { "accept-encoding": "br, gzip" };
    const plain = await jsonAnswer(request(), { schema: "x", rows: rows(count) });
    const zipped = await jsonAnswer(request(accepts), { schema: "x", rows: rows(count) });
    assert.equal(plain.headers.get("content-encoding"), null);
    assert.equal(zipped.headers.get("content-encoding"), encoding);
    assert.equal(zipped.headers.get("vary"), "accept-encoding");
    const bytes = new Uint8Array(await zipped.arrayBuffer());
    const text = new TextDecoder().decode(encoding === null ? bytes : gunzipSync(bytes));
    assert.equal(text, await plain.text());
    assert.equal(JSON.parse(text).rows.length, count);
  }
});

Deno.test("jsonAnswer(): who has it gets 304, each encoding has its own tag, a streamed one has none", async () => {
  const ask = (headers: Record<string, string>, count = 1000, status?: number) =>
    jsonAnswer(request(headers), { schema: "x", rows: rows(count) }, { status });
  const tags = new Set<string>();
  for (const encoding of ["identity", "gzip"]) {
    const accepts = { "accept-encoding": encoding };
    const first = await ask(accepts);
    const tag = first.headers.get("etag")!;
    tags.add(tag);
    for (const list of [tag, `W/${tag}`, `"other", ${tag}`, "*"]) {
      const again = await ask({ ...accepts, "if-none-match": list });
      assert.equal(again.status, 304, list);
      assert.equal(again.body, null);
      assert.equal(again.headers.get("etag"), tag);
      assert.equal(again.headers.get("vary"), "accept-encoding");
      assert.equal(again.headers.get("content-encoding"), null);
    }
    for (const list of ['"other"', tag.slice(1, -1), ""]) {
      assert.equal((await ask({ ...accepts, "if-none-match": list })).status, 200, list);
    }
    assert.equal((await ask({ ...accepts, "if-none-match": tag }, 999)).status, 200);
    assert.equal((await ask({ ...accepts, "if-none-match": "*" }, 1000, 202)).status, 202);
  }
  assert.equal(tags.size, 2);
  for (const method of ["PUT", "DELETE"]) {
    const written = new Request("http://localhost/", { method, headers: { "if-none-match": "*" } });
    assert.equal((await jsonAnswer(written, { schema: "x" })).status, 200, method);
  }
  const head = new Request("http://localhost/", {
    method: "HEAD",
    headers: { "if-none-match": "*" },
  });
  assert.equal((await jsonAnswer(head, { schema: "x" })).status, 304);
  const long = await ask({ "if-none-match": "*" }, 100_000);
  assert.equal(long.status, 200);
  assert.equal(long.headers.get("etag"), null);
  await long.body?.cancel();
});

Deno.test("textAnswer(): what fails early throws, what fails late ends the answer with an error", async () => {
  async function* failing(count: number) {
    for (let i = 0; i < count; i++) yield await Promise.resolve("x".repeat(1000));
    throw new RunOutputsError("transient", "Cannot read: gone");
  }
  await assert.rejects(textAnswer(request(), failing(3), "text/plain"), /gone/);
  const answer = await textAnswer(request(), failing(1000), "text/plain");
  assert.equal(answer.status, 200);
  await assert.rejects(answer.text(), /gone/);
});

Deno.test("acceptsGzip() and prefersHtml(): weights decide", () => {
  const of = (name: string, value: string) => new Headers({ [name]: value });
  for (
    const [value, expected] of [
      ["gzip", true],
      ["br, GZIP;q=0.5", true],
      ["*", true],
      ["gzip;q=0, *", false],
      ["gzip; q=0.0", false],
      ["identity", false],
    ] as const
  ) {
    assert.equal(acceptsGzip(of("accept-encoding", value)), expected, value);
  }
  for (
    const [value, expected] of [
      ["*/*", false],
      ["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true],
      ["application/json", false],
      ["application/json, text/html;q=0.9", false],
      ["", false],
    ] as const
  ) {
    assert.equal(prefersHtml(of("accept", value)), expected, value);
  }
});

Deno.test("problemAnswer(): status, type, exit code, details, and no path of this machine", async () => {
  const hide = (text: string) => text.replaceAll("/srv/runs", "…");
  const cases: [unknown, Record<string, unknown>][] = [
    [
      new RunOutputsError("denied", "Cannot read '/srv/runs/a': permission denied"),
      { status: 403, type: "urn:run-outputs:denied", exit_code: 4 },
    ],
    [
      new RunOutputsError("incomplete", "Run 1 is incomplete"),
      { status: 409, title: "The run is incomplete", type: "urn:run-outputs:incomplete" },
    ],
    [
      new RunOutputsError("unauthenticated", "Cannot read ci: it needs a token"),
      { status: 502, title: "The storage denied access", type: "urn:run-outputs:storage-denied" },
    ],
    [
      problem("conflict", "ambiguous-run", "Run 1 is ambiguous", { choices: ["1-linux"] }),
      { status: 409, type: "urn:run-outputs:ambiguous-run", exit_code: 1, choices: ["1-linux"] },
    ],
    [
      httpError(421, "unknown-host", "Unknown host"),
      { status: 421, type: "urn:run-outputs:unknown-host", exit_code: 2 },
    ],
    [
      new TypeError("/srv/runs is undefined"),
      { status: 500, type: "urn:run-outputs:unexpected", exit_code: 1 },
    ],
  ];
  for (const [error, expected] of cases) {
    const answer = problemAnswer(problemOf(error, hide));
    assert.equal(answer.headers.get("content-type"), "application/problem+json");
    const text = await answer.text();
    assert(!text.includes("/srv"), text);
    const document = JSON.parse(text);
    assert.equal(answer.status, expected.status);
    for (const [name, value] of Object.entries(expected)) assert.deepEqual(document[name], value);
    assert.equal(typeof document.title, "string");
    assert.equal(typeof document.detail, "string");
  }
});
