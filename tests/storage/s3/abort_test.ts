/** Uploads in parts that the caller stops while the server begins them. */

import assert from "node:assert/strict";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { createS3Backend, type S3Backend } from "../../../src/storage/s3/backend.ts";
import { memoryS3, testOptions } from "../../support/s3_subject.ts";
import { tempDir } from "../../support/temp_dir.ts";

const from = new OutputLocation("suite", "1-linux/a");
const to = new OutputLocation("suite", "2-linux/b");
const reason = new Error("enough");

/** What the caller starts, and stops while its upload begins. */
const WAYS = {
  write: (backend: S3Backend, signal: AbortSignal) =>
    backend.write(to, bytesSource("hello"), { signal }),
  copy: (backend: S3Backend, signal: AbortSignal) => backend.copy(from, to, { signal }),
} as const;

interface Case {
  /** Past the backend that is stopped. */
  readonly direct: S3Backend;
  readonly notices: readonly string[];
  readonly journalDir: string;
  /** Starts an upload, and rejects as it does. */
  readonly start: () => Promise<unknown>;
}

/** @param answer What becomes of the request that begins an upload, once the caller has stopped. */
function test(
  name: string,
  answer: (input: RequestInfo | URL, init: RequestInit) => Promise<Response>,
  run: (c: Case) => Promise<void>,
): void {
  for (const way of ["write", "copy"] as const) {
    Deno.test(`s3, stopped while an upload begins: ${way}: ${name}`, async () => {
      await using dir = await tempDir();
      await using server = await memoryS3();
      await server.backend.write(from, bytesSource("hello"));
      const controller = new AbortController();
      const notices: string[] = [];
      using backend = await createS3Backend(testOptions(server.url, {
        multipartThreshold: 1,
        copyLimit: 1,
        journalDir: dir.path,
        // Whoever is stopped does not wait for what is never answered.
        stallTimeout: 1_000_000,
        onNotice: (message) => notices.push(message),
        fetch: async (input, init) => {
          const isBegin = init?.method === "POST" && `${input}`.includes("?uploads");
          if (!isBegin) return await fetch(input, init);
          controller.abort(reason);
          return await answer(input, init);
        },
      }));
      await run({
        direct: server.backend,
        notices,
        journalDir: dir.path,
        start: () => WAYS[way](backend, controller.signal),
      });
    });
  }
}

async function left({ direct }: Case): Promise<string[]> {
  const uploads = direct.listStaleUploads(new OutputLocation("suite", ""));
  return (await Array.fromAsync(uploads)).map(({ key }) => key);
}

test("it is removed", async (input, init) => {
  const response = await fetch(input, { ...init, signal: null });
  if (!init.signal!.aborted) return response;
  // The server has done it, and nobody listens any more.
  await response.body?.cancel();
  throw init.signal!.reason;
}, async (c) => {
  await assert.rejects(c.start(), reason);
  assert.deepEqual(await left(c), []);
  assert.deepEqual(c.notices, []);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(c.journalDir)), []);
  await assert.rejects(c.direct.stat(to), { code: "not_found" });
});

test("without a response, a notice says what may stay", async (input, init) => {
  await (await fetch(input, { ...init, signal: null })).body?.cancel();
  return await new Promise<Response>((_, reject) => {
    const stop = () => reject(init.signal!.reason);
    if (init.signal!.aborted) stop();
    else init.signal!.addEventListener("abort", stop);
  });
}, async (c) => {
  await assert.rejects(c.start(), reason);
  assert.deepEqual(await left(c), [to.key]);
  assert.equal(c.notices.length, 1, c.notices.join("\n"));
  assert.match(
    c.notices[0],
    /^An unfinished upload of s3:\/\/suite\/2-linux\/b may be left .* --abort/,
  );
  assert.deepEqual(await Array.fromAsync(Deno.readDir(c.journalDir)), []);
});

test("a rejection leaves nothing to report", async () => {
  await Promise.resolve();
  return new Response("<Error><Code>AccessDenied</Code></Error>", { status: 403 });
}, async (c) => {
  await assert.rejects(c.start(), reason);
  assert.deepEqual(await left(c), []);
  assert.deepEqual(c.notices, []);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(c.journalDir)), []);
});
