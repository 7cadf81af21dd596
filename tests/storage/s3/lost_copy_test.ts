/** A copy inside S3 whose last answer is lost: done if what is there now is what was copied. */

import assert from "node:assert/strict";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { createS3Backend, type S3Backend } from "../../../src/storage/s3/backend.ts";
import { collect, noise } from "../../support/bytes.ts";
import { rejectsWith } from "../../support/errors.ts";
import { type FaultProxy, startFaultProxy } from "../../support/fault_proxy.ts";
import { memoryS3, testOptions } from "../../support/s3_subject.ts";
import { putForeign } from "./encoded_suite.ts";

const from = new OutputLocation("suite", "1-linux/a");
const to = new OutputLocation("suite", "2-linux/b");
const CONTENT = noise(8_000_000);

const isComplete = (method: string, path: string) =>
  method === "POST" && path.includes("uploadId=");
const isCopy = (method: string, path: string) => method === "PUT" && path.startsWith("/suite/2-");

interface Case {
  readonly backend: S3Backend;
  /** Past the proxy. */
  readonly direct: S3Backend;
  readonly proxy: FaultProxy;
}

/** @param meanwhile What happens between the attempt whose answer is lost and the next one. */
function test(
  name: string,
  copyLimit: number,
  run: (c: Case) => Promise<void>,
  meanwhile?: (direct: S3Backend) => Promise<unknown>,
): void {
  Deno.test(`s3, a copy's response is lost: ${name}`, async () => {
    await using server = await memoryS3();
    await using proxy = startFaultProxy(server.url);
    await putForeign(server.url, from, { Body: CONTENT });
    using backend = await createS3Backend(testOptions(proxy.url, {
      copyLimit,
      onRetry: () => {
        if (meanwhile === undefined) return;
        const goOn = proxy.hold();
        meanwhile(server.backend).finally(goOn);
      },
    }));
    await run({ backend, direct: server.backend, proxy });
    const left = server.backend.listStaleUploads(new OutputLocation("suite", ""));
    assert.deepEqual(await Array.fromAsync(left), []);
  });
}

const IN_PARTS = 6_000_000;
const AT_ONCE = 10_000_000;

for (const ifAbsent of [false, true]) {
  test(`of parts, ifAbsent ${ifAbsent}: it is done`, IN_PARTS, async (c) => {
    c.proxy.set({ when: isComplete, fault: { kind: "lost" } });
    const copied = await c.backend.copy(from, to, { ifAbsent });
    assert.equal(c.proxy.count, 1);
    assert.equal(copied.size, CONTENT.length);
    await using body = await c.direct.read(to);
    assert.deepEqual(await collect(body), CONTENT);
  });

  test(`of the whole, ifAbsent ${ifAbsent}: it is done`, AT_ONCE, async (c) => {
    c.proxy.set({ when: isCopy, fault: { kind: "lost" } });
    const copied = await c.backend.copy(from, to, { ifAbsent });
    assert.equal(c.proxy.count, 1);
    assert.equal(copied.size, CONTENT.length);
  });
}

const OTHER = noise(CONTENT.length);
const replace = (direct: S3Backend) => direct.write(to, bytesSource(OTHER));

test("of parts, and another's object of that size is there: a conflict", IN_PARTS, async (c) => {
  c.proxy.set({ when: isComplete, fault: { kind: "lost" } });
  await rejectsWith(c.backend.copy(from, to), "conflict", to.s3Uri);
  await using body = await c.direct.read(to);
  assert.deepEqual(await collect(body), OTHER);
}, replace);

test("of the whole, and another's object of that size is there: a conflict", AT_ONCE, async (c) => {
  c.proxy.set({ when: isCopy, fault: { kind: "lost" } });
  await rejectsWith(c.backend.copy(from, to, { ifAbsent: true }), "conflict", to.s3Uri);
  await using body = await c.direct.read(to);
  assert.deepEqual(await collect(body), OTHER);
}, replace);
