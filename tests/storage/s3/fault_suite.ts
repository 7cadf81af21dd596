/**
 * What becomes of transfers on bad days: each kind of fault, up and down, at several points.
 *
 * After each the final state is correct, nothing partial was ever visible, and the error, if there
 * is one, has the right code and one line.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { RunOutputsError } from "../../../src/errors/error.ts";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { download } from "../../../src/storage/transfer/download.ts";
import { createS3Backend, type S3Backend } from "../../../src/storage/s3/backend.ts";
import { fileItem, upload } from "../../../src/storage/transfer/upload.ts";
import { type Fault, type FaultProxy, startFaultProxy } from "../../support/fault_proxy.ts";
import { testOptions } from "../../support/s3_subject.ts";
import { tempDir } from "../../support/temp_dir.ts";
import type { Subject } from "../backend_suite.ts";

/** A server to put the proxy in front of. */
export type OpenServer = () => Promise<
  Subject & { readonly backend: S3Backend; readonly url: string }
>;

/** Options of {@linkcode faultSuite}. */
export interface FaultSuiteOptions {
  /** The server lists multipart uploads, so what is left of them can be counted. */
  readonly listsUploads?: boolean;
  /** Only faults of this kind, so that files that run side by side divide them. Default: all. */
  readonly only?: (typeof GROUPS)[number];
}

/** In which direction, and how often. */
const GROUPS = ["up, once", "up, always", "down, once", "down, always"] as const;

const SIZE = 6_000_000;

const isUpload = (method: string, path: string) => method === "PUT" && path.includes("/1-linux/");
const isDownload = (method: string, path: string) => method === "GET" && path.includes("/1-linux/");

const STATUS: readonly Fault[] = [
  { kind: "status", status: 503 },
  { kind: "status", status: 503, retryAfter: 1 },
  { kind: "status", status: 429, retryAfter: 1 },
  { kind: "status", status: 500 },
  { kind: "html" },
  { kind: "html", status: 502 },
];

const POINTS = [0, 1, 70_000, 3_000_000];

const UP: readonly Fault[] = [
  ...STATUS,
  { kind: "lost" },
  ...POINTS.flatMap((at): Fault[] => [
    { kind: "cut", on: "request", at },
    { kind: "stall", on: "request", at },
    { kind: "flip", on: "request", at },
  ]),
];

const DOWN: readonly Fault[] = [
  ...STATUS,
  { kind: "lost" },
  ...POINTS.flatMap((at): Fault[] => [
    { kind: "cut", on: "response", at },
    { kind: "stall", on: "response", at },
    { kind: "flip", on: "response", at },
    { kind: "truncate", at },
  ]),
];

/** Registers the tests of faults for a server. */
export function faultSuite(name: string, open: OpenServer, options: FaultSuiteOptions = {}): void {
  const content = noise(SIZE);
  const sha256 = createHash("sha256").update(content).digest("hex");

  const test = (title: string, run: (c: Case) => Promise<void>, fault?: Fault) =>
    (options.only === undefined || title.startsWith(options.only)) &&
    Deno.test(`${name}, faults: ${title}`, async () => {
      await using server = await open();
      const one = async (parts: boolean) => {
        await using proxy = startFaultProxy(server.url);
        await using dir = await tempDir();
        const file = `${dir.path}/from.bin`;
        await Deno.writeFile(file, content);
        using backend = await createS3Backend(testOptions(proxy.url, {
          // A busy machine stalls by itself: only who waits for it to happen waits so briefly.
          stallTimeout: fault?.kind === "stall" ? 700 : 20_000,
          retry: { maxAttempts: 3, baseDelay: 5, maxDelay: 500, maxElapsed: 20_000 },
          partSize: 5 * 1024 ** 2,
          multipartThreshold: parts ? 1 : 100_000_000,
        }));
        const at = new OutputLocation(server.bucket, `1-linux/${parts}.bin`);
        await run({ server, proxy, backend, at, file, dir: dir.path, parts });
      };
      // Most of it is waiting, so both wait at once; neither leaves before the other has ended.
      const ended = await Promise.allSettled([one(false), one(true)]);
      for (const result of ended) if (result.status === "rejected") throw result.reason;
      if (!options.listsUploads) return;
      const left = await Array.fromAsync(
        server.backend.listStaleUploads(new OutputLocation(server.bucket, "")),
      );
      assert.deepEqual(left, []);
    });

  for (const fault of UP) {
    test(`up, once: ${describe(fault)}`, async ({ server, proxy, backend, at, file }) => {
      proxy.set({ when: isUpload, fault });
      const [result] = await upload(backend, [fileItem(at, file)]);
      assert.equal(result.outcome, "written", result.error?.message);
      assert(proxy.count > 0, "the fault did not happen");
      assert.equal(await hashOf(server.backend, at), sha256);
      assert.equal((await server.backend.stat(at)).sha256, sha256);
    }, fault);
  }

  for (const fault of UP) {
    test(`up, always: ${describe(fault)}`, async ({ server, proxy, backend, at, file }) => {
      await server.backend.write(at, bytesSource("old"));
      proxy.set({ when: isUpload, fault, times: Infinity });
      const [result] = await upload(backend, [fileItem(at, file)]);
      if (fault.kind === "lost") {
        // What is there tells what the answers would have told.
        assert.equal(result.outcome, "written", result.error?.message);
        assert.equal(await hashOf(server.backend, at), sha256);
        return;
      }
      assert.equal(result.outcome, "failed");
      oneLine(result.error, fault.kind === "flip" ? ["integrity"] : ["transient"], at.s3Uri);
      assert.equal(
        await hashOf(server.backend, at),
        createHash("sha256").update("old").digest("hex"),
      );
    }, fault);
  }

  for (const fault of DOWN) {
    test(`down, once: ${describe(fault)}`, async ({ server, proxy, backend, at, dir, parts }) => {
      await server.backend.write(at, bytesSource(content));
      proxy.set({ when: isDownload, fault });
      const path = `${dir}/to-${parts}.bin`;
      const [result] = await download(backend, [{ location: at, path }]);
      assert(proxy.count > 0, "the fault did not happen");
      if (fault.kind === "flip") {
        // No server says that a byte was altered on its way down: the recorded hash does.
        oneLine(result.error, ["integrity"], "checksum mismatch");
        assert.deepEqual(await names(dir), ["from.bin"]);
        const [again] = await download(backend, [{ location: at, path }]);
        assert.equal(again.outcome, "written", again.error?.message);
      } else assert.equal(result.outcome, "written", result.error?.message);
      assert.equal(createHash("sha256").update(await Deno.readFile(path)).digest("hex"), sha256);
      await Deno.remove(path);
    }, fault);
  }

  for (const fault of DOWN) {
    test(`down, always: ${describe(fault)}`, async ({ server, proxy, backend, at, dir }) => {
      await server.backend.write(at, bytesSource(content));
      proxy.set({ when: isDownload, fault, times: Infinity });
      const path = `${dir}/to.bin`;
      await Deno.writeTextFile(path, "old");
      const [result] = await download(backend, [{ location: at, path, sha256 }]);
      // What gets on a little with each attempt arrives in the end.
      if (result.outcome === "written") {
        assert("at" in fault && fault.at > 1_000_000, "arrived through a wall");
        assert.equal(createHash("sha256").update(await Deno.readFile(path)).digest("hex"), sha256);
        return;
      }
      oneLine(result.error, fault.kind === "flip" ? ["integrity"] : ["transient"]);
      assert.equal(await Deno.readTextFile(path), "old");
    }, fault);
  }

  test("up, once: a server that asks to slow down still gets all files", async (c) => {
    const items = [];
    for (let i = 0; i < 24; i++) {
      const path = `${c.dir}/small${i}`;
      await Deno.writeTextFile(path, `content ${i}`);
      items.push(fileItem(new OutputLocation(c.server.bucket, `1-linux/s${i}-${c.parts}`), path));
    }
    c.proxy.set({ when: isUpload, fault: { kind: "status", status: 503 }, times: 2 });
    const results = await upload(c.backend, items, { concurrency: 16 });
    assert.deepEqual(results.filter((r) => r.outcome === "failed").map((r) => r.error), []);
    assert.equal(c.proxy.count, 2);
    for (const item of items) await c.server.backend.delete(item.location);
  });
}

interface Case {
  readonly server: Subject & { readonly backend: S3Backend };
  readonly proxy: FaultProxy;
  readonly backend: S3Backend;
  readonly at: OutputLocation;
  readonly file: string;
  readonly dir: string;
  readonly parts: boolean;
}

function describe(fault: Fault): string {
  const { kind, ...rest } = fault;
  return [kind, ...Object.entries(rest).map(([name, value]) => `${name} ${value}`)].join(" ");
}

function oneLine(error: Error | undefined, codes: readonly string[], ...texts: string[]): void {
  assert(error instanceof RunOutputsError, `${error}`);
  assert(codes.includes(error.code), `${error.code}: ${error.message}`);
  assert(!error.message.includes("\n") && error.message.startsWith("Cannot "), error.message);
  for (const text of texts) assert(error.message.includes(text), error.message);
}

async function hashOf(backend: S3Backend, location: OutputLocation): Promise<string> {
  const hash = createHash("sha256");
  await using body = await backend.read(location);
  for await (const chunk of body) hash.update(chunk);
  return hash.digest("hex");
}

async function names(dir: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(dir))).map((entry) => entry.name).sort();
}

function noise(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i += 65_536) {
    crypto.getRandomValues(bytes.subarray(i, Math.min(size, i + 65_536)));
  }
  return bytes;
}
