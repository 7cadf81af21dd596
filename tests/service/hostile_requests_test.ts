/**
 * Requests that no client of ours sends: on a directory and on a bucket, none is served, and each has
 * its status.
 *
 * @module
 */

import assert from "node:assert/strict";
import http2 from "node:http2";
import { writeTree } from "../support/temp_dir.ts";
import { putRun } from "../support/retained.ts";
import { memoryS3 } from "../support/s3_subject.ts";
import {
  type Answer,
  send,
  serveRuns,
  startService,
  type TestService,
} from "../support/service.ts";

const SECRET = "secret of another directory";
const RUN = { parts: { p: ["logs/a.log", "logs/r.html"] } };

/** A directory with a run, and beside it what must stay outside. */
async function onDisk(): Promise<TestService> {
  const service = await serveRuns({ "12345-linux": RUN, "12345-windows": RUN });
  await writeTree(`${service.dir}/..`, { "secret": SECRET });
  await writeTree(service.dir, {
    "secret": SECRET,
    "12345-linux-old/logs/a.log": SECRET,
    ".run-outputs-trash-1/12345-linux/logs/a.log": SECRET,
    "12345-linux/logs/.run-outputs-tmp-1": SECRET,
    "12345-linux/logs/b.log.part": SECRET,
    "12345-linux/logs/b.log.part.journal": '{"schema":"run-outputs.download/1",}',
  });
  return service;
}

async function onBucket(): Promise<TestService> {
  const subject = await memoryS3();
  const { backend, bucket } = subject;
  for (const key of ["12345-linux", "12345-windows"]) {
    await putRun(backend, key, { ...RUN, bucket });
  }
  const service = await startService({ backend, bucket });
  return {
    ...service,
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]();
      await subject[Symbol.asyncDispose]();
    },
  };
}

/** What follows `/retained-runs/12345-linux/files/`, one byte per character. */
const TRAVERSAL: readonly (readonly [string, number])[] = [
  ["../../secret", 400],
  ["logs/../../../secret", 400],
  ["%2e%2e/%2e%2e/secret", 400],
  ["%2E%2E/secret", 400],
  [".%2e/secret", 400],
  ["%2e./secret", 400],
  ["%252e%252e/secret", 404],
  ["..%2f..%2fsecret", 400],
  ["..%2F..%2Fsecret", 400],
  ["..%252f..%252fsecret", 404],
  ["..%5c..%5csecret", 404],
  ["..\\..\\secret", 400],
  ["..;/..;/secret", 404],
  ["logs//a.log", 400],
  ["./logs/a.log", 400],
  ["logs/./a.log", 400],
  ["logs/..", 400],
  ["logs/a.log%00", 400],
  ["logs/a.log%00.html", 400],
  ["logs/a.log%0d%0aX-Evil:%201", 400],
  ["logs/a.log%c2%85", 400],
  ["%c0%ae%c0%ae/secret", 400],
  ["%e0%80%ae%e0%80%ae/secret", 400],
  ["%ed%a0%80", 400],
  ["%ff", 400],
  ["%u002e%u002e/secret", 400],
  ["\xef\xbc\x8e\xef\xbc\x8e/secret", 400],
  ["%ef%bc%8e%ef%bc%8e/secret", 404],
  ["/etc/passwd", 400],
  ["%2fetc%2fpasswd", 400],
  ["file:///etc/passwd", 400],
  ["file:%2f%2f%2fetc%2fpasswd", 400],
  ["%zz", 400],
  ["%", 400],
  ["%4", 400],
  ["*", 404],
  ["logs/a.log#fragment", 400],
  ["logs/a.log%23fragment", 404],
  ["logs/a.log%3fq", 404],
  [`${"a".repeat(2000)}`, 400],
];

/** Whole targets. */
const TARGETS: readonly (readonly [string, number])[] = [
  ["/../secret", 400],
  ["/retained-runs/..%2f..%2fsecret", 400],
  ["/retained-runs/%2e%2e", 400],
  ["/retained-runs/..~12345-linux", 404],
  ["/retained-runs/a~..~12345-linux", 404],
  ["/retained-runs/%7e12345-linux", 404],
  ["//evil.example/retained-runs", 400],
  ["/retained-runs?q=%zz", 400],
  ["/retained-runs?q=%ff", 400],
  ["/retained-runs?q=a&q=b", 400],
  ["/retained-runs?constructor=1", 400],
  ["/retained-runs?__proto__=1", 400],
  ["/constructor", 404],
  ["/retained-runs/latest/../../secret", 400],
  ["/retained-runs/latest/..%2f..%2fsecret", 400],
  ["/retained-runs/latest/%0d%0aSet-Cookie:%20a=b", 400],
  ["file:///etc/passwd", 400],
  ["*", 400],
  ["retained-runs", 400],
];

/** What is not a run, or not a file of the run. */
const SCOPE: readonly (readonly [string, number])[] = [
  ["/retained-runs/12345-linux-old", 404],
  ["/retained-runs/12345-linux-old/files/logs/a.log", 404],
  ["/retained-runs/12345-linux-ol", 404],
  ["/retained-runs/12345-LINUX-old", 404],
  ["/retained-runs/secret", 404],
  ["/retained-runs/.run-outputs-trash-1", 404],
  ["/retained-runs/.run-outputs-trash-1/files/12345-linux/logs/a.log", 404],
  ...["files", "reports", "lines", "search"].flatMap((tree) =>
    [".run-outputs-tmp-1", "b.log.part", "b.log.part.journal"].map((name) =>
      [`/retained-runs/12345-linux/${tree}/logs/${name}`, 404] as const
    )
  ),
  ["/retained-runs/12345-linux/lines/..%2f..%2fsecret", 400],
  ["/retained-runs?platform=linux&cursor=eyJ2IjoxfQ", 400],
  ["/retained-runs/12345-linux/search?q=secret&path=logs/b.log.part", 400],
  ["/retained-runs/12345-linux/lines/logs", 404],
  ["/retained-runs/12345-linux/lines/logs/", 404],
];

/** What the headers and the first line say; `PORT` is the right one. */
const REQUESTS: readonly (readonly [string, string, number])[] = [
  ["no Host", "GET /healthz HTTP/1.1\r\n", 400],
  ["no Host, HTTP/1.0", "GET /healthz HTTP/1.0\r\n", 400],
  ["an empty Host", "GET /healthz HTTP/1.1\r\nHost:\r\n", 400],
  ["two Hosts", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n", 400],
  ["a path in Host", "GET /x HTTP/1.1\r\nHost: localhost/healthz\r\n", 400],
  ["a query in Host", "GET /x HTTP/1.1\r\nHost: localhost?a\r\n", 400],
  ["a user in Host", "GET /healthz HTTP/1.1\r\nHost: user@localhost\r\n", 400],
  ["a blank in Host", "GET /healthz HTTP/1.1\r\nHost: local host\r\n", 400],
  ["a list in Host", "GET /healthz HTTP/1.1\r\nHost: localhost, localhost\r\n", 400],
  ["a port that is none", "GET /healthz HTTP/1.1\r\nHost: localhost:80a\r\n", 400],
  ["a name of another site", "GET /healthz HTTP/1.1\r\nHost: evil.example:PORT\r\n", 421],
  ["a name that ends with ours", "GET /healthz HTTP/1.1\r\nHost: evillocalhost\r\n", 421],
  ["a final dot", "GET /healthz HTTP/1.1\r\nHost: localhost.\r\n", 421],
  ["a decimal address", "GET /healthz HTTP/1.1\r\nHost: 2130706433\r\n", 421],
  ["a short address", "GET /healthz HTTP/1.1\r\nHost: 127.1\r\n", 421],
  ["an octal address", "GET /healthz HTTP/1.1\r\nHost: 0177.0.0.1\r\n", 421],
  ["a hexadecimal address", "GET /healthz HTTP/1.1\r\nHost: 0x7f.0.0.1\r\n", 421],
  ["another address", "GET /healthz HTTP/1.1\r\nHost: 10.0.0.1\r\n", 421],
  ["the address of nothing", "GET /healthz HTTP/1.1\r\nHost: 0.0.0.0\r\n", 421],
  ["an absolute target", "GET http://other/healthz HTTP/1.1\r\nHost: localhost\r\n", 400],
  ["a user in the target", "GET http://u@localhost/healthz HTTP/1.1\r\nHost: localhost\r\n", 400],
  ["TRACE", "TRACE /healthz HTTP/1.1\r\nHost: localhost\r\n", 405],
  ["CONNECT", "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n", 405],
  ["OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n", 405],
  ["PROPFIND", "PROPFIND / HTTP/1.1\r\nHost: localhost\r\n", 405],
  ["a method in small letters", "get /healthz HTTP/1.1\r\nHost: localhost\r\n", 405],
  ["POST to a route for GET", "POST /healthz HTTP/1.1\r\nHost: localhost\r\n", 405],
  ["PUT to a run", "PUT /retained-runs/12345-linux HTTP/1.1\r\nHost: localhost\r\n", 405],
  ["DELETE of a run", "DELETE /retained-runs/12345-linux HTTP/1.1\r\nHost: localhost\r\n", 405],
  [
    "an override of the method",
    "POST /healthz HTTP/1.1\r\nHost: localhost\r\nX-HTTP-Method-Override: GET\r\n",
    405,
  ],
  [
    "a pin without --allow-pin",
    "PUT /retained-runs/12345-linux/pins/a HTTP/1.1\r\nHost: localhost\r\n",
    403,
  ],
  [
    "two lengths",
    "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n" +
    "Transfer-Encoding: chunked\r\n",
    400,
  ],
  [
    "101 headers",
    "GET /healthz HTTP/1.1\r\nHost: localhost\r\n" +
    Array.from({ length: 99 }, (_, i) => `X-${i}: 1\r\n`).join(""),
    431,
  ],
  ["a folded header", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: a\r\n b\r\n", 400],
  ["a path of 9 KiB", `GET /${"a".repeat(9000)} HTTP/1.1\r\nHost: localhost\r\n`, 414],
  ["a query of 9 KiB", `GET /runs?q=${"a".repeat(9000)} HTTP/1.1\r\nHost: localhost\r\n`, 414],
];

function assertRefused({ status, headers, text }: Answer, expected: number, what: string): void {
  assert.equal(status, expected, `${what}: ${text}`);
  assert(!text.includes(SECRET), what);
  for (const name of ["x-evil", "set-cookie"]) assert.equal(headers.get(name), null, what);
  // The runtime refuses some before us.
  if (text === "") return;
  assert.equal(headers.get("content-type"), "application/problem+json", what);
  assert.equal(JSON.parse(text).status, expected);
}

for (const [place, start] of [["a directory", onDisk], ["a bucket", onBucket]] as const) {
  Deno.test(`hostile requests on ${place}: traversal and scope`, async () => {
    await using service = await start();
    const run = "/retained-runs/12345-linux/files";
    const targets = [...TRAVERSAL.map(([path, status]) => [`${run}/${path}`, status] as const)];
    for (const [target, status] of [...targets, ...TARGETS, ...SCOPE]) {
      assertRefused(await service.ask(target), status, target);
    }
    const runs = ["/retained-runs/12345-linux", "/retained-runs/12345-LINUX"];
    for (const target of [`${run}/logs/a.log`, `${run}/logs/`, ...runs]) {
      assert.equal((await service.ask(target)).status, 200, target);
    }
    assert.deepEqual(service.log, []);
  });

  Deno.test(`hostile requests on ${place}: hosts, methods, headers`, async () => {
    await using service = await start();
    for (const [what, head, status] of REQUESTS) {
      const request = `${head.replaceAll("PORT", `${service.port}`)}Connection: close\r\n\r\n`;
      assertRefused(await send(service.port, request), status, what);
    }
    for (const host of ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:80"]) {
      const { status } = await service.ask("/healthz", { headers: { host } });
      assert.equal(status, 200, host);
    }
    assert.deepEqual(service.log, []);
  });
}

Deno.test("hostile requests: HTTP/2 without TLS has no header Host, and is refused", async () => {
  await using service = await serveRuns({});
  const client = http2.connect(service.url);
  for (const headers of [{}, { ":authority": "evil.example" }, { host: "evil.example" }]) {
    const status = await new Promise((resolve, reject) => {
      const request = client.request({ ":path": "/healthz", ...headers });
      request.on("response", (answer) => resolve(answer[":status"]));
      request.on("error", reject);
      request.resume();
      request.end();
    });
    assert.equal(status, "host" in headers ? 421 : 400);
  }
  await new Promise<void>((resolve) => client.close(resolve));
});
