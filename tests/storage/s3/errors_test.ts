import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { createS3Backend } from "../../../src/storage/s3/backend.ts";
import { Session } from "../../../src/storage/s3/session.ts";
import { readSettings, type S3BackendOptions } from "../../../src/storage/s3/settings.ts";
import { UploadJournal } from "../../../src/storage/s3/upload_journal.ts";
import { LEAST_RATE } from "../../../src/storage/s3/watchdog.ts";
import { rejectsWith } from "../../support/errors.ts";
import { startFaultProxy } from "../../support/fault_proxy.ts";
import { memoryS3, testOptions } from "../../support/s3_subject.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

const at = new OutputLocation("suite", "1-linux/a");

/** A server that answers everything in one way. */
function stub(
  answer: (request: Request) => Response | Promise<Response>,
): { url: string } & AsyncDisposable {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, answer);
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function refusal(status: number, code: string, headers: HeadersInit = {}): Response {
  return new Response(
    `<?xml version="1.0"?><Error><Code>${code}</Code><Message>No.\nReally</Message></Error>`,
    { status, headers: { "content-type": "application/xml", ...headers } },
  );
}

const quick = { retry: { maxAttempts: 2, baseDelay: 1, maxElapsed: 1000 } };

for (
  const [title, status, code, expected, text] of [
    ["a key that is unknown", 403, "InvalidAccessKeyId", "unauthenticated", "access key"],
    ["a wrong secret", 403, "SignatureDoesNotMatch", "unauthenticated", "secret access key"],
    ["a token that has expired", 400, "ExpiredToken", "unauthenticated", "has expired"],
    ["a bucket that does not exist", 404, "NoSuchBucket", "not_found", "--bucket"],
    ["no permission", 403, "AccessDenied", "denied", "access denied: No. Really"],
    ["a clock that is off", 403, "RequestTimeTooSkewed", "unauthenticated", "clock"],
  ] as const
) {
  Deno.test(`s3, errors: ${title} is one line with what to do`, async () => {
    await using server = stub(() => refusal(status, code));
    using backend = await createS3Backend(testOptions(server.url, quick));
    await rejectsWith(backend.read(at), expected, text, "s3://suite/1-linux/a");
    await rejectsWith(backend.write(at, bytesSource("x")), expected, text);
    await rejectsWith(Array.fromAsync(backend.list(at)), expected, text);
  });
}

Deno.test("s3, errors: the reason of a denied HEAD is requested", async () => {
  await using server = stub(({ method }) =>
    method === "HEAD" ? new Response(null, { status: 403 }) : refusal(403, "InvalidAccessKeyId")
  );
  using backend = await createS3Backend(testOptions(server.url, quick));
  await rejectsWith(backend.stat(at), "unauthenticated", "access key");
});

Deno.test("s3, errors: a clock an hour off is reported with the difference", async () => {
  await using server = stub(() =>
    refusal(403, "RequestTimeTooSkewed", {
      date: new Date(Date.now() - 3_600_000).toUTCString(),
    })
  );
  using backend = await createS3Backend(testOptions(server.url, quick));
  await rejectsWith(backend.read(at), "unauthenticated", "60 minutes ahead");
});

for (const hours of [1, -1]) {
  Deno.test(`s3: with a clock that is ${hours} h off requests are signed with the server's`, async () => {
    const notices: string[] = [];
    await using s3 = await memoryS3(
      { onNotice: (message) => notices.push(message) },
      { clock: hours * 3_600_000 },
    );
    await Promise.all(
      [1, 2, 3].map((i) =>
        s3.backend.write(new OutputLocation("suite", `1-linux/${i}`), bytesSource("hello"))
      ),
    );
    const listed = await Array.fromAsync(s3.backend.list(new OutputLocation("suite", "1-linux")));
    assert.equal(listed.length, 3);
    assert.equal((await s3.backend.stat(listed[0].location)).size, 5);
    await s3.backend.delete(listed[0].location);
    const off = `clock is 60 minutes ${hours > 0 ? "behind" : "ahead of"} the server's`;
    assert.deepEqual(notices, [`Signing requests with the server's time: this machine's ${off}`]);
  });
}

Deno.test("s3, errors: with a clock that is off a lack of permission is still one", async () => {
  const date = new Date(Date.now() + 3_600_000).toUTCString();
  await using server = stub(() => refusal(403, "AccessDenied", { date }));
  using backend = await createS3Backend(testOptions(server.url, quick));
  await rejectsWith(backend.read(at), "denied", "access denied: No. Really");
});

Deno.test("s3, errors: a missing network is reported with host and what to check", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${listener.addr.port}`;
  listener.close();
  using backend = await createS3Backend(testOptions(url, quick));
  await rejectsWith(backend.stat(at), "transient", "refused", url.slice(7), "--endpoint-url");
});

Deno.test("s3, errors: a server without TLS is reported as such, with advice", async () => {
  await using server = stub(() => new Response());
  using backend = await createS3Backend(testOptions(server.url.replace("http", "https"), quick));
  await rejectsWith(
    backend.stat(at),
    "transient",
    `the server does not speak TLS (${server.url.slice(7)}); try http:// in --endpoint-url`,
  );
});

Deno.test("s3, errors: without credentials a write fails before anything is sent", async () => {
  const seen: string[] = [];
  await using server = stub(({ method, headers }) => {
    seen.push(`${method} ${headers.has("authorization")}`);
    return new Response("hello", {
      headers: { etag: '"1"', "last-modified": new Date().toUTCString() },
    });
  });
  using backend = await createS3Backend(
    testOptions(server.url, { ...quick, credentials: undefined, noSignRequest: true }),
  );
  await rejectsWith(backend.write(at, bytesSource("x")), "unauthenticated", "--no-sign-request");
  await rejectsWith(backend.delete(at), "unauthenticated");
  await rejectsWith(backend.copy(at, at), "unauthenticated");
  assert.deepEqual(seen, []);
  await using body = await backend.read(at);
  for await (const chunk of body) assert.equal(new TextDecoder().decode(chunk), "hello");
  assert.deepEqual(seen, ["GET false"]);
});

for (const atOnce of [1, 20]) {
  Deno.test(`s3, errors: an expired session token is renewed once, for ${atOnce} concurrent requests`, async () => {
    let asked = 0;
    await using server = stub(async ({ headers }) => {
      const token = headers.get("x-amz-security-token");
      // Refusals come in at different times, some after the keys are renewed.
      if (token !== "2") await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
      return token === "2"
        ? new Response("hello", {
          headers: { etag: '"1"', "last-modified": new Date().toUTCString() },
        })
        : refusal(400, "ExpiredToken");
    });
    using backend = await createS3Backend(testOptions(server.url, {
      credentials: () =>
        Promise.resolve({ accessKeyId: "A", secretAccessKey: "B", sessionToken: `${++asked}` }),
    }));
    await Promise.all(Array.from({ length: atOnce }, async () => {
      await using body = await backend.read(at);
      for await (const _ of body) { /* to its end */ }
    }));
    assert.equal(asked, 2);
  });
}

Deno.test("s3: requests follow the bucket into its region", async () => {
  const scopes: string[] = [];
  await using server = stub(({ headers }) => {
    const region = /Credential=[^/]+\/\d+\/([^/]+)/.exec(headers.get("authorization")!)![1];
    scopes.push(region);
    return region === "eu-west-1"
      ? new Response("hello", {
        headers: { etag: '"1"', "last-modified": new Date().toUTCString() },
      })
      : refusal(301, "PermanentRedirect", { "x-amz-bucket-region": "eu-west-1" });
  });
  using backend = await createS3Backend(testOptions(server.url));
  for (let i = 0; i < 2; i++) {
    await using body = await backend.read(at);
    for await (const _ of body) { /* to its end */ }
  }
  assert.deepEqual(scopes, ["us-east-1", "eu-west-1", "eu-west-1"]);
});

Deno.test("s3: a list response that is HTML, empty or truncated is not an empty list", async () => {
  for (const body of ["<html><body>hi</body></html>", "", "<ListBucketResult><Name>a</Name>"]) {
    await using server = stub(() => new Response(body));
    using backend = await createS3Backend(testOptions(server.url, quick));
    await rejectsWith(Array.fromAsync(backend.list(at)), "transient", "not from an S3 server");
  }
});

Deno.test("s3: a delete with an HTML response has failed, one without a body has succeeded", async () => {
  await using server = await memoryS3();
  await server.backend.write(at, bytesSource("hello"));
  await using proxy = startFaultProxy(server.url);
  using backend = await createS3Backend(testOptions(proxy.url, quick));
  const when = (method: string) => method === "DELETE";
  proxy.set({ when, fault: { kind: "html" }, times: 2 });
  await rejectsWith(backend.delete(at), "transient", "not from an S3 server");
  assert.equal((await server.backend.stat(at)).size, 5);
  proxy.set({ when, fault: { kind: "html" } });
  await backend.delete(at);
  assert.deepEqual(await Array.fromAsync(server.backend.list(at.parent)), []);
});

Deno.test("s3: an upload whose abort has an HTML response stays in the journal, and a notice says so", async () => {
  await using temp = await tempDir();
  await using server = await memoryS3();
  await using proxy = startFaultProxy(server.url);
  const notices: string[] = [];
  using backend = await createS3Backend(testOptions(proxy.url, {
    ...quick,
    multipartThreshold: 1,
    journalDir: temp.path,
    onNotice: (message) => notices.push(message),
  }));
  proxy.set(
    { when: (method) => method === "DELETE", fault: { kind: "html" }, times: 2 },
    { when: (method) => method === "PUT", fault: { kind: "status", status: 403 } },
  );
  await rejectsWith(backend.write(at, bytesSource("hello")), "denied");
  assert.match(
    notices.join("\n"),
    /^An unfinished upload of s3:\/\/suite\/1-linux\/a is left .*$/,
  );
  assert.equal((await Array.fromAsync(Deno.readDir(temp.path))).length, 1);
});

Deno.test("s3: a server that rejects checksum headers works without them", async () => {
  const stored: string[] = [];
  await using server = stub((request) => {
    if (request.method === "HEAD") return new Response(null, { status: 404 });
    if (request.headers.has("x-amz-checksum-sha256")) return refusal(501, "NotImplemented");
    stored.push(request.headers.get("x-amz-content-sha256")!);
    return new Response(null, { headers: { etag: '"1"' } });
  });
  using backend = await createS3Backend(testOptions(server.url, quick));
  await backend.write(at, bytesSource("hello"));
  assert.deepEqual(stored, [createHash("sha256").update("hello").digest("hex")]);
});

for (const [partMiB, expected] of [[5, 16], [8, 16], [20, 40], [32, 64], [5120, 64]]) {
  Deno.test(`s3: with parts of ${partMiB} MiB, files from ${expected} MiB on go in parts`, async () => {
    const options = testOptions("http://127.0.0.1:9", { partSize: partMiB * 1024 ** 2 });
    assert.equal((await readSettings(options)).multipartThreshold, expected * 1024 ** 2);
  });
}

Deno.test("s3: parts grow so that the allowed number of them suffices", async () => {
  await using s3 = await memoryS3({ partSize: 5 * 1024 ** 2, multipartThreshold: 1, maxParts: 2 });
  const bytes = new Uint8Array(16_000_000).fill(7);
  const info = await s3.backend.write(at, bytesSource(bytes));
  assert.equal(info.etag.split("-")[1], "2");
});

Deno.test("s3: an object above the copy limit is copied in parts, with type and hash", async () => {
  await using s3 = await memoryS3({ copyLimit: 6_000_000 });
  const bytes = crypto.getRandomValues(new Uint8Array(65_536));
  const large = new Uint8Array(8_000_000);
  for (let i = 0; i < large.length; i += bytes.length) {
    large.set(bytes.subarray(0, Math.min(bytes.length, large.length - i)), i);
  }
  const { sha256 } = await s3.backend.write(at, bytesSource(large), { contentType: "text/plain" });
  const copied = await s3.backend.copy(at, new OutputLocation("suite", "2-linux/b"));
  assert.equal(copied.size, large.length);
  assert.equal(copied.sha256, sha256);
  assert.equal(copied.contentType, "text/plain");
  assert.equal(copied.etag.split("-")[1], "2");
});

Deno.test("s3: a copy that must not replace anything has the server see to it", async () => {
  const conditions: (string | null)[] = [];
  await using s3 = await memoryS3({
    fetch: (input, init) => {
      const { headers } = new Request(input, { ...init, body: undefined });
      if (headers.has("x-amz-copy-source")) conditions.push(headers.get("if-none-match"));
      return fetch(input, init);
    },
  });
  await s3.backend.write(at, bytesSource("a"));
  await s3.backend.copy(at, new OutputLocation("suite", "2-linux/b"), { ifAbsent: true });
  await s3.backend.copy(at, new OutputLocation("suite", "2-linux/b"));
  assert.deepEqual(conditions, ["*", null]);
});

Deno.test("s3: if no journal can be created, multipart uploads work without, and one notice says so", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, { "state": "a file in the way" });
  const notices: string[] = [];
  await using s3 = await memoryS3({
    multipartThreshold: 1,
    journalDir: `${temp.path}/state/uploads`,
    onNotice: (message) => notices.push(message),
  });
  for (const name of ["a", "b"]) {
    const location = new OutputLocation("suite", `1-linux/${name}`);
    const { size } = await s3.backend.write(location, bytesSource("hello"));
    assert.equal(size, 5);
  }
  assert.equal(notices.length, 1, notices.join("\n"));
  assert.match(notices[0], /^Cannot write '.*uploads': .*; an interrupted upload can't be/);
});

Deno.test("s3: a journal that can't be written any more does not fail its upload", async () => {
  await using temp = await tempDir();
  const notices: string[] = [];
  const onNotice = (message: string) => notices.push(message);
  const options = testOptions("http://127.0.0.1:9", { journalDir: temp.path, onNotice });
  using session = new Session(await readSettings(options));
  const journal = await UploadJournal.open(session, at);
  // Its file is closed, so each write to it fails.
  journal[Symbol.dispose]();
  const identity = { size: 1, partSize: 1, sha256: "", contentType: "", checksums: false };
  journal.begin("id", identity);
  journal.note({ number: 1, etag: '"e"' });
  await journal.remove();
  assert.equal(notices.length, 1, notices.join("\n"));
  assert.deepEqual(await Array.fromAsync(Deno.readDir(temp.path)), []);
});

Deno.test("s3: a slow response is not treated as stalled", async () => {
  const stallTimeout = 2000;
  const xml = "<ListBucketResult><Name>suite</Name><IsTruncated>false</IsTruncated>" +
    `<KeyCount>0</KeyCount>${" ".repeat(2000)}</ListBucketResult>`;
  let took = 0;
  await using server = stub(() => {
    const began = performance.now();
    let next = 0;
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        took = performance.now() - began;
        if (next >= xml.length) return controller.close();
        // A piece is progress, and each comes long before the limit.
        const size = took > 1.2 * stallTimeout ? xml.length : LEAST_RATE * stallTimeout / 1000;
        controller.enqueue(new TextEncoder().encode(xml.slice(next, next += size)));
        await new Promise((resolve) => setTimeout(resolve, stallTimeout / 20));
      },
    });
    return new Response(body, { headers: { "content-type": "application/xml" } });
  });
  const retry = { maxAttempts: 1 };
  using backend = await createS3Backend(testOptions(server.url, { retry, stallTimeout }));
  assert.deepEqual(await Array.fromAsync(backend.list(at)), []);
  assert(took > stallTimeout, "it was not slow");
});

Deno.test("s3: a list goes over all pages", async () => {
  let requests = 0;
  await using s3 = await memoryS3({ fetch: (...args) => (requests++, fetch(...args)) });
  for (let i = 0; i < 1100; i += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, j) =>
      s3.backend.write(
        new OutputLocation("suite", `1-linux/${String(i + j).padStart(5, "0")}`),
        bytesSource("x"),
      )));
  }
  const found = await Array.fromAsync(s3.backend.list(new OutputLocation("suite", "1-linux")));
  assert.equal(found.length, 1100);

  await s3.backend.write(new OutputLocation("suite", "top"), bytesSource("x"));
  requests = 0;
  const top = s3.backend.list(new OutputLocation("suite", ""), { recursive: false });
  assert.deepEqual((await Array.fromAsync(top)).map((info) => info.location.key), ["top"]);
  assert.equal(requests, 1, "what is further down takes no pages of its own");
});

for (
  const [name, options, text] of [
    ["endpoint URL", { endpointUrl: "localhost:9000" }, "http://HOST"],
    ["part size", { partSize: 0 }, "greater than 0"],
    [
      "AWS_MAX_ATTEMPTS",
      { env: (n: string) => n === "AWS_MAX_ATTEMPTS" ? "many" : undefined },
      "greater than 0",
    ],
    ["profile", { profile: "nobody-has-this" }, "nobody-has-this"],
  ] as [string, S3BackendOptions, string][]
) {
  Deno.test(`s3, settings: a bad ${name} is named`, async () => {
    await rejectsWith(createS3Backend({ env: () => undefined, ...options }), "invalid", name, text);
  });
}
