/** Mirror jobs over HTTP, from a storage in memory into a staging directory. */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { OutputLocation } from "../../../src/layout/output_location.ts";
import type { ServiceOptions } from "../../../src/service/server/service.ts";
import { jobAnswer, jobsAnswer } from "../../../src/service/mirror/handlers.ts";
import type { Mirror, MirrorJob } from "../../../src/service/mirror_jobs.ts";
import { MirrorJobs, type MirrorJobsOptions } from "../../../src/service/mirror/jobs.ts";
import type { MirrorSource, OpenSource } from "../../../src/service/mirror/mirror_run.ts";
import type { ObjectBody, ReadOptions, StorageBackend } from "../../../src/storage/backend.ts";
import { ForwardingBackend } from "../../../src/storage/forwarding.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { putRun, type TestRun } from "../../support/retained.ts";
import { type AskOptions, startService, type TestService } from "../../support/service.ts";
import { tempDir } from "../../support/temp_dir.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";
const REQUEST = { source: "ci", run_id: "123", platform: "linux" };
const RUNS: Record<string, TestRun> = {
  "123-linux": { parts: { p: ["logs/g/a.log", "logs/g/b.log"] }, expected: ["p"] },
  "124-linux": { parts: { p: ["logs/g/c.log"] }, expected: ["p", "q"] },
  "a-b~125-windows": { files: ["d.log"] },
};

// deno-lint-ignore no-explicit-any -- a test asserts on what it expects
type Json = any;

/** A source whose reads can be made to wait, or to fail; it counts them. */
class Source extends ForwardingBackend implements MirrorSource {
  readonly bucket = "suite";
  readonly reads: string[] = [];
  /** Called before a file is read. */
  onRead: (key: string) => Promise<void> = () => Promise.resolve();

  constructor(inner: StorageBackend) {
    super(inner);
  }

  override get name(): string {
    return "ci";
  }

  readonly open = (): Promise<OpenSource> =>
    Promise.resolve({ backend: this, [Symbol.dispose]: () => {} });

  override async read(location: OutputLocation, options?: ReadOptions): Promise<ObjectBody> {
    if (location.key.endsWith(".log")) {
      // As every storage does: an event that was before does not come again.
      options?.signal?.throwIfAborted();
      this.reads.push(location.key);
      const aborted = Promise.withResolvers<never>();
      aborted.promise.catch(() => {});
      options?.signal?.addEventListener("abort", () => aborted.reject(options.signal!.reason));
      await Promise.race([this.onRead(location.key), aborted.promise]);
    }
    return await super.read(location, options);
  }
}

/** A service with mirror jobs. */
interface MirrorService extends AsyncDisposable {
  readonly service: TestService;
  readonly jobs: MirrorJobs;
  readonly source: Source;
  readonly dir: string;
  /** Asks with the token and JSON. */
  ask(target: string, method?: string, body?: unknown, more?: AskOptions["headers"]): Promise<Json>;
  /** Waits until a job has ended. */
  ended(job: string): Promise<Json>;
  /** The same after a restart. */
  restart(): Promise<MirrorService>;
}

async function mirrorService(
  more: Partial<MirrorJobsOptions> = {},
  options: Partial<ServiceOptions> = {},
): Promise<MirrorService> {
  const temp = await tempDir();
  const dir = join(temp.path, "staging");
  await Deno.mkdir(dir);
  const inner = new MemoryBackend();
  for (const [key, run] of Object.entries(RUNS)) await putRun(inner, key, run);
  const started = await start(dir, new Source(inner), more, options);
  return {
    ...started,
    async [Symbol.asyncDispose]() {
      await started[Symbol.asyncDispose]();
      await temp[Symbol.asyncDispose]();
    },
  };
}

async function start(
  dir: string,
  source: Source,
  more: Partial<MirrorJobsOptions>,
  options: Partial<ServiceOptions>,
): Promise<MirrorService> {
  const backend = new LocalBackend(dir);
  const common = { backend, dir, tool: "run-outputs/test" };
  const jobs = new MirrorJobs({ ...common, sources: [source], log: () => {}, ...more });
  const service = await startService({
    ...common,
    token: TOKEN,
    allowMirror: true,
    mirror: jobs,
    now: undefined,
    ...options,
  });
  const ask: MirrorService["ask"] = async (target, method = "GET", body, headers = {}) => {
    const answer = await service.ask(target, {
      method,
      headers: {
        authorization: `Bearer ${TOKEN}`,
        "content-type": "application/json",
        ...headers,
      },
      body: body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body),
    });
    return { ...answer, status: answer.status, json: JSON.parse(answer.text) };
  };
  return {
    service,
    jobs,
    source,
    dir,
    ask,
    async ended(job) {
      for (;;) {
        const { json } = await ask(`/runs/${job}`, "GET", undefined, { prefer: "wait=30" });
        assert.deepEqual(jobAnswer.parse(json), json);
        if (json.finished_at !== undefined) return json;
      }
    },
    restart: () => start(dir, source, more, options),
    async [Symbol.asyncDispose]() {
      await jobs[Symbol.asyncDispose]();
      await service[Symbol.asyncDispose]();
    },
  };
}

/** Makes the reads of a source wait, and says when the first one does. */
function hold(source: Source, key = "") {
  const reached = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  source.onRead = async (read) => {
    if (!read.endsWith(key)) return;
    reached.resolve();
    await go.promise;
  };
  return { reached: reached.promise, go: () => go.resolve() };
}

Deno.test("POST /runs: mirrors a run, which is then a retained run", async () => {
  await using mirror = await mirrorService();
  const { status, headers, json } = await mirror.ask("/runs", "POST", REQUEST);
  assert.equal(status, 202);
  assert.equal(headers.get("location"), `runs/${json.job}`);
  assert.match(json.job, /^123-linux\.[0-9a-f]{16}$/);
  assert.equal(json.schema, "run-outputs.mirror-job/1");
  const { created_at: _, started_at: __, finished_at: ___, ...rest } = await mirror.ended(json.job);
  // Each file has its path as content.
  const bytes = 2 * "logs/g/a.log".length;
  assert.deepEqual(rest, {
    schema: "run-outputs.mirror-job/1",
    job: json.job,
    state: "succeeded",
    run: "123-linux",
    request: REQUEST,
    files: 2,
    bytes,
    total: { files: 2, bytes },
  });
  const run = (await mirror.ask("/retained-runs/123")).json;
  assert.equal(run.completeness, "complete");
  assert.equal(run.summary.status, "current");
  const { files } = (await mirror.ask("/retained-runs/123/files?kind=log")).json;
  assert.deepEqual(files.map(({ path }: Json) => path), ["logs/g/a.log", "logs/g/b.log"]);
  const list = (await mirror.ask("/runs")).json;
  assert.deepEqual(jobsAnswer.parse(list), list);
  assert.deepEqual(list.jobs.map((job: Json) => [job.job, job.state]), [[json.job, "succeeded"]]);
  assert.deepEqual(list.sources, ["ci"]);
});

Deno.test("POST /runs: a run of another repository, some of its files, a run that is incomplete", async () => {
  await using mirror = await mirrorService();
  const ask = async (body: object) =>
    await mirror.ended((await mirror.ask("/runs", "POST", { ...REQUEST, ...body })).json.job);
  const other = await ask({ repository: "a/b", run_id: "125", platform: "windows" });
  assert.deepEqual([other.state, other.run], ["succeeded", "a-b~125-windows"]);
  const some = await ask({ include: ["logs/g/a.log"] });
  assert.deepEqual([some.state, some.files, some.total.files], ["succeeded", 1, 1]);
  const listed = (await mirror.ask("/retained-runs/123/files?kind=log")).json.files;
  assert.deepEqual(listed.map(({ path }: Json) => path), ["logs/g/a.log"]);
  const incomplete = await ask({ run_id: "124", require_complete: true });
  assert.equal(incomplete.state, "failed");
  assert.match(incomplete.error.detail, /q/);
  const { type, title, status, exit_code } = incomplete.error;
  assert.deepEqual([type, title, status, exit_code], [
    "urn:run-outputs:incomplete",
    "The run is incomplete",
    409,
    7,
  ]);
  assert.equal((await mirror.ask("/retained-runs/124")).status, 404);
  const none = await ask({ run_id: "999" });
  assert.deepEqual([none.state, none.error.status], ["failed", 404]);
  assert.match(none.error.detail, /ci:999-linux/);
});

Deno.test("POST /runs: the same request is the same job; another one for the run is a conflict; others wait", async () => {
  await using mirror = await mirrorService();
  const held = hold(mirror.source);
  const first = (await mirror.ask("/runs", "POST", REQUEST)).json;
  await held.reached;
  const running = await mirror.ask("/runs", "POST", REQUEST);
  assert.deepEqual([running.status, running.json.job, running.json.state], [
    202,
    first.job,
    "running",
  ]);
  const other = await mirror.ask("/runs", "POST", { ...REQUEST, include: ["*"] });
  assert.equal(other.status, 409);
  assert.deepEqual([other.json.type, other.json.job], [
    "urn:run-outputs:mirror-conflict",
    first.job,
  ]);
  const next = { ...REQUEST, run_id: "124" };
  const waiting = (await mirror.ask("/runs", "POST", next)).json;
  assert.equal(waiting.state, "queued");
  assert.equal((await mirror.ask("/runs", "POST", next)).json.job, waiting.job);
  held.go();
  assert.equal((await mirror.ended(first.job)).state, "succeeded");
  assert.equal((await mirror.ended(waiting.job)).state, "succeeded");
  assert.notEqual((await mirror.ask("/runs", "POST", REQUEST)).json.job, first.job);
});

Deno.test("POST /runs: a source that fails fails the job; the same request copies the rest", async () => {
  await using mirror = await mirrorService();
  mirror.source.onRead = (key) =>
    key.endsWith("b.log") ? Promise.reject(new Error("connection lost")) : Promise.resolve();
  const failed = await mirror.ended((await mirror.ask("/runs", "POST", REQUEST)).json.job);
  assert.deepEqual([failed.state, failed.files, failed.total.files], ["failed", 1, 2]);
  assert.match(failed.error.detail, /Could not mirror 1 of .*connection lost.* the same request/);
  assert(!JSON.stringify(failed).includes(mirror.dir));
  assert.equal((await mirror.ask("/retained-runs/123")).json.completeness, "incomplete");
  mirror.source.onRead = () => Promise.resolve();
  mirror.source.reads.length = 0;
  const again = await mirror.ended((await mirror.ask("/runs", "POST", REQUEST)).json.job);
  assert.equal(again.state, "succeeded");
  assert.deepEqual(mirror.source.reads, ["123-linux/logs/g/b.log"]);
  assert.equal((await mirror.ask("/retained-runs/123")).json.completeness, "complete");
});

Deno.test("DELETE /runs/{job}: cancels a job that runs, and one that waits; one that has ended stays", async () => {
  await using mirror = await mirrorService();
  const held = hold(mirror.source);
  const first = (await mirror.ask("/runs", "POST", REQUEST)).json;
  const waiting = (await mirror.ask("/runs", "POST", { ...REQUEST, run_id: "124" })).json;
  await held.reached;
  for (const { job } of [waiting, first, first]) {
    const { status, json } = await mirror.ask(`/runs/${job}`, "DELETE");
    assert.deepEqual([status, json.state], [200, "cancelled"]);
  }
  held.go();
  assert.equal((await mirror.ask("/retained-runs/124")).status, 404);
  const last = (await mirror.ask("/runs", "POST", REQUEST)).json;
  assert.equal((await mirror.ended(last.job)).state, "succeeded");
  assert.equal((await mirror.ask(`/runs/${last.job}`, "DELETE")).json.state, "succeeded");
});

Deno.test("GET /runs/{job}: with 'Prefer: wait' the answer comes when the state has changed", async () => {
  await using mirror = await mirrorService();
  const held = hold(mirror.source);
  const first = (await mirror.ask("/runs", "POST", REQUEST)).json;
  const queued = (await mirror.ask("/runs", "POST", { ...REQUEST, run_id: "124" })).json;
  await held.reached;
  const get = async (job: string, prefer: string) => {
    const { json, headers } = await mirror.ask(`/runs/${job}`, "GET", undefined, { prefer });
    return [json.state, headers.get("preference-applied")];
  };
  assert.deepEqual(await get(first.job, "wait=0"), ["running", "wait=0"]);
  // A parameter of another preference is none.
  for (const prefer of ["wait=soon, respond-async", "handling=lenient; wait=9", "await=9"]) {
    assert.deepEqual(await get(first.job, prefer), ["running", null]);
  }
  const answers = [
    get(first.job, "respond-async, wait=3600"),
    get(first.job, 'Wait = "30"'),
    get(queued.job, "wait=20; x=1"),
  ];
  // Each waits: what is requested after them is answered before them.
  assert.deepEqual(
    await Promise.race([...answers, get(queued.job, "wait=0")]),
    ["queued", "wait=0"],
  );
  // 200 can wait; one more is answered at once, whichever it is, and is not told that it waited.
  const many = Array.from({ length: 198 }, () => get(first.job, "wait=30"));
  assert.deepEqual(await Promise.race([...answers, ...many]), ["running", null]);
  // The job that was queued begins: that is a change too.
  await mirror.jobs.cancel(first.job);
  const states = await Promise.all([...answers, ...many]);
  assert.deepEqual(states[0], ["cancelled", "wait=30"]);
  assert.deepEqual(states[2], ["running", "wait=20"]);
  assert.equal(states.filter(([state]) => state === "cancelled").length, 199);
  // A job that has ended does not change any more.
  assert.deepEqual(await get(first.job, "wait=30"), ["cancelled", "wait=30"]);
  // As when the service stops.
  const last = get(queued.job, "wait=30");
  await Promise.all([mirror.jobs[Symbol.asyncDispose](), last]);
  assert.deepEqual(await last, ["cancelled", "wait=30"]);
  held.go();
});

Deno.test("GET /runs/{job}: who leaves does not wait any more", async () => {
  const left = Promise.withResolvers<void>();
  let reach = () => {};
  const job: MirrorJob = {
    job: "123-linux.0",
    state: "running",
    run: "123-linux",
    request: { ...REQUEST, platform: "linux" },
    files: 0,
    bytes: 0,
    created_at: new Date(0).toISOString(),
  };
  const mirror = {
    sources: [],
    find: () => Promise.resolve(job),
    waitForChange: (_id: string, _state: string, signal: AbortSignal) => {
      signal.addEventListener("abort", () => left.resolve());
      reach();
      return left.promise;
    },
  } as unknown as Mirror;
  await using service = await startService({ backend: new MemoryBackend(), mirror });
  const reached = new Promise<void>((resolve) => reach = resolve);
  const { hostname, port } = new URL(service.url);
  const client = await Deno.connect({ hostname, port: Number(port) });
  await client.write(new TextEncoder().encode(
    "GET /runs/123-linux.0 HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=30\r\n\r\n",
  ));
  await reached;
  client.close();
  await left.promise;
});

Deno.test("waitForChange(): who leaves makes room for another one", async () => {
  await using mirror = await mirrorService();
  const held = hold(mirror.source);
  const { job } = await mirror.jobs.submit({ ...REQUEST, platform: "linux" });
  await held.reached;
  const leaving = new AbortController();
  const wait = (signal: AbortSignal) => mirror.jobs.waitForChange(job, "running", signal);
  const gone = Array.from({ length: 200 }, () => wait(leaving.signal));
  assert.equal(await wait(new AbortController().signal), undefined);
  // A change that was missed is none to wait for.
  assert.equal((await mirror.jobs.waitForChange(job, "queued", leaving.signal))?.state, "running");
  leaving.abort();
  assert.deepEqual(
    new Set((await Promise.all(gone)).map((one) => one?.state)),
    new Set(["running"]),
  );
  assert.equal((await wait(leaving.signal))?.state, "running");
  const next = wait(new AbortController().signal);
  held.go();
  assert.equal((await next)?.state, "succeeded");
  assert.equal(await mirror.jobs.waitForChange("zzz", "running", leaving.signal), undefined);
});

Deno.test("after a restart a job is unknown, its run is not, and the same request copies the rest only", async () => {
  await using mirror = await mirrorService();
  const held = hold(mirror.source, "b.log");
  const { job } = (await mirror.ask("/runs", "POST", REQUEST)).json;
  await held.reached;
  for (let files = 0; files < 1;) files = (await mirror.ask(`/runs/${job}`)).json.files;
  await mirror.jobs[Symbol.asyncDispose]();
  assert.equal((await mirror.ask("/runs", "POST", REQUEST)).status, 503);
  held.go();
  mirror.source.reads.length = 0;
  await using after = await mirror.restart();
  assert.deepEqual((await after.ask("/runs")).json.jobs, []);
  for (const method of ["GET", "DELETE"]) {
    const { status, json } = await after.ask(`/runs/${job}`, method);
    assert.deepEqual([status, json.type, json.run, json.href], [
      404,
      "urn:run-outputs:unknown-job",
      "123-linux",
      "../retained-runs/123-linux",
    ]);
    assert.match(json.detail, /incomplete.*send the request again/);
  }
  for (const unknown of ["999-linux.0123", "zzz"]) {
    const { status, json } = await after.ask(`/runs/${unknown}`);
    assert.deepEqual([status, json.type, json.run], [
      404,
      "urn:run-outputs:unknown-job",
      undefined,
    ]);
  }
  const again = await after.ended((await after.ask("/runs", "POST", REQUEST)).json.job);
  assert.equal(again.state, "succeeded");
  assert.deepEqual(after.source.reads, ["123-linux/logs/g/b.log"]);
  assert.equal((await after.ask("/retained-runs/123")).json.completeness, "complete");
});

Deno.test("POST /runs: bad requests say what is expected, and start nothing", async () => {
  await using mirror = await mirrorService();
  for (
    const [body, detail] of [
      [{ ...REQUEST, source: "s3://evil" }, /Invalid source "s3:\/\/evil": expected ci/],
      [{ ...REQUEST, platform: "mac" }, /Invalid platform "mac": expected .*linux.*windows/],
      [{ ...REQUEST, run_id: "../x" }, /run id/],
      [{ ...REQUEST, run_id: 123 }, /Invalid run_id 123: expected string/],
      [{ source: "ci", platform: "linux" }, /Missing parameter run_id/],
      [{ ...REQUEST, repository: "nobody" }, /Invalid repository "nobody"/],
      [{ ...REQUEST, release_type: "weekly" }, /Invalid release_type "weekly": expected one of ci/],
      [{ ...REQUEST, includes: ["a"] }, /Unknown parameter 'includes': did you mean 'include'/],
      [{ ...REQUEST, include: "a" }, /Invalid include/],
      ["[]", /a JSON object/],
      ["{", /a JSON object/],
    ] as const
  ) {
    const { status, json } = await mirror.ask("/runs", "POST", body);
    assert.equal(status, 400, JSON.stringify(body));
    assert.match(json.detail, detail);
  }
  const form = await mirror.ask("/runs", "POST", REQUEST, { "content-type": "text/plain" });
  assert.equal(form.status, 415);
  assert.deepEqual((await mirror.ask("/runs")).json.jobs, []);
});

Deno.test("POST /runs: the token, the option, the origin and a storage that can be written are needed", async () => {
  await using mirror = await mirrorService();
  const bare = { method: "POST", body: JSON.stringify(REQUEST) };
  assert.equal((await mirror.service.ask("/runs", bare)).status, 401);
  const foreign = await mirror.ask("/runs", "POST", REQUEST, { origin: "http://evil.example" });
  assert.equal(foreign.status, 403);
  const without: Partial<ServiceOptions>[] = [
    { allowMirror: false },
    { mirror: undefined, dir: undefined },
    { allowMirror: false, token: undefined },
  ];
  for (const [i, options] of without.entries()) {
    await using other = await mirrorService({}, options);
    const { status, json } = await other.ask("/runs", "POST", REQUEST);
    assert.equal(status, 403);
    assert.match(json.detail, i === 1 ? /read-only storage/ : /--allow-mirror/);
  }
  assert.deepEqual(await Array.fromAsync(Deno.readDir(mirror.dir)), []);
});

Deno.test("POST /runs: a full disk is 507 at once; a run that does not fit fails its job before it copies", async () => {
  let free = 0;
  const readSpace = () => Promise.resolve({ bavail: free, bsize: 1 });
  await using mirror = await mirrorService({ readSpace });
  const full = await mirror.ask("/runs", "POST", REQUEST);
  assert.deepEqual([full.status, full.json.type], [507, "urn:run-outputs:no-space"]);
  free = 100 * 1024 ** 2 + 5;
  const small = await mirror.ended((await mirror.ask("/runs", "POST", REQUEST)).json.job);
  assert.deepEqual([small.state, small.error.status, small.error.needed], ["failed", 507, 24]);
  assert.deepEqual(mirror.source.reads, []);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(mirror.dir)), []);
});

Deno.test("the last 200 jobs that have ended are kept, and 100 can wait", async () => {
  await using mirror = await mirrorService();
  const held = hold(mirror.source);
  await mirror.jobs.submit({ ...REQUEST, platform: "linux" });
  await held.reached;
  const submit = (id: number) =>
    mirror.jobs.submit({ ...REQUEST, run_id: `9${id}`, platform: "linux" });
  for (const round of [0, 100, 200]) {
    const jobs = [];
    for (let i = 0; i < 100; i++) jobs.push((await submit(round + i)).job);
    await assert.rejects(submit(999), { code: "transient", message: /100 are queued/ });
    for (const job of jobs) await mirror.jobs.cancel(job);
  }
  held.go();
  const jobs = await mirror.jobs.list();
  assert.deepEqual([jobs.length, jobs[0].run, jobs.at(-1)!.run], [201, "9299-linux", "123-linux"]);
});
