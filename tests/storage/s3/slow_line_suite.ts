/**
 * Transfers over a line that all of them fill: nothing fails, nothing is sent twice.
 *
 * A sixtieth of the usual times, and sixty times the speed: 64 kB/s and a minute without a
 * byte become 3.84 MB/s and a second.
 *
 * @module
 */

import assert from "node:assert/strict";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { createS3Backend, type S3Backend } from "../../../src/storage/s3/backend.ts";
import type { S3BackendOptions } from "../../../src/storage/s3/settings.ts";
import { download } from "../../../src/storage/transfer/download.ts";
import type { TransferResult } from "../../../src/storage/transfer/transfer.ts";
import { upload, type UploadItem } from "../../../src/storage/transfer/upload.ts";
import { collect, noise } from "../../support/bytes.ts";
import { type SlowLineOptions, startSlowLine } from "../../support/slow_line.ts";
import { testOptions } from "../../support/s3_subject.ts";
import { tempDir } from "../../support/temp_dir.ts";
import type { OpenServer } from "./fault_suite.ts";

const FASTER = 60;
const FILES = 40;
const SIZE = 250_000;

/** Registers the tests on a server. */
export function slowLineSuite(name: string, open: OpenServer): void {
  async function world(line: SlowLineOptions, more: S3BackendOptions = {}) {
    const stack = new AsyncDisposableStack();
    const server = stack.use(await open());
    const front = stack.use(startSlowLine(server.url, line));
    const backend = stack.use(
      await createS3Backend(testOptions(front.url, {
        stallTimeout: 60_000 / FASTER,
        retry: { maxElapsed: 180_000 / FASTER, baseDelay: 10 },
        ...more,
      })),
    );
    const at = (i: number) => new OutputLocation(server.bucket, `1-linux/logs/${i}.log`);
    return {
      ...server,
      direct: server.backend,
      backend,
      line: front,
      at,
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  }

  for (const perSecond of [64_000, 120_000]) {
    Deno.test(`${name}: 40 files of 250 kB over ${perSecond / 1000} kB/s arrive, none is sent twice`, async () => {
      await using w = await world({ rate: perSecond * FASTER });
      const files = Array.from({ length: FILES }, () => noise(SIZE));
      const results = await upload(w.backend, files.map((bytes, i) => item(w.at(i), bytes)));
      written(results);
      const puts = w.line.requests.filter(({ method }) => method === "PUT");
      assert.equal(puts.length, FILES);
      assert.equal(puts.reduce((sum, { sent }) => sum + sent, 0), FILES * SIZE);
      assert(w.line.most < 12, `${w.line.most} at once are too many for this line`);
      assert(w.line.most > 4, `${w.line.most} at once would not fill a line with a long way`);
      for (const [i, bytes] of files.entries()) {
        assert.deepEqual(await content(w.direct, w.at(i)), bytes);
      }
    });
  }

  for (const isUnfair of [false, true]) {
    const how = isUnfair ? "one after the other" : "by turns";
    Deno.test(`${name}: 40 files of 250 kB that come ${how} over 64 kB/s are downloaded, each once`, async () => {
      await using w = await world({ rate: 64_000 * FASTER, isUnfair });
      await using dir = await tempDir();
      const files = Array.from({ length: FILES }, () => noise(SIZE));
      await Promise.all(files.map((bytes, i) => w.direct.write(w.at(i), bytesSource(bytes))));
      const items = files.map((_, i) => ({
        location: w.at(i),
        path: `${dir.path}/${i}`,
        size: SIZE,
      }));
      written(await download(w.backend, items));
      const gets = w.line.requests.filter(({ method }) => method === "GET");
      assert.equal(gets.length, FILES);
      assert.equal(gets.reduce((sum, { answered }) => sum + answered, 0), FILES * SIZE);
      for (const [i, bytes] of files.entries()) {
        assert.deepEqual(await Deno.readFile(`${dir.path}/${i}`), bytes);
      }
    });
  }

  Deno.test(`${name}: parts over 64 kB/s arrive, none is sent twice`, async () => {
    const part = 5 * 1024 * 1024;
    // A part takes the line 80 s.
    await using w = await world({ rate: 64_000 * FASTER }, {
      partSize: part,
      multipartThreshold: part,
    });
    const bytes = noise(2 * part);
    written(await upload(w.backend, [item(w.at(0), bytes)]));
    const parts = w.line.requests.filter(({ path }) => path.includes("partNumber="));
    assert.equal(parts.length, 2);
    assert.deepEqual(await content(w.direct, w.at(0)), bytes);
  });

  Deno.test(`${name}: on a line of 16 kB/s what stalls is sent again by few, and arrives`, async () => {
    await using w = await world({ rate: 16_000 * FASTER });
    const files = Array.from({ length: 12 }, () => noise(SIZE));
    written(await upload(w.backend, files.map((bytes, i) => item(w.at(i), bytes))));
    for (const [i, bytes] of files.entries()) {
      assert.deepEqual(await content(w.direct, w.at(i)), bytes);
    }
  });

  Deno.test(`${name}: a connection that is dead ends, though the others fill the line`, async () => {
    let dead = 0;
    const isDead = (method: string, path: string) =>
      method === "PUT" && path.endsWith("/3.log") && dead++ === 0;
    await using w = await world({ rate: 120_000 * FASTER, isDead });
    const files = Array.from({ length: FILES }, () => noise(SIZE));
    written(await upload(w.backend, files.map((bytes, i) => item(w.at(i), bytes))));
    const puts = w.line.requests.filter(({ method }) => method === "PUT");
    assert.equal(puts.length, FILES + 1, "only that one was sent twice");
    assert.deepEqual(await content(w.direct, w.at(3)), files[3]);
  });
}

function item(location: OutputLocation, bytes: Uint8Array<ArrayBuffer>): UploadItem {
  const source = bytesSource(bytes);
  return { location, path: location.key, size: bytes.length, open: () => Promise.resolve(source) };
}

function written(results: readonly TransferResult[]): void {
  for (const { outcome, error } of results) assert.equal(outcome, "written", error?.message);
}

async function content(backend: S3Backend, location: OutputLocation): Promise<Uint8Array> {
  await using body = await backend.read(location);
  return await collect(body);
}
