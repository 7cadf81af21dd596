/** Who may use the service: tokens, the login page, writes, limits. */

import assert from "node:assert/strict";
import { checkToken, TokenGuard } from "../../src/service/tokens.ts";
import { Limits } from "../../src/service/limits.ts";
import { RunOutputsError } from "../../src/errors/error.ts";
import { HttpProblem } from "../../src/service/problem.ts";
import { createService } from "../../src/service/server/service.ts";
import { MemoryBackend } from "../../src/storage/memory.ts";
import type { AskOptions, TestService } from "../support/service.ts";
import { serveRuns } from "../support/service.ts";
import { putRun, type TestRun } from "../support/retained.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";
const RUNS: Record<string, TestRun> = { "12345-linux": { files: ["logs/a.log"] } };
const BEARER = { authorization: `Bearer ${TOKEN}` };
const HTML = { accept: "text/html,*/*;q=0.8" };
const FORM = { "content-type": "application/x-www-form-urlencoded" };

/** The status of an error of the service. */
function statusOf(fn: () => unknown): number {
  try {
    fn();
  } catch (error) {
    assert(error instanceof RunOutputsError && error.cause instanceof HttpProblem, String(error));
    return error.cause.status;
  }
  return 200;
}

Deno.test("checkToken(): at least 128 bits that look random, of visible ASCII", () => {
  assert.equal(checkToken("f", `${TOKEN}\n`), TOKEN);
  assert.equal(checkToken("f", "dGhlIHF1aWNrIGJyb3duIG"), "dGhlIHF1aWNrIGJyb3duIG");
  for (
    const text of [
      "",
      "secret",
      TOKEN.slice(1),
      "a".repeat(64),
      `${TOKEN} b`,
      `${TOKEN}ü`,
      "hunter2",
    ]
  ) {
    assert.throws(() => checkToken("'./token'", text), /Invalid token in '.\/token': expected/);
  }
});

Deno.test("TokenGuard: ten wrong tokens in a minute, then 429; the right one is never refused", () => {
  let now = 0;
  const guard = new TokenGuard(TOKEN, () => new Date(now));
  const check = (authorization: string, peer = "10.0.0.1") =>
    statusOf(() => guard.check(new Headers({ authorization }), peer));
  for (let i = 0; i < 10; i++) assert.equal(check(`Bearer ${i}`), 401);
  assert.equal(check("Bearer 10"), 429);
  assert.equal(check(`Basic ${TOKEN}`), 429);
  assert.equal(check("Bearer 1", "10.0.0.2"), 401);
  assert.equal(check(`Bearer ${TOKEN}`), 200);
  now = 59_999;
  assert.equal(check("Bearer 11"), 429);
  now = 60_000;
  assert.equal(check("Bearer 12"), 401);
  // A cookie of an earlier token is no attempt.
  for (let i = 0; i < 20; i++) {
    const headers = new Headers({ cookie: `a=b; run_outputs_session=${i}` });
    assert.equal(guard.check(headers, "10.0.0.3"), undefined);
  }
});

Deno.test("a token: needed for everything but /healthz, for an unknown path too", async () => {
  await using service = await serveRuns(RUNS, { token: TOKEN });
  for (const path of ["/", "/retained-runs", "/openapi.json", "/runs", "/nothing", "/login/"]) {
    const without = await service.ask(path);
    assert.equal(without.status, 401, path);
    assert.equal(without.headers.get("www-authenticate"), 'Bearer realm="run-outputs"');
    const wrong = { authorization: "Bearer nothing" };
    assert.equal((await service.ask(path, { method: "HEAD" })).status, 401);
    if (path === "/runs") assert.equal((await service.ask(path, { headers: wrong })).status, 401);
    const right = await service.ask(path, { headers: BEARER });
    assert([200, 307, 308, 404].includes(right.status), path);
  }
  assert.equal((await service.ask("/healthz")).status, 200);
  assert.equal((await service.ask("/healthz", { method: "POST" })).status, 401);
});

Deno.test("/login: a browser is sent there and back, and gets a cookie", async () => {
  await using service = await serveRuns(RUNS, { token: TOKEN, basePath: "/ci" });
  const sent = await service.ask("/ci/retained-runs/12345-linux?platform=linux", { headers: HTML });
  assert.equal(sent.status, 303);
  const to = sent.headers.get("location")!;
  const login = new URL(to, "http://h/ci/retained-runs/12345-linux").href.slice("http://h".length);
  assert.equal(login, "/ci/login?next=retained-runs%2F12345-linux%3Fplatform%3Dlinux");
  const page = await service.ask(login);
  assert.equal(page.status, 200);
  assert.match(page.headers.get("content-security-policy")!, /form-action 'self'/);
  // With no-referrer, browsers send 'Origin: null' with the form.
  assert.equal(page.headers.get("referrer-policy"), "same-origin");
  const origin = `http://127.0.0.1:${service.port}`;
  const post = (body: string, headers: Record<string, string> = {}, target = login) =>
    service.ask(target, { method: "POST", headers: { ...FORM, origin, ...headers }, body });
  const wrong = await post("token=wrong");
  assert.equal(wrong.status, 401);
  assert.match(wrong.text, /Wrong token/);
  const right = await post(`token=${TOKEN}`);
  assert.equal(right.status, 303);
  assert.equal(right.headers.get("location"), "./retained-runs/12345-linux?platform=linux");
  const set = right.headers.get("set-cookie")!;
  assert.match(set, /^run_outputs_session=[\w-]{43}; Path=\/ci\/; HttpOnly; SameSite=Strict$/);
  assert(!set.includes(TOKEN));
  const cookie = set.split(";")[0];
  const { status } = await service.ask("/ci/retained-runs", { headers: { cookie } });
  assert.equal(status, 200);
  for (
    const next of ["/evil.example", "//evil.example", "https://evil.example", "..%2fa", "a%0d%0ab"]
  ) {
    const target = `/ci/login?next=${next.includes("%") ? next : encodeURIComponent(next)}`;
    const answer = await post(`token=${TOKEN}`, {}, target);
    assert.equal(answer.status, 400, next);
    assert.equal(answer.headers.get("location"), null);
  }
  for (const headers of [{ origin: "http://evil.example" }, { origin: "null" }]) {
    assert.equal((await post(`token=${TOKEN}`, headers)).status, 403);
  }
  assert.equal((await post("{}", { "content-type": "application/json" })).status, 415);
  assert.equal((await post(`token=${"a".repeat(9000)}`)).status, 413);
  assert.equal((await service.ask("/ci/login", { method: "PUT" })).status, 405);
});

Deno.test("/login: exists only with a token", async () => {
  await using service = await serveRuns(RUNS);
  assert.equal((await service.ask("/login")).status, 404);
});

async function cookieOf(service: TestService): Promise<string> {
  const body = `token=${TOKEN}`;
  const { headers } = await service.ask("/login", { method: "POST", headers: FORM, body });
  return headers.get("set-cookie")!.split(";")[0];
}

Deno.test("pins: with a token, from our own pages, in JSON", async () => {
  await using service = await serveRuns(RUNS, { token: TOKEN, allowPin: true });
  const JSON_TYPE = { "content-type": "application/json" };
  const body = '{"reason":"shipped","until":"2027-01-01"}';
  const own = `http://127.0.0.1:${service.port}`;
  const cookie = await cookieOf(service);
  const pin = (headers: Record<string, string>, more: AskOptions = {}, name = "a") =>
    service.ask(`/retained-runs/12345/pins/${name}`, { method: "PUT", headers, body, ...more });
  for (
    const [what, headers, status] of [
      ["no token", JSON_TYPE, 401],
      ["a wrong token", { ...JSON_TYPE, authorization: "Bearer x" }, 401],
      ["another site", { ...JSON_TYPE, ...BEARER, origin: "http://evil.example" }, 403],
      ["an opaque origin", { ...JSON_TYPE, ...BEARER, origin: "null" }, 403],
      ["another site's fetch", { ...JSON_TYPE, ...BEARER, "sec-fetch-site": "cross-site" }, 403],
      ["another port", { ...JSON_TYPE, ...BEARER, origin: "http://127.0.0.1:1" }, 403],
      ["a cookie without an origin", { ...JSON_TYPE, cookie }, 403],
      ["a cookie from another site", { ...JSON_TYPE, cookie, origin: "https://evil.example" }, 403],
      ["no content type", BEARER, 415],
      ["a form", { ...FORM, ...BEARER }, 415],
      ["text", { "content-type": "text/plain", ...BEARER }, 415],
    ] as const
  ) {
    assert.equal((await pin(headers)).status, status, what);
  }
  const right = { ...JSON_TYPE, ...BEARER };
  for (
    const [wrong, status] of [
      ["{", 400],
      ["[]", 400],
      ["{}", 400],
      ['{"reason":"","until":"x"}', 400],
      ['{"reason":"a","why":"b"}', 400],
      [`{"reason":"${"a".repeat(70_000)}"}`, 413],
    ] as const
  ) {
    assert.equal((await pin(right, { body: wrong })).status, status, wrong.slice(0, 50));
  }
  assert.equal((await pin(right, {}, "..%2f..%2fevil")).status, 400);
  const created = await pin({ ...right, origin: own });
  assert.equal(created.status, 201);
  assert.deepEqual(JSON.parse(created.text).pins.map((one: { name: string }) => one.name), ["a"]);
  assert.equal((await pin({ ...JSON_TYPE, cookie, origin: own })).status, 409);
  assert.equal((await pin({ ...JSON_TYPE, cookie, origin: own }, {}, "b")).status, 201);
  const unpin = { method: "DELETE", body: "" };
  assert.equal((await pin({ cookie }, unpin)).status, 403);
  assert.deepEqual(JSON.parse((await pin({ cookie, origin: own }, unpin)).text).pins.length, 1);
  assert.equal((await pin(BEARER, unpin)).status, 404);
  assert.deepEqual(service.log, []);
});

Deno.test("pins: not without --allow-pin", async () => {
  await using service = await serveRuns(RUNS, { token: TOKEN });
  const options = { method: "PUT", headers: BEARER, body: "{}" };
  const { status, text } = await service.ask("/retained-runs/12345/pins/a", options);
  assert.equal(status, 403);
  assert.match(text, /without --allow-pin/);
});

Deno.test("Limits: per address and for searches; who waits too long gets 503", async () => {
  const limits = new Limits({ answers: 4, answersPerPeer: 2, searches: 1, patience: 1 });
  const far = "10.0.0.1";
  const leave = [await limits.enter(far, false), await limits.enter(far, false)];
  const busy = (error: RunOutputsError) => {
    const { status, headers } = error.cause as HttpProblem;
    assert.deepEqual([status, headers], [503, { "retry-after": "5" }]);
    return true;
  };
  await assert.rejects(limits.enter(far, false), busy);
  // A proxy on this machine has the requests of all.
  const near = [await limits.enter("127.0.0.1", true), await limits.enter("127.0.0.1", false)];
  await assert.rejects(limits.enter("10.0.0.2", false), busy);
  near[1]();
  near[1]();
  await assert.rejects(limits.enter("10.0.0.2", true), busy);
  (await limits.enter("10.0.0.2", false))();
  near[0]();
  for (const one of leave) one();
  (await limits.enter("10.0.0.2", true))();
});

Deno.test("limits: searches and counts of lines share their places; other requests need none", async () => {
  const backend = new MemoryBackend();
  await putRun(backend, "1-linux", { files: ["logs/a.log"] });
  const limits = { searches: 1, patience: 1 };
  const hosts = { names: [] };
  const service = createService({ backend, bucket: "suite", tool: "x/1", hosts, limits });
  const ask = async (path: string, sent?: Promise<void>) => {
    const request = new Request(`http://localhost/retained-runs/1-linux/${path}`, {
      headers: { host: "localhost" },
    });
    const over = Promise.withResolvers<void>();
    const { status } = await service(request, {
      peer: "10.0.0.1",
      completed: sent ?? over.promise,
    });
    over.resolve();
    return status;
  };
  const sent = Promise.withResolvers<void>();
  assert.equal(await ask("lines/logs/a.log?line=1", sent.promise), 200);
  assert.equal(await ask("search?q=a"), 503);
  assert.equal(await ask("lines/logs/a.log?line=1"), 503);
  assert.equal(await ask("view/logs/a.log?number=true"), 503);
  assert.equal(await ask("lines/logs/a.log?at=0"), 200);
  assert.equal(await ask("view/logs/a.log"), 200);
  sent.resolve();
  assert.equal(await ask("view/logs/a.log?number=true"), 200);
});

Deno.test("limits: a place is free again when its answer has been sent; /healthz needs none", async () => {
  const service = createService({
    backend: new MemoryBackend(),
    bucket: "suite",
    tool: "run-outputs/test",
    hosts: { names: [] },
    limits: { answers: 1, patience: 1 },
  });
  const sent = Promise.withResolvers<void>();
  const ask = async (path: string, completed = Promise.resolve()) => {
    const request = new Request(`http://localhost${path}`, { headers: { host: "localhost" } });
    const { status, headers } = await service(request, { peer: "10.0.0.1", completed });
    return [status, headers.get("retry-after")];
  };
  assert.deepEqual(await ask("/runs", sent.promise), [200, null]);
  assert.deepEqual(await ask("/runs"), [503, "5"]);
  assert.deepEqual(await ask("/healthz"), [200, null]);
  // That a client has gone ends an answer too.
  sent.reject(new Error("gone"));
  assert.deepEqual(await ask("/runs"), [200, null]);
});

Deno.test("Limits: who waits is next, in the order of arrival", async () => {
  const limits = new Limits({ answers: 1, patience: 60_000, waiting: 2 });
  const leave = await limits.enter("10.0.0.1", false);
  const order: string[] = [];
  const enter = async (name: string) => {
    const done = await limits.enter(name, false);
    order.push(name);
    done();
  };
  const waiting = [enter("10.0.0.2"), enter("10.0.0.3")];
  await assert.rejects(limits.enter("10.0.0.4", false));
  leave();
  await Promise.all(waiting);
  assert.deepEqual(order, ["10.0.0.2", "10.0.0.3"]);
});
