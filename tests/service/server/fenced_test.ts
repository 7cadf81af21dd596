/** The service in its worker: what that may do, and that it works with so little. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { type FencePlace, permissionsOf, startFenced } from "../../../src/service/server/fenced.ts";
import type { Mirror } from "../../../src/service/mirror_jobs.ts";
import { MirrorJobs } from "../../../src/service/mirror/jobs.ts";
import { only } from "../../../src/threads/start.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { putRun } from "../../support/retained.ts";
import { send } from "../../support/service.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";
const PLACE = { hostname: "127.0.0.1", port: 0 };

/** What a worker with the permissions of the service can do. */
async function tryIn(place: FencePlace, code: string): Promise<string> {
  const script = `self.onmessage = async () => {
    try { ${code}; self.postMessage("done"); } catch (error) { self.postMessage(error.name); }
  };`;
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const permissions = only(permissionsOf(place));
  const worker = new Worker(url, { type: "module", deno: { permissions } });
  try {
    return await new Promise((resolve) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.postMessage("start");
    });
  } finally {
    worker.terminate();
    URL.revokeObjectURL(url);
  }
}

Deno.test("the fence: the staging directory and the address, nothing else", async () => {
  await using temp = await tempDir();
  const dir = join(temp.path, "staging");
  await writeTree(temp.path, { "secret": "secret", "staging/a": "a" });
  const read = (path: string) => `await Deno.readTextFile(${JSON.stringify(path)})`;
  const write = `await Deno.writeTextFile(${JSON.stringify(join(dir, "b"))}, "b")`;
  const fence: FencePlace = { dir, place: PLACE, allowPin: false };
  for (
    const [code, expected] of [
      [read(join(dir, "a")), "done"],
      [`Deno.listen({ hostname: "127.0.0.1", port: 0 }).close()`, "done"],
      [read(join(temp.path, "secret")), "NotCapable"],
      [read(join(dir, "..", "secret")), "NotCapable"],
      [read("/etc/passwd"), "NotCapable"],
      [write, "NotCapable"],
      [`Deno.env.get("HOME")`, "NotCapable"],
      [`Deno.listen({ hostname: "0.0.0.0", port: 0 })`, "NotCapable"],
      [`await fetch("http://192.0.2.1/")`, "NotCapable"],
      [`await new Deno.Command("true").output()`, "NotCapable"],
      [`Deno.hostname()`, "NotCapable"],
    ]
  ) {
    assert.equal(await tryIn(fence, code), expected, code);
  }
  assert.equal(await tryIn({ ...fence, allowPin: true }, write), "done");
  const socket = join(temp.path, "s.sock");
  const listen = (path: string) =>
    `Deno.serve({ path: ${JSON.stringify(path)} }, () => new Response())`;
  const onSocket = { ...fence, place: { path: socket } };
  assert.equal(await tryIn(onSocket, listen(socket)), "done");
  assert.equal(await tryIn(onSocket, listen(`${socket}2`)), "NotCapable");
  const other = `Deno.listen({ hostname: "127.0.0.1", port: 9 })`;
  const fixed = { hostname: "127.0.0.1", port: 8080 };
  assert.equal(await tryIn({ ...fence, place: fixed }, other), "NotCapable");
});

Deno.test("startFenced(): runs, files, pins, and its own end", async () => {
  await using temp = await tempDir();
  const backend = new LocalBackend(temp.path);
  await putRun(backend, "123-linux", { parts: { p: ["logs/a.log"] }, expected: ["p"] });
  const answers: string[] = [];
  const running = await startFenced({
    dir: backend.stagingDir,
    tool: "run-outputs/test",
    hosts: { address: "127.0.0.1", names: [] },
    token: TOKEN,
    allowPin: true,
    place: PLACE,
    isVerbose: true,
  }, { log: (line) => answers.push(`log ${line}`), onAnswer: (line) => answers.push(line) });
  const port = Number(new URL(running.url).port);
  const ask = (line: string, body = "") =>
    send(
      port,
      `${line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer ${TOKEN}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
  for (
    const [line, status, body] of [
      ["GET /retained-runs", 200],
      ["GET /retained-runs/latest", 200],
      ["GET /retained-runs/123/files/logs/a.log", 200],
      ["GET /retained-runs/123/files/logs/", 200],
      ["GET /retained-runs/123/lines/logs/a.log", 200],
      ["GET /openapi.json", 200],
      ["PUT /retained-runs/123/pins/a", 201, '{"reason":"shipped"}'],
      ["DELETE /retained-runs/123/pins/a", 200],
    ] as const
  ) {
    const answer = await ask(line, body);
    assert.equal(answer.status, status, `${line}: ${answer.text}`);
  }
  assert.equal(await running.close(), true);
  assert.deepEqual(answers.filter((line) => line.startsWith("log ")), []);
  assert.match(answers[0], /^127\.0\.0\.1 GET \/retained-runs 200 \d+ ms$/);
});

Deno.test("startFenced(): mirror jobs run in the thread that starts it, and the worker only reads", async () => {
  await using temp = await tempDir();
  const [from, dir] = ["from", "staging"].map((name) => join(temp.path, name));
  for (const path of [from, dir]) await Deno.mkdir(path);
  await putRun(new LocalBackend(from), "123-linux", { files: ["logs/a.log"] });
  const open = () =>
    Promise.resolve({ backend: new LocalBackend(from), [Symbol.dispose]: () => {} });
  const backend = new LocalBackend(dir);
  const tool = "run-outputs/test";
  await using mirror = new MirrorJobs({
    sources: [{ name: "disk", bucket: "local", open }],
    backend,
    dir,
    tool,
    log: () => {},
  });
  const hosts = { address: "127.0.0.1", names: [] };
  const running = await startFenced(
    { dir, tool, hosts, token: TOKEN, allowMirror: true, place: PLACE, isVerbose: false },
    { log: () => {}, mirror },
  );
  const port = Number(new URL(running.url).port);
  const ask = async (line: string, body = "") => {
    const { status, text } = await send(
      port,
      `${line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer ${TOKEN}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    return { status, ...JSON.parse(text) };
  };
  const request = { run_id: "123", platform: "linux" };
  const refused = await ask("POST /runs", JSON.stringify({ ...request, source: "other" }));
  assert.deepEqual([refused.status, refused.detail], [
    400,
    'Invalid source "other": expected disk',
  ]);
  const { job } = await ask("POST /runs", JSON.stringify({ ...request, source: "disk" }));
  const cancelled = await ask(`DELETE /runs/${job}`);
  assert.match(cancelled.state, /^(?:cancelled|succeeded)$/);
  let last = await ask("POST /runs", JSON.stringify({ ...request, source: "disk" }));
  while (last.finished_at === undefined) last = await ask(`GET /runs/${last.job}`);
  assert.equal(last.state, "succeeded");
  assert.deepEqual((await ask("GET /runs")).sources, ["disk"]);
  assert.equal((await ask("GET /runs/123-linux.0")).run, "123-linux");
  assert.equal((await ask("GET /retained-runs/123")).status, 200);
  await Deno.remove(dir, { recursive: true });
  const gone = await ask("POST /runs", JSON.stringify({ ...request, source: "disk" }));
  assert.deepEqual([gone.status, gone.type], [403, "urn:run-outputs:read-only-storage"]);
  await running.close();
});

Deno.test("startFenced(): who leaves does not wait for a mirror job any more", async () => {
  await using temp = await tempDir();
  const reached = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  const mirror = {
    sources: [],
    find: () => Promise.resolve({ job: "123-linux.0", state: "running" }),
    waitForChange: (_job: string, _state: string, signal: AbortSignal) => {
      signal.addEventListener("abort", () => left.resolve());
      reached.resolve();
      return left.promise;
    },
  } as unknown as Mirror;
  const running = await startFenced({
    dir: temp.path,
    tool: "run-outputs/test",
    hosts: { address: "127.0.0.1", names: [] },
    place: PLACE,
    isVerbose: false,
  }, { log: () => {}, mirror });
  const { hostname, port } = new URL(running.url);
  const client = await Deno.connect({ hostname, port: Number(port) });
  const request = "GET /runs/123-linux.0 HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=30\r\n\r\n";
  await client.write(new TextEncoder().encode(request));
  await reached.promise;
  client.close();
  await left.promise;
  assert.equal(await running.close(), true);
});

Deno.test("startFenced(): what keeps it from listening is an error", async () => {
  await using temp = await tempDir();
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await assert.rejects(
    startFenced({
      dir: temp.path,
      tool: "run-outputs/test",
      hosts: { names: [] },
      place: { hostname: "127.0.0.1", port: taken.addr.port },
      isVerbose: false,
    }, { log: () => {} }),
    { code: "conflict", message: /in use/ },
  );
});
