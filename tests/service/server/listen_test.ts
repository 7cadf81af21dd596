/** Listening: again when the runtime's server has ended, until all answers have been sent. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { checkService } from "../../../src/cli/commands/serve/check.ts";
import { listen } from "../../../src/service/server/listen.ts";
import type { Service } from "../../../src/service/server/service.ts";
import { send } from "../../support/service.ts";
import { startServiceProcess, startServing } from "../../support/service_process.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

const NEVER = new AbortController().signal;

const answering: Service = () => Promise.resolve(new Response("ok"));

Deno.test({
  name: "serve: lives through more connections than it has descriptors, and answers afterwards",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using temp = await tempDir();
    await writeTree(temp.path, { "123-linux/logs/a.log": "built\n" });
    const limited = ["sh", "-c", 'ulimit -n 256; exec "$@"', "sh"];
    await using service = await startServiceProcess(temp.path, limited);
    const { url, process, errors } = service;
    const port = Number(new URL(url).port);
    const kept = await Deno.connect({ hostname: "127.0.0.1", port });
    const idle: Deno.Conn[] = [];
    for (let i = 0; i < 300; i++) {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => {});
      if (connection) idle.push(connection);
    }
    for (;;) {
      const { value: line, done } = await errors.next();
      assert(!done, "the service has reported that it has no descriptors left");
      if (/Too many open files/.test(line)) break;
    }
    for (const connection of idle) connection.close();
    const request =
      "GET /retained-runs/123 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    // Until it has descriptors again, it accepts a connection and closes it without an answer.
    let answer;
    while (!answer?.status) answer = await send(port, request).catch(() => undefined);
    assert.equal(answer.status, 200);
    // The connection from before is answered by the server that has ended.
    await kept.write(new TextEncoder().encode(request));
    assert.match(await new Response(kept.readable).text(), /^HTTP\/1\.1 200 OK\r\n/);
    process.kill("SIGTERM");
    const rest = Array.fromAsync(errors);
    assert.equal((await process.status).code, 0);
    assert.match((await rest).join("\n"), /stopping, when all answers have been sent/);
  },
});

Deno.test({
  name: "serve --socket: a path in the working directory",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using temp = await tempDir();
    const path = join(await Deno.realPath(temp.path), "s.sock");
    const there = ["sh", "-c", 'cd "$0"; exec "$@"', temp.path];
    await using service = await startServing(["--staging-dir", ".", "--socket", "s.sock", "-v"], {
      by: there,
    });
    assert.equal(service.url, `unix:${path}`);
    await checkService(service.url, NEVER);
    service.process.kill("SIGTERM");
    const errors = await Array.fromAsync(service.errors);
    assert(
      errors.some((line) => /listen on its address, and nothing else/.test(line)),
      errors.join(),
    );
  },
});

Deno.test({
  name: "serve --host: an IPv6 address, also with brackets",
  ignore: !hasIPv6(),
  async fn() {
    await using temp = await tempDir();
    for (const host of ["::1", "[::1]"]) {
      const place = ["--staging-dir", temp.path, "--host", host, "--port", "0"];
      await using service = await startServing(place);
      assert.match(service.url, /^http:\/\/\[::1\]:\d+\/$/);
      await checkService(service.url, NEVER);
    }
  },
});

function hasIPv6(): boolean {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

Deno.test("listen(): close() waits for the answers that are being sent", async () => {
  const begun = Promise.withResolvers<void>();
  const may = Promise.withResolvers<void>();
  const service: Service = () => {
    const body = new ReadableStream({
      async pull(controller) {
        begun.resolve();
        await may.promise;
        controller.enqueue(new TextEncoder().encode("whole"));
        controller.close();
      },
    });
    return Promise.resolve(new Response(body));
  };
  const listening = await listen({ place: { hostname: "127.0.0.1", port: 0 }, service });
  const { port } = listening.address!;
  const answer = send(port, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  await begun.promise;
  const closed = listening.close();
  await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port }));
  may.resolve();
  assert.equal((await answer).text, "whole");
  await closed;
});

Deno.test("listen(): close() does not wait forever", async () => {
  const begun = Promise.withResolvers<void>();
  const service: Service = () => {
    const body = new ReadableStream({
      pull() {
        begun.resolve();
        return new Promise(() => {});
      },
    });
    return Promise.resolve(new Response(body));
  };
  const listening = await listen({ place: { hostname: "127.0.0.1", port: 0 }, service });
  const { hostname, port } = listening.address!;
  const client = await Deno.connect({ hostname, port });
  await client.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  await begun.promise;
  assert.equal(await listening.close(1), false);
  client.close();
  assert.equal(await listening.close(), true);
});

Deno.test({
  name: "listen(): on a Unix socket; one that is left is replaced, one in use is not",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using temp = await tempDir();
    const path = join(temp.path, "service.sock");
    Deno.listen({ transport: "unix", path }).close();
    const listening = await listen({ place: { path }, service: answering });
    assert.equal(listening.url, `unix:${path}`);
    await checkService(listening.url, NEVER);
    await assert.rejects(
      listen({ place: { path }, service: answering }),
      /^RunOutputsError: Cannot listen on '.*': another program does$/,
    );
    await listening.close();
    await assert.rejects(Deno.lstat(path), Deno.errors.NotFound);
    await Deno.writeTextFile(path, "a file");
    await assert.rejects(listen({ place: { path }, service: answering }), /Cannot listen on/);
    assert.equal(await Deno.readTextFile(path), "a file");
  },
});

Deno.test("listen(): what is in use, and what is no address of this machine", async () => {
  const listening = await listen({
    place: { hostname: "127.0.0.1", port: 0 },
    service: answering,
  });
  const { port } = listening.address!;
  await assert.rejects(
    listen({ place: { hostname: "127.0.0.1", port }, service: answering }),
    { code: "conflict", message: /in use/ },
  );
  await assert.rejects(
    listen({ place: { hostname: "192.0.2.1", port: 0 }, service: answering }),
    { code: "invalid", message: /^Cannot listen on 192.0.2.1, port 0: / },
  );
  await listening.close();
  await assert.rejects(checkService(`http://127.0.0.1:${port}/`, NEVER), {
    code: "transient",
    message: `The service at http://127.0.0.1:${port}/ does not answer: connection refused`,
  });
});

Deno.test("serve --check: rejects what does not answer with 200, and what is no URL", async () => {
  const service: Service = (request) =>
    Promise.resolve(
      new Response(request.url, { status: request.url.endsWith("/ci/healthz") ? 200 : 404 }),
    );
  const listening = await listen({ place: { hostname: "127.0.0.1", port: 0 }, service });
  await checkService(`${listening.url}ci/`, NEVER);
  await checkService(`${listening.url}ci`, NEVER);
  await checkService(`${listening.url}ci/healthz`, NEVER);
  await assert.rejects(
    checkService(listening.url, NEVER),
    /not healthy: status 404 \(no service at this URL: check the base path\)/,
  );
  await listening.close();
  for (const url of ["8080", "ftp://h/", "http://", "localhost:8080"]) {
    await assert.rejects(checkService(url, NEVER), { code: "invalid" });
  }
});
