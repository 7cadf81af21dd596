/** Requests with bodies wait for the line: that costs no retries, and nobody else waits for them. */

import assert from "node:assert/strict";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import type { Place } from "../../../src/storage/adaptive_limit.ts";
import type { S3Request, S3Response } from "../../../src/storage/s3/request.ts";
import { Session } from "../../../src/storage/s3/session.ts";
import { readSettings } from "../../../src/storage/s3/settings.ts";
import { testOptions } from "../../support/s3_subject.ts";

const location = new OutputLocation("suite", "1-linux/a");
const HEAD: S3Request = { action: "stat", method: "HEAD", location };
const PUT: S3Request = {
  action: "write",
  method: "PUT",
  location,
  body: new Uint8Array(1024 * 1024),
};
const ok = () => Promise.resolve(new Response(null));

const done = async (answer: S3Response) => {
  await answer.response.body?.cancel();
  answer[Symbol.dispose]();
};

/** A session that sends one request at a time. */
async function sessionOf(fetch: () => Promise<Response>): Promise<Session> {
  const settings = await readSettings(testOptions("http://127.0.0.1:9", { fetch, maxRequests: 1 }));
  return new Session(settings);
}

/** Takes places of the line for bodies. Default: all. */
async function fill({ line: { up } }: Session, length = up.limit): Promise<Place[]> {
  return await Promise.all(Array.from({ length }, () => up.acquire(0)));
}

Deno.test("s3: the time in which a body waits for the line is reported as waiting", async () => {
  using session = await sessionOf(ok);
  const places = await fill(session);
  const waits: number[] = [];
  const sent = session.once(PUT, undefined, done, (ms) => waits.push(ms));
  const queued = Date.now();
  while (Date.now() < queued + 20) await new Promise((resolve) => setTimeout(resolve, 5));
  const waited = Date.now() - queued;
  for (const place of places) place.end();
  await sent;
  assert.equal(waits.length, 1);
  assert(waits[0] >= waited, `${waits[0]} ms of ${waited}`);
});

Deno.test("s3: a request without a body does not wait for bodies that wait for the line", async () => {
  using session = await sessionOf(ok);
  const places = await fill(session);
  const bodies = [1, 2, 3].map(() => session.once(PUT, undefined, done));
  await session.once(HEAD, undefined, done);
  for (const place of places) place.end();
  await Promise.all(bodies);
});

Deno.test("s3: a body whose wait is aborted leaves its place on the line", async () => {
  const held = Promise.withResolvers<Response>();
  using session = await sessionOf(() => held.promise);
  using _one = session.line.up.pin(1);
  const head = session.once(HEAD, undefined, done);
  const controller = new AbortController();
  const body = session.once(PUT, controller.signal, done);
  await new Promise((resolve) => setTimeout(resolve, 0));
  controller.abort(new Error("enough"));
  await assert.rejects(body, { message: "enough" });
  held.resolve(new Response(null));
  await head;
  (await session.line.up.acquire(0)).end();
});

for (const waitsFor of ["the line", "other requests"]) {
  Deno.test(`s3: a complaint about a body that waited for ${waitsFor} counts, whatever came before`, async () => {
    const held = Promise.withResolvers<Response>();
    const answers = [() => Promise.resolve(new Response(null, { status: 503 }))];
    if (waitsFor !== "the line") answers.unshift(() => held.promise);
    using session = await sessionOf(() => answers.shift()!());
    const { up } = session.line;
    const [first, ...others] = await fill(session, waitsFor === "the line" ? undefined : 1);
    const head = answers.length === 2 ? session.once(HEAD, undefined, done) : undefined;
    const body = session.once(PUT, undefined, done);
    // Until the body waits in one of the queues.
    await new Promise((resolve) => setTimeout(resolve, 0));
    first.slowDown();
    assert.equal(up.halvings, 1);
    for (const place of [first, ...others]) place.end();
    held.resolve(new Response(null));
    await head;
    await assert.rejects(body, { code: "transient" });
    assert.equal(up.halvings, 2);
  });
}
