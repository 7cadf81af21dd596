/** Files of runs through the whole service. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { setImmediate } from "node:timers";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { answerWith, freeSentChunks, startBody } from "../../../src/service/objects/body.ts";
import type { StoredFile } from "../../../src/service/objects/stored_file.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { noise, sha256 } from "../../support/bytes.ts";
import { serveRuns, startService } from "../../support/service.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

const RUNS = { "1-linux": { parts: { p: ["logs/g/a.log", "logs/g/r.html"] } } };
const TOKEN = "0123456789abcdef0123456789abcdef";

Deno.test("files through the service: the routes, with HEAD and the headers of all answers", async () => {
  await using service = await serveRuns(RUNS);
  const got = await service.ask("/retained-runs/1-linux/files/logs/g/a.log");
  assert.deepEqual([got.status, got.text], [200, "logs/g/a.log"]);
  assert.equal(got.headers.get("x-content-type-options"), "nosniff");
  assert.equal(got.headers.get("cross-origin-resource-policy"), "same-origin");
  const head = await service.ask("/retained-runs/1-linux/reports/logs/g/a.log", { method: "HEAD" });
  assert.deepEqual([head.status, head.text], [200, ""]);
  assert.equal(head.headers.get("content-length"), "12");
  const list = await service.ask("/retained-runs/1-linux/files?limit=1");
  const { files, next } = JSON.parse(list.text);
  assert.deepEqual(files.map(({ href }: { href: string }) => href), ["files/logs/g/a.log"]);
  assert.equal(list.headers.get("link"), `<?limit=1&cursor=${next}>; rel="next"`);
  const directory = await service.ask("/retained-runs/1-linux/files/");
  assert.match(directory.text, /<a href="logs\/">/);
  const latest = await service.ask("/retained-runs/latest/files/logs/g/a.log");
  assert.equal(latest.headers.get("location"), "../../../../1-linux/files/logs/g/a.log");
  const range = await service.ask("/retained-runs/1-linux/files/logs/g/a.log", {
    headers: { range: "bytes=99-" },
  });
  assert.deepEqual([range.status, range.headers.get("content-range")], [416, "bytes */12"]);
  const failed = await service.ask("/retained-runs/1-linux/files/logs/g/a.log", {
    headers: { "if-match": '"x"' },
  });
  assert.deepEqual([failed.status, JSON.parse(failed.text).type], [412, "urn:run-outputs:changed"]);
  const unknown = await service.ask("/retained-runs/2-linux/files/a");
  assert.deepEqual([unknown.status, JSON.parse(unknown.text).type], [
    404,
    "urn:run-outputs:unknown-run",
  ]);
});

Deno.test("files through the service: a capability needs no token, and lives below the base path", async () => {
  await using service = await serveRuns(RUNS, { token: TOKEN, basePath: "/ci" });
  const target = "/ci/retained-runs/1-linux/files/logs/g/r.html";
  assert.equal((await service.ask(target)).status, 401);
  const authorization = `Bearer ${TOKEN}`;
  const redirect = await service.ask(target, {
    headers: { authorization, "sec-fetch-dest": "document" },
  });
  assert.equal(redirect.status, 303);
  const url = new URL(redirect.headers.get("location")!, `http://127.0.0.1${target}`);
  const page = await service.ask(url.pathname);
  assert.deepEqual([page.status, page.text], [200, "logs/g/r.html"]);
  assert.equal(page.headers.get("access-control-allow-origin"), "*");
  const forged = await service.ask(url.pathname.replace(/\/u\/\d/, "/u/9"));
  assert.equal(forged.status, 303);
  const stable = new URL(forged.headers.get("location")!, `http://127.0.0.1${url.pathname}`);
  assert.equal(stable.pathname, "/ci/retained-runs/1-linux/reports/logs/g/r.html");
  assert.equal((await service.ask(stable.pathname)).status, 401);
});

Deno.test("files through the service: a file that is changed midway ends the connection", async () => {
  await using temp = await tempDir();
  const bytes = noise(20_000_000, 3);
  await writeTree(temp.path, { "1-linux/big.bin": bytes });
  const path = join(temp.path, "1-linux/big.bin");
  await Deno.utime(path, new Date(0), new Date(0));
  await using service = await startService({
    backend: new LocalBackend(temp.path),
    dir: temp.path,
  });
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: service.port });
  const request = "GET /retained-runs/1-linux/files/big.bin HTTP/1.1\r\n" +
    `Host: 127.0.0.1:${service.port}\r\n\r\n`;
  await connection.write(new TextEncoder().encode(request));
  const buffer = new Uint8Array(65_536);
  const first = (await connection.read(buffer))!;
  const text = new TextDecoder("latin1").decode(buffer.subarray(0, first));
  assert.match(text, /^HTTP\/1\.1 200 .*content-length: 20000000\r\n/is);
  const received = [buffer.slice(text.indexOf("\r\n\r\n") + 4, first)];
  // Far less than the file fits into the buffers of a connection.
  await Deno.writeFile(path, noise(20_000_000, 4));
  for (let count; (count = await connection.read(buffer)) !== null;) {
    received.push(buffer.slice(0, count));
  }
  const body = new Uint8Array(await new Blob(received).arrayBuffer());
  assert(body.length < bytes.length, "the client sees that bytes are missing");
  assert.equal(sha256(body), sha256(bytes.slice(0, body.length)), "and has none of the new ones");
});

Deno.test("files through the service: many slow clients get the bytes of the file", async () => {
  await using temp = await tempDir();
  const bytes = noise(6_000_000, 5);
  await writeTree(temp.path, { "1-linux/big.bin": bytes });
  await using service = await startService({
    backend: new LocalBackend(temp.path),
    dir: temp.path,
  });
  // The memory of each chunk is freed while the clients still wait for it.
  await Promise.all(Array.from({ length: 8 }, async (_, i) => {
    const start = i * 1000;
    const url = `http://127.0.0.1:${service.port}/retained-runs/1-linux/files/big.bin`;
    const answer = await fetch(url, { headers: { range: `bytes=${start}-` } });
    const received: Uint8Array<ArrayBuffer>[] = [];
    for await (const chunk of answer.body!) {
      received.push(chunk.slice());
      await new Promise<void>((resolve) => void setImmediate(resolve));
    }
    const body = new Uint8Array(await new Blob(received).arrayBuffer());
    assert.equal(sha256(body), sha256(bytes.slice(start)));
  }));
});

Deno.test("files through the service: who reads an answer without a server can keep its chunks", async () => {
  const bytes = noise(1_000_000, 6);
  const file: StoredFile = {
    info: {
      location: new OutputLocation("local", "1-linux/a"),
      size: 1,
      etag: "",
      modified: new Date(0),
    },
    async *chunks({ start, end }) {
      for (let at = start; at < end; at += 100_000) yield bytes.slice(at, at + 100_000);
    },
    close() {},
  };
  const start = async () =>
    answerWith(await startBody(file, [{ start: 0, end: bytes.length }], bytes.length, {}), {});
  const kept = await start();
  assert.equal(sha256(await kept.bytes()), sha256(bytes));
  const freed = await start();
  freeSentChunks(freed);
  const reader = freed.body!.getReader();
  const first = (await reader.read()).value!;
  assert.equal(first.length, 100_000);
  const second = (await reader.read()).value!;
  assert.deepEqual([first.length, second.length], [0, 100_000]);
  await reader.cancel();
});

Deno.test("files through the service: a small file is sent without a stream", () => {
  const response = answerWith(new Uint8Array([1, 2]), {});
  let streams = 0;
  Object.defineProperty(response, "body", { get: () => void streams++ });
  freeSentChunks(response);
  assert.equal(streams, 0);
});
