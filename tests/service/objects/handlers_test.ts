/** Files of runs over HTTP, the same from each storage. */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { Handler, ServiceContext } from "../../../src/service/context.ts";
import {
  capabilityHandler,
  fileHandler,
  reportHandler,
} from "../../../src/service/objects/handlers.ts";
import type { StorageBackend } from "../../../src/storage/backend.ts";
import { readOutputs } from "../../../src/operations/manifest/read.ts";
import { formatRemoved, REMOVED_SCHEMA, removedRecord } from "../../../src/runs/removed.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { noise, sha256 } from "../../support/bytes.ts";
import { changed } from "../../support/changed_backend.ts";
import { rejectsWith } from "../../support/errors.ts";
import { putRun, rootOf, STORAGES } from "../../support/retained.ts";
import { ask, type AskOptions, NOW, serviceContext } from "../../support/service_request.ts";
import type { RunOutputsError } from "../../../src/errors/error.ts";
import type { HttpProblem } from "../../../src/service/problem.ts";

const KEY = "12345-linux";

interface Case {
  readonly backend: StorageBackend;
  readonly context: ServiceContext;
  /** Asks for a file of the run. */
  get(path: string, options?: AskOptions): Promise<Response>;
}

function test(name: string, fn: (c: Case) => Promise<void>, only = Object.keys(STORAGES)): void {
  for (const kind of only) {
    Deno.test(`files over HTTP, ${kind}: ${name}`, async () => {
      await using subject = await STORAGES[kind]();
      const { backend, bucket } = subject;
      const dir = backend instanceof LocalBackend ? backend.stagingDir : undefined;
      const context = serviceContext(backend, { bucket, dir });
      await putRun(backend, KEY, {
        parts: { p: ["logs/g/build.log"] },
        files: ["logs/g/free.log"],
      });
      await fn({
        backend,
        context,
        get: (path, options) => files(fileHandler, context, path, options),
      });
    });
  }
}

function files(
  handler: Handler,
  context: ServiceContext,
  path: string,
  options?: AskOptions,
): Promise<Response> {
  const tree = handler === reportHandler ? "reports" : "files";
  return ask(
    handler,
    context,
    `retained-runs/{run}/${tree}`,
    `retained-runs/${KEY}/${tree}/${path}`,
    options,
  );
}

/** What a request fails with: its status and headers. */
async function problemOf(promise: Promise<Response>): Promise<HttpProblem> {
  const error = await promise.then(() => assert.fail("it does not fail"), (error) => error);
  return (error as RunOutputsError).cause as HttpProblem;
}

const put = (backend: StorageBackend, path: string, content: string | Uint8Array) =>
  backend.write(rootOf(KEY).file(path), bytesSource(content));

test("a file has its hash as a strong tag, from the storage or the manifest", async ({ get }) => {
  const hash = sha256("logs/g/build.log");
  const response = await get("logs/g/build.log");
  assert.equal(response.status, 200);
  assert.equal(await response.text(), "logs/g/build.log");
  const { headers } = response;
  assert.equal(headers.get("etag"), `"sha256-${hash}"`);
  const digest = btoa(String.fromCharCode(...hash.match(/../g)!.map((hex) => parseInt(hex, 16))));
  assert.equal(headers.get("repr-digest"), `sha-256=:${digest}:`);
  assert.equal(headers.get("content-length"), "16");
  assert.equal(headers.get("content-type"), "text/plain; charset=utf-8");
  assert.equal(headers.get("accept-ranges"), "bytes");
  assert.equal(headers.get("cache-control"), "no-cache, no-transform");
  assert.equal(headers.get("content-disposition"), null);
  assert.equal(headers.get("content-encoding"), null);
  assert.match(headers.get("content-security-policy")!, /^sandbox allow-scripts /);
  assert.doesNotMatch(headers.get("content-security-policy")!, /same-origin/);
  assert.match(headers.get("last-modified")!, / GMT$/);
});

test(
  "without a hash, the tag is one of the version, without the inode",
  async ({ get, backend }) => {
    const etag = (await get("logs/g/free.log")).headers.get("etag")!;
    assert.match(etag, /^"[A-Za-z0-9_-]{23}"$/);
    assert.equal((await get("logs/g/free.log")).headers.get("etag"), etag);
    assert.equal((await get("logs/g/free.log")).headers.get("repr-digest"), null);
    const dir = (backend as LocalBackend).stagingDir;
    const { ino } = await Deno.stat(join(dir, KEY, "logs/g/free.log"));
    assert(!etag.includes(String(ino)));
    await put(backend, "logs/g/free.log", "12345678901234");
    assert.notEqual((await get("logs/g/free.log")).headers.get("etag"), etag);
  },
  ["disk"],
);

test("a file that was replaced after its manifest has another tag", async ({ get, backend }) => {
  const path = join((backend as LocalBackend).stagingDir, KEY, "logs/g/build.log");
  const part = join((backend as LocalBackend).stagingDir, KEY, "manifests/outputs/p.json");
  await Deno.utime(part, new Date(5000), new Date(5000));
  for (const [seconds, listed] of [[4, true], [5, true], [6, false]] as const) {
    await Deno.utime(path, new Date(seconds * 1000), new Date(seconds * 1000));
    const etag = (await get("logs/g/build.log")).headers.get("etag")!;
    assert.equal(etag.startsWith('"sha256-'), listed, `written after ${seconds} s`);
  }
}, ["disk"]);

test("a download that began before the manifest continues", async ({ get, backend }) => {
  const before = (await get("logs/g/free.log")).headers.get("etag")!;
  const root = rootOf(KEY);
  await backend.delete(root.outputsManifest("p"));
  const dir = (backend as LocalBackend).stagingDir;
  const context = serviceContext(backend, { dir });
  await putRun(backend, KEY, { parts: { q: [] } });
  const { manifestPart, outputFile, putPart } = await import("../../support/manifest.ts");
  await putPart(
    backend,
    root,
    manifestPart("q", [outputFile("logs/g/free.log")], {
      run: { run_id: "12345", platform: "linux" },
    }),
  );
  const headers = { range: "bytes=5-", "if-range": before };
  const rest = await files(fileHandler, context, "logs/g/free.log", { headers });
  assert.equal(rest.status, 206);
  assert.equal(await rest.text(), "g/free.log");
  assert.equal(rest.headers.get("etag"), `"sha256-${sha256("logs/g/free.log")}"`);
  const again = { headers: { "if-none-match": before } };
  assert.equal((await files(fileHandler, context, "logs/g/free.log", again)).status, 304);
}, ["disk"]);

test("HEAD has the headers of GET and no body", async ({ get }) => {
  const [got, head] = [
    await get("logs/g/build.log"),
    await get("logs/g/build.log", { method: "HEAD", headers: { range: "bytes=0-1" } }),
  ];
  await got.body?.cancel();
  assert.equal(head.status, 200);
  assert.equal(head.body, null);
  assert.deepEqual([...head.headers], [...got.headers]);
});

test("conditions: 304 has the validators and no content, 412 is a problem", async ({ get }) => {
  const etag = (await get("logs/g/build.log")).headers.get("etag")!;
  const same = await get("logs/g/build.log", {
    headers: { "if-none-match": etag, range: "bytes=0-1" },
  });
  assert.equal(same.status, 304);
  assert.equal(same.body, null);
  assert.equal(same.headers.get("etag"), etag);
  assert.equal(same.headers.get("content-type"), null);
  const failed = get("logs/g/build.log", { headers: { "if-match": '"other"' } });
  await rejectsWith(failed, "conflict", "build.log", "does not match the condition");
  assert.equal((await problemOf(failed)).status, 412);
});

test("ranges: one, several, none in the file", async ({ get }) => {
  const one = await get("logs/g/build.log", { headers: { range: "bytes=5-8" } });
  assert.equal(one.status, 206);
  assert.equal(one.headers.get("content-range"), "bytes 5-8/16");
  assert.equal(one.headers.get("content-length"), "4");
  assert.equal(await one.text(), "g/bu");
  const two = await get("logs/g/build.log", { headers: { range: "bytes=0-1,14-" } });
  assert.equal(two.status, 206);
  const boundary = /^multipart\/byteranges; boundary=(\S+)$/
    .exec(two.headers.get("content-type")!)![1];
  const text = await two.text();
  assert.equal(two.headers.get("content-length"), String(text.length));
  const parts = text.split(`--${boundary}`);
  assert.equal(parts.length, 4);
  assert.match(parts[1], /Content-Range: bytes 0-1\/16\r\n\r\nlo\r\n$/);
  assert.match(parts[2], /Content-Range: bytes 14-15\/16\r\n\r\nog\r\n$/);
  const past = get("logs/g/build.log", { headers: { range: "bytes=16-" } });
  await rejectsWith(past, "invalid", "its size is 16");
  const { status, headers } = await problemOf(past);
  assert.deepEqual([status, headers["content-range"]], [416, "bytes */16"]);
  const stale = { range: "bytes=5-8", "if-range": '"other"' };
  assert.equal((await get("logs/g/build.log", { headers: stale })).status, 200);
});

test("large files are streams, whole and in ranges", async ({ get, backend }) => {
  const bytes = noise(3_000_000, 1);
  await put(backend, "big.tar.zst", bytes);
  const whole = await get("big.tar.zst");
  assert(whole.body instanceof ReadableStream);
  assert.equal(sha256(new Uint8Array(await whole.arrayBuffer())), sha256(bytes));
  const part = await get("big.tar.zst", { headers: { range: "bytes=1000000-2500000" } });
  assert.deepEqual(new Uint8Array(await part.arrayBuffer()), bytes.slice(1_000_000, 2_500_001));
  const cancelled = await get("big.tar.zst");
  const reader = cancelled.body!.getReader();
  await reader.read();
  // The test would report a file that stays open.
  await reader.cancel();
});

test("a version that is replaced midway ends the body", async ({ backend, context }) => {
  await put(backend, "big.tar.zst", noise(3_000_000, 1));
  let reads = 0;
  const replacing = changed(backend, {
    async read(location, options) {
      if (reads++ > 0) await put(backend, "big.tar.zst", noise(3_000_000, reads));
      return await backend.read(location, options);
    },
  });
  const several = { headers: { range: "bytes=0-999999,2000000-2999999" } };
  const replaced = serviceContext(replacing, { bucket: context.bucket });
  const response = await files(fileHandler, replaced, "big.tar.zst", several);
  await assert.rejects(response.arrayBuffer(), (reason) => /big\.tar\.zst/.test(String(reason)));
}, ["memory", "s3"]);

test("a version that is replaced before its first byte is opened again", async (c) => {
  const { backend, context } = c;
  await put(backend, "a.log", "first");
  let stats = 0;
  const replacing = changed(backend, {
    async stat(location, options) {
      const info = await backend.stat(location, options);
      if (location.name === "a.log" && stats++ === 0) await put(backend, "a.log", "second");
      return info;
    },
  });
  const replaced = serviceContext(replacing, { bucket: context.bucket });
  const response = await files(fileHandler, replaced, "a.log");
  assert.equal(await response.text(), "second");
  assert.equal(stats, 2);
}, ["memory", "s3"]);

/** Types: the path, what a browser may do with it. */
const TYPES: readonly (readonly [string, string, string | null])[] = [
  ["a.html", "text/html; charset=utf-8", null],
  ["a.svg", "image/svg+xml", null],
  ["a.png", "image/png", null],
  ["a.json", "application/json; charset=utf-8", null],
  ["logs/NAMELESS", "text/plain; charset=utf-8", null],
  ["a.pdf", "application/pdf", `attachment; filename="a.pdf"; filename*=UTF-8''a.pdf`],
  ["a.bin", "application/octet-stream", `attachment; filename="a.bin"; filename*=UTF-8''a.bin`],
  [
    `ü "q" \\;%'*.tar.zst`,
    "application/zstd",
    `attachment; filename="_ _q_ _____.tar.zst"; ` +
    "filename*=UTF-8''%C3%BC%20%22q%22%20%5C%3B%25%27%2A.tar.zst",
  ],
];

test("types: what a browser must not show is saved under its name", async ({ get, backend }) => {
  for (const [path, type, disposition] of TYPES) {
    await put(backend, path, "x");
    const { headers } = await get(path);
    assert.equal(headers.get("content-type"), type);
    assert.equal(headers.get("content-disposition"), disposition);
  }
}, ["memory", "disk"]);

test("a time in the future is not sent", async ({ get, backend }) => {
  const path = join((backend as LocalBackend).stagingDir, KEY, "logs/g/free.log");
  const future = new Date(NOW.getTime() + 86_400_000);
  await Deno.utime(path, future, future);
  assert.equal((await get("logs/g/free.log")).headers.get("last-modified"), NOW.toUTCString());
}, ["disk"]);

test("directories: a redirect, a listing, and files that are not ones", async ({ get }) => {
  const redirect = await get("logs?list");
  assert.deepEqual([redirect.status, redirect.headers.get("location")], [301, "logs/?list="]);
  const listing = await get("logs/g/");
  assert.equal(listing.status, 200);
  assert.equal(listing.headers.get("content-type"), "text/html; charset=utf-8");
  assert.match(listing.headers.get("content-security-policy")!, /^default-src 'none';/);
  const links = [...(await listing.text()).matchAll(/href="([^"]*)"/g)].map(([, href]) => href);
  assert.deepEqual(links, ["../", "build.log", "free.log"]);
  const root = await (await get("")).text();
  assert.deepEqual([...root.matchAll(/href="([^"]*)"/g)].map(([, href]) => href), [
    "logs/",
    "manifests/",
  ]);
  for (const path of ["logs/g/build.log/", "missing/", "missing", "logs/g/build.log/x"]) {
    assert.equal((await problemOf(get(path))).status, 404, path);
  }
});

test(
  "a listing shows odd names, escaped, and none of run-outputs' own",
  async ({ get, backend }) => {
    const odd = `gfx942:xnack+ <b>"'&%20#.log`;
    await put(backend, `odd/${odd}`, "x");
    await put(backend, "odd/.hidden", "x");
    if (backend instanceof LocalBackend) {
      const dir = join(backend.stagingDir, KEY, "odd");
      await Deno.writeTextFile(join(dir, ".run-outputs-tmp-1"), "x");
      await Deno.mkdir(join(dir, ".run-outputs-dir-1"));
      await Deno.writeTextFile(join(dir, ".run-outputs-dir-1/x"), "x");
      await Deno.symlink("/etc", join(dir, "link"));
    } else await put(backend, "odd/.run-outputs-tmp-1", "x");
    const html = await (await get("odd/")).text();
    const hrefs = [...html.matchAll(/href="([^"]*)"/g)].map(([, href]) => href);
    assert.deepEqual(hrefs.map(decodeURIComponent), ["../", ".hidden", odd]);
    assert(html.includes("gfx942:xnack+ &lt;b&gt;&quot;&#39;&amp;%20#.log</a>"));
    assert.equal(await (await get(`odd/${odd}`)).text(), "x");
    for (const own of ["odd/.run-outputs-tmp-1", "odd/.run-outputs-dir-1/x", "odd/link/passwd"]) {
      assert.equal((await problemOf(get(own))).status, 404, own);
    }
  },
  ["memory", "disk"],
);

const HTML = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };

test("a stored page is for those who name HTML, and for reports", async ({ get, backend, context }) => {
  await put(backend, "logs/index.html", "<p>stored");
  assert.match(await (await get("logs/")).text(), /Index of logs\/ of 12345-linux/);
  assert.match(await (await get("logs/", { headers: { accept: "*/*" } })).text(), /Index of/);
  const page = await get("logs/", { headers: HTML });
  assert.equal(await page.text(), "<p>stored");
  assert.match(page.headers.get("vary")!, /accept.*sec-fetch-dest/);
  assert.match(await (await get("logs/?list", { headers: HTML })).text(), /Index of/);
  const report = await files(reportHandler, context, "logs/");
  assert.equal(await report.text(), "<p>stored");
  assert.match(await (await files(reportHandler, context, "logs/g/")).text(), /Index of/);
});

test("what retention has removed: 410, with the time, the rule and the hash", async (c) => {
  const { backend, context, get } = c;
  const root = rootOf(KEY, context.bucket);
  const path = "logs/g/build.log";
  const { parts } = await readOutputs(backend, root);
  const at = "2026-11-01T00:00:00.000Z";
  const record = { schema: REMOVED_SCHEMA, tool: "run-outputs/0.0.0" } as const;
  const versions = parts.map(({ head: { part, created_at } }) => ({ part, created_at }));
  await backend.write(
    removedRecord(root),
    bytesSource(formatRemoved({
      ...record,
      removals: [{ at, rule: "older than 90d", kinds: ["log"], parts: versions, finished_at: at }],
    })),
  );
  // It is still there, so it was not removed.
  assert.equal((await get(path)).status, 200);
  await backend.delete(root.file(path));
  const { status, type, details } = await problemOf(get(path));
  assert.deepEqual([status, type], [410, "removed"]);
  assert.deepEqual(details, {
    run: KEY,
    path,
    removed_at: at,
    rule: "older than 90d",
    size: path.length,
    sha256: sha256(path),
  });
  assert.equal((await problemOf(get("logs/g/never.log"))).status, 404);
  await backend.write(removedRecord(root), bytesSource("{"));
  assert.equal((await problemOf(get(path))).status, 404);
});

test("unknown runs, and those with several platforms", async ({ backend, context }) => {
  const at = (path: string) =>
    ask(fileHandler, context, "retained-runs/{run}/files", `retained-runs/${path}`);
  await rejectsWith(at("9-linux/files/a"), "not_found", "No run '9-linux'");
  await rejectsWith(at("nothing/files/a"), "not_found", "No run 'nothing'");
  assert.equal(await (await at("12345/files/logs/g/free.log")).text(), "logs/g/free.log");
  await putRun(backend, "12345-windows", { files: ["a.log"] });
  await rejectsWith(at("12345/files/logs/g/free.log"), "conflict", "12345-linux or 12345-windows");
  const chosen = await at("12345/files/a.log?platform=windows");
  assert.equal(await chosen.text(), "a.log");
});

test("what is being deleted on a disk has no key", async ({ backend, context }) => {
  const dir = (backend as LocalBackend).stagingDir;
  for (const name of [".run-outputs-trash-1", ".run-outputs-check-1"]) {
    await Deno.mkdir(join(dir, name, "7-linux"), { recursive: true });
    await Deno.writeTextFile(join(dir, name, "7-linux/a.log"), "x");
    const path = `retained-runs/${name}~7-linux/files/a.log`;
    const promise = ask(fileHandler, context, "retained-runs/{run}/files", path);
    await rejectsWith(promise, "not_found");
    await rejectsWith(context.index.find(`${name}~7-linux`), "not_found", "No run");
  }
}, ["disk"]);

const DOCUMENT = { "sec-fetch-dest": "document" };

/** The capability of the first redirect to it. */
async function redirected(c: Case, path: string, headers: Record<string, string> = DOCUMENT) {
  const response = await c.get(path, { headers });
  assert.equal(response.status, 303, path);
  assert.equal(response.headers.get("cache-control"), "no-store");
  return response.headers.get("location")!;
}

const open = (context: ServiceContext, path: string, options?: AskOptions) =>
  ask(capabilityHandler, context, "u/{capability}/{run}", path, options);

test("a document is shown below a path of its own, where any origin may read", async (c) => {
  await put(c.backend, "logs/g/report.html", "<script>");
  await put(c.backend, "logs/g/data.json", "{}");
  const location = await redirected(c, "logs/g/report.html?x=1");
  assert.match(
    location,
    /^(\.\.\/){5}u\/\d+\.[A-Za-z0-9_-]{43}\/12345-linux\/logs\/g\/report\.html\?x=1$/,
  );
  const path = location.replace(/^(\.\.\/)+/, "").replace(/\?.*/, "");
  const page = await open(c.context, path, { headers: DOCUMENT });
  assert.equal(page.status, 200);
  assert.equal(page.headers.get("access-control-allow-origin"), "*");
  assert.equal(page.headers.get("cross-origin-resource-policy"), "cross-origin");
  assert.equal(page.headers.get("cross-origin-opener-policy"), "unsafe-none");
  assert.match(page.headers.get("content-security-policy")!, /^sandbox allow-scripts /);
  await page.body?.cancel();
  const data = await open(c.context, path.replace("report.html", "data.json"));
  assert.equal(await data.text(), "{}");
  assert.equal(data.headers.get("access-control-allow-origin"), "*");
  const listing = await open(c.context, path.replace("report.html", ""));
  assert.match(await listing.text(), /Index of/);
  assert.equal(listing.headers.get("access-control-allow-origin"), "*");
});

test("only documents are redirected, only in windows and frames", async (c) => {
  await put(c.backend, "a.html", "x");
  await put(c.backend, "a.svg", "x");
  await put(c.backend, "a.xml", "x");
  await put(c.backend, "d/index.html", "x");
  for (const dest of ["document", "iframe", "frame", "embed", "object"]) {
    await redirected(c, "a.html", { "sec-fetch-dest": dest });
  }
  await redirected(c, "a.svg");
  await redirected(c, "a.xml");
  assert.match(await redirected(c, "d/", { ...DOCUMENT, ...HTML }), /\/12345-linux\/d\/$/);
  const plain = [
    ["a.html", {}],
    ["a.html", { "sec-fetch-dest": "empty" }],
    ["a.svg", { "sec-fetch-dest": "image" }],
    ["logs/g/free.log", DOCUMENT],
    ["logs/g/", { ...DOCUMENT, ...HTML }],
  ] as const;
  for (const [path, headers] of plain) {
    const response = await c.get(path, { headers: headers as Record<string, string> });
    assert.equal(response.status, 200, path);
    assert.equal(response.headers.get("access-control-allow-origin"), null);
    await response.body?.cancel();
  }
}, ["memory", "disk"]);

test("a capability is for one run, 12 hours and this process", async ({ backend, context }) => {
  await put(backend, "a.html", "x");
  await putRun(backend, "12346-linux", { files: ["a.html"] });
  let now = NOW;
  const dir = backend instanceof LocalBackend ? backend.stagingDir : undefined;
  const clock = serviceContext(backend, { bucket: context.bucket, dir, now: () => now });
  const first = await files(fileHandler, clock, "a.html", { headers: DOCUMENT });
  const path = first.headers.get("location")!.replace(/^(\.\.\/)+/, "");
  const status = async (path: string, context = clock) => {
    const response = await open(context, path);
    await response.body?.cancel();
    return response.status === 303 ? response.headers.get("location") : response.status;
  };
  assert.equal(await status(path), 200);
  assert.equal(
    await status(path.replace(KEY, "12346-linux")),
    "../../../retained-runs/12346-linux/reports/a.html",
  );
  const [, expiry, mac] = /u\/(\d+)\.([^/]+)/.exec(path)!;
  const stable = "../../../retained-runs/12345-linux/reports/a.html";
  for (
    const other of [
      `${Number(expiry) + 1}.${mac}`,
      `${expiry}.${mac.replace(/^./, (c) => c === "A" ? "B" : "A")}`,
      `${expiry}.`,
      `0${expiry}.${mac}`,
      "x",
    ]
  ) assert.equal(await status(path.replace(/u\/[^/]+/, `u/${other}`)), stable, other);
  assert.equal(await status(path.replace(KEY, "12345")), stable, "the key is needed");
  now = new Date(NOW.getTime() + 12 * 3_600_000 - 1000);
  assert.equal(await status(path), 200);
  now = new Date(NOW.getTime() + 12 * 3_600_000);
  assert.equal(await status(path), stable);
  now = NOW;
  assert.equal(await status(path, serviceContext(backend, { dir })), stable, "another process");
}, ["memory", "disk"]);
