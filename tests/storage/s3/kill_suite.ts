/**
 * A process that is killed in the middle of a transfer, and the next one that continues.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { readFile } from "../../../src/storage/byte_source.ts";
import type { TransferResult } from "../../../src/storage/transfer/transfer.ts";
import { createS3Backend, type S3Backend } from "../../../src/storage/s3/backend.ts";
import { startFaultProxy } from "../../support/fault_proxy.ts";
import { LIFE, testOptions } from "../../support/s3_subject.ts";
import { tempDir } from "../../support/temp_dir.ts";
import type { OpenServer } from "./fault_suite.ts";

/** Options of {@linkcode killSuite}. */
export interface KillSuiteOptions {
  /** The size of the object in bytes. */
  readonly size: number;
  /** How often a transfer is killed, each time at another moment. */
  readonly times: number;
  /** The size of a part, in bytes. */
  readonly partSize: number;
  /** The server lists uploads and parts, so that an upload is continued and none is left. */
  readonly listsUploads?: boolean;
}

const CHILD = new URL("../../support/transfer_child.ts", import.meta.url).pathname;

/** Registers the tests for a server. */
export function killSuite(name: string, open: OpenServer, options: KillSuiteOptions): void {
  const { size, times, partSize } = options;

  for (const direction of ["up", "down"] as const) {
    Deno.test(`${name}: kill -9 at ${times} moments of a transfer ${direction}`, async () => {
      await using server = await open();
      await using proxy = startFaultProxy(server.url);
      await using dir = await tempDir();
      const source = `${dir.path}/source`;
      const sha256 = await makeFile(source, size);
      const root = new OutputLocation(server.bucket, "");
      let resumedInAll = 0;
      let again = 0;
      for (let i = 0; i < times; i++) {
        const at = new OutputLocation(server.bucket, `1-linux/kill-${i}`);
        using whole = await createS3Backend(testOptions(server.url, { partSize }));
        if (direction === "down") await put(whole, at, source, size);
        const path = direction === "up" ? source : `${dir.path}/target-${i}`;
        const command = [direction, proxy.url, at.s3Uri, path, `${dir.path}/journals`, partSize];
        // Each in its own part of the transfer, the last one shortly before its end.
        const moment = size * 0.92 * (i + 1) / times;
        proxy.set();
        await dieAfter(command.map(String), moment);
        if (direction === "down") assert.deepEqual(await exists(path), false, "it appeared early");
        else if (await isThere(server.backend, at)) {
          assert.equal(await hashOf(server.backend, at), sha256);
        }
        proxy.set();
        const result = await finish(command.map(String));
        assert(["written", "unchanged"].includes(result.outcome), JSON.stringify(result));
        resumedInAll += result.resumed ?? 0;
        if (direction === "up") {
          again += proxy.bytesUp;
          assert.equal(await hashOf(server.backend, at), sha256);
          if (options.listsUploads) {
            const left = await Array.fromAsync(server.backend.listStaleUploads(root));
            assert.deepEqual(left, []);
          }
        } else {
          assert.equal(await hashFile(path), sha256);
          again += size - (result.resumed ?? 0);
          assert.equal(await exists(`${path}.part`), false);
          assert.equal(await exists(`${path}.part.journal`), false);
          await Deno.remove(path);
        }
        await server.backend.delete(at);
      }
      console.log(
        `${name}, ${direction}: ${times} kills of ${size} bytes; continued ` +
          `${(resumedInAll / times / size * 100).toFixed(0)} %, sent after the kill ` +
          `${(again / times / size * 100).toFixed(0)} % of the object on average`,
      );
      const continues = direction === "down" || options.listsUploads;
      if (continues) assert(resumedInAll > 0, "nothing was continued");
    });
  }
}

/** Registers the test of a file that is repaired between the kill and the next upload. */
export function repairSuite(name: string, open: OpenServer, partSize: number): void {
  Deno.test(`${name}: a resumed upload uses no part of a file that has changed since`, async () => {
    await using server = await open();
    await using proxy = startFaultProxy(server.url);
    await using dir = await tempDir();
    const source = `${dir.path}/source`;
    const size = 4 * partSize;
    const sha256 = await makeFile(source, size);
    const bytes = await Deno.readFile(source);
    const at = new OutputLocation(server.bucket, "1-linux/repaired");
    const command = ["up", proxy.url, at.s3Uri, source, `${dir.path}/journals`, `${partSize}`];
    // With and without a hash that is known before: a checksum's, or one that is made of the file.
    for (const known of [[sha256], []]) {
      const damaged = bytes.slice();
      damaged[5] ^= 1;
      await Deno.writeFile(source, damaged);
      await dieAfter([...command, sha256], 1.5 * partSize);
      assert.equal(await isThere(server.backend, at), false);
      await Deno.writeFile(source, bytes);
      const result = await finish([...command, ...known]);
      assert.equal(result.outcome, "written", JSON.stringify(result));
      assert.equal(await hashOf(server.backend, at), sha256);
      await server.backend.delete(at);
    }
  });
}

async function run(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Deno.CommandOutput> {
  return await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-check", CHILD, ...args],
    env,
    stderr: "inherit",
  }).output();
}

/** Starts a transfer, which dies once it has moved so many bytes. */
async function dieAfter(args: readonly string[], bytes: number): Promise<void> {
  assert.equal((await run(args, { [LIFE]: `${bytes}` })).signal, "SIGKILL");
}

/** Runs a transfer to its end. */
async function finish(args: readonly string[]): Promise<TransferResult> {
  return JSON.parse(new TextDecoder().decode((await run(args, {})).stdout));
}

async function put(
  backend: S3Backend,
  location: OutputLocation,
  path: string,
  size: number,
): Promise<void> {
  await backend.write(location, { size, open: (range, signal) => readFile(path, range, signal) });
}

async function makeFile(path: string, size: number): Promise<string> {
  const hash = createHash("sha256");
  using file = await Deno.open(path, { write: true, create: true });
  const block = new Uint8Array(65_536);
  for (let left = size; left > 0; left -= block.length) {
    const piece = crypto.getRandomValues(block).subarray(0, Math.min(left, block.length));
    hash.update(piece);
    await file.write(piece);
  }
  return hash.digest("hex");
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of readFile(path)) hash.update(chunk);
  return hash.digest("hex");
}

async function hashOf(backend: S3Backend, location: OutputLocation): Promise<string> {
  const hash = createHash("sha256");
  await using body = await backend.read(location);
  for await (const chunk of body) hash.update(chunk);
  return hash.digest("hex");
}

async function isThere(backend: S3Backend, location: OutputLocation): Promise<boolean> {
  return await backend.stat(location).then(() => true, () => false);
}

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}
