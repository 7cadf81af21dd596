/**
 * The service under load: 200 connections ask for lists, runs and ranges of files while runs are
 * uploaded and deleted. Every byte is compared.
 *
 * `RUN_OUTPUTS_LOAD_SECONDS` is how long it takes; with it, the test prints what it has counted.
 * `tests/service/server/listen_test.ts` has more connections than descriptors.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { noise } from "../support/bytes.ts";
import { runs } from "../support/command_line.ts";
import { startServiceProcess } from "../support/service_process.ts";
import { tempDir } from "../support/temp_dir.ts";

const SECONDS = Deno.env.get("RUN_OUTPUTS_LOAD_SECONDS");
const CONNECTIONS = 200;
const SIZE = 300_000;
/** Runs that stay, all on another platform. */
const STABLE = [1, 2, 3];
/** How many of the other runs each prune leaves. */
const KEPT = 10;

const BASE = noise(2 * SIZE, 1);

/** Some bytes of the file of a run: each run has other ones. */
function contentOf(id: number, start: number, end: number): Uint8Array {
  const shift = (id * 7919) % SIZE;
  return BASE.subarray(shift + start, shift + end);
}

const keyOf = (id: number) => STABLE.includes(id) ? `${id}-windows` : `${id}-linux`;

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array;
}

/** Sends a request over the one connection of an agent. */
function ask(agent: Agent, url: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request(url, { agent, headers }, (response) => {
      const chunks: Uint8Array[] = [];
      response.on("data", (chunk: Uint8Array) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const { statusCode = 0, headers } = response;
        const body = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
        let at = 0;
        for (const chunk of chunks) {
          body.set(chunk, at);
          at += chunk.length;
        }
        resolve({ status: statusCode, headers, body });
      });
    }).on("error", reject).end();
  });
}

/** What happens during the load. */
class Load {
  /** The last run that is uploaded. */
  last = 99;
  pruned = 0;
  isOver = false;
  readonly counts: Record<string, number> = {};
  /** The memory of the service, in bytes, after each change of the runs. */
  readonly memory: number[] = [];

  constructor(readonly url: string, readonly staging: string, readonly dir: string) {}

  async upload(id: number): Promise<void> {
    await Deno.writeFile(join(this.dir, "file.bin"), contentOf(id, 0, SIZE));
    const [runId, platform] = keyOf(id).split("-");
    await runs(0, [
      ...["upload", "files", join(this.dir, "file.bin"), "--to", "logs/g", "-q"],
      ...["--output-dir", this.staging, "--run-id", runId, "--platform", platform],
    ]);
  }

  async uploadNext(): Promise<void> {
    await this.upload(this.last + 1);
    this.last++;
  }

  /** Uploads and deletes runs until the end. */
  async change(pid: number, until: number): Promise<void> {
    try {
      while (!this.isOver && (Date.now() < until || this.pruned < 3)) {
        await this.uploadNext();
        const policy = ["--keep-last", `${KEPT}`, "--min-age", "0h", "--allow-large", "--yes"];
        const prune = ["runs", "prune", "--staging-dir", this.staging, ...policy, "--json"];
        const { out } = await runs(0, prune);
        this.pruned += JSON.parse(out).deleted;
        const status = await Deno.readTextFile(`/proc/${pid}/status`);
        this.memory.push(1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]));
      }
    } finally {
      this.isOver = true;
    }
  }

  /** Asks over one connection until the end. */
  async use(seed: number): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const kinds = [this.range, this.range, this.show, this.list, this.latest, this.unchanged];
    try {
      for (let i = seed; !this.isOver; i++) {
        const kind = kinds[i % kinds.length];
        const turn = Math.floor(i / kinds.length);
        const id = turn % 2 === 0 ? STABLE[turn % 3] : this.last - turn % (KEPT + 1);
        const answer = await kind.call(this, agent, id, i);
        const name = `${kind.name} ${answer.status}`;
        this.counts[name] = (this.counts[name] ?? 0) + 1;
      }
    } finally {
      this.isOver = true;
      agent.destroy();
    }
  }

  /** Asserts the status of an answer; returns whether its body is to be compared. */
  isExpected({ status, headers, body }: Answer, expected: number, id: number): boolean {
    if (status === expected) return true;
    const text = `${headers.etag} ${new TextDecoder().decode(body.subarray(0, 300))}`;
    if (status === 503) assert.match(`${headers["retry-after"]}`, /^\d+$/, text);
    else {
      assert(
        status === 404 || status === 410,
        `${status} for ${keyOf(id)}, ${this.last}: ${JSON.stringify(text)}`,
      );
      const isDeleted = !STABLE.includes(id) && id <= this.last - KEPT;
      assert(isDeleted, `${keyOf(id)} is not deleted: ${text}`);
    }
    return false;
  }

  async range(agent: Agent, id: number, i: number): Promise<Answer> {
    const start = (i * 104_729) % SIZE;
    const end = Math.min(SIZE, start + 1 + (i * 1009) % 100_000);
    const url = `${this.url}retained-runs/${keyOf(id)}/files/logs/g/file.bin`;
    const answer = await ask(agent, url, { range: `bytes=${start}-${end - 1}` });
    if (this.isExpected(answer, 206, id)) {
      const isSame = Buffer.compare(answer.body, contentOf(id, start, end)) === 0;
      assert(isSame, `other bytes of ${keyOf(id)}, ${start}-${end}`);
    }
    return answer;
  }

  async unchanged(agent: Agent, id: number): Promise<Answer> {
    const url = `${this.url}retained-runs/${keyOf(id)}/files/logs/g/file.bin`;
    const answer = await ask(agent, url);
    if (!this.isExpected(answer, 200, id)) return answer;
    assertWhole(answer, id);
    const again = await ask(agent, url, { "if-none-match": `${answer.headers.etag}` });
    // If the run is deleted once its file is open, its manifest is no longer there to confirm the tag.
    if (again.status === 200 && !STABLE.includes(id)) assertWhole(again, id);
    else if (this.isExpected(again, 304, id)) assert.equal(again.body.length, 0);
    return again;
  }

  async show(agent: Agent, id: number): Promise<Answer> {
    const answer = await ask(agent, `${this.url}retained-runs/${keyOf(id)}`);
    if (this.isExpected(answer, 200, id)) assert.equal(parse(answer).key, keyOf(id));
    return answer;
  }

  async list(agent: Agent): Promise<Answer> {
    const answer = await ask(agent, `${this.url}retained-runs`);
    if (this.isExpected(answer, 200, STABLE[0])) {
      const keys: string[] = parse(answer).runs.map(({ key }: { key: string }) => key);
      const stable = keys.filter((key) => key.endsWith("-windows"));
      assert.deepEqual(stable, STABLE.toReversed().map(keyOf));
    }
    return answer;
  }

  async latest(agent: Agent): Promise<Answer> {
    const answer = await ask(agent, `${this.url}retained-runs/latest?platform=windows`);
    const newest = Math.max(...STABLE);
    if (this.isExpected(answer, 200, newest)) assert.equal(parse(answer).key, keyOf(newest));
    return answer;
  }
}

function assertWhole({ body }: Answer, id: number): void {
  assert(Buffer.compare(body, contentOf(id, 0, SIZE)) === 0, `other bytes of ${keyOf(id)}`);
}

const parse = ({ body }: Answer) => JSON.parse(new TextDecoder().decode(body));

Deno.test({
  name: "serve: 200 connections while runs come and go: no wrong byte, no failure, flat memory",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using temp = await tempDir();
    const staging = join(temp.path, "staging");
    await Deno.mkdir(staging);
    await using service = await startServiceProcess(staging);
    const { process, errors, url } = service;
    const lines = Array.fromAsync(errors);
    const load = new Load(url, staging, temp.path);
    for (const id of STABLE) await load.upload(id);
    for (let i = 0; i <= KEPT; i++) await load.uploadNext();
    const until = Date.now() + 1000 * Number(SECONDS ?? 15);
    const clients = Array.from({ length: CONNECTIONS }, (_, i) => load.use(i));
    // All of them end when one has failed.
    const ends = await Promise.allSettled([load.change(process.pid, until), ...clients]);
    for (const end of ends) if (end.status === "rejected") throw end.reason;
    for (const name of ["range 206", "show 200", "list 200", "latest 200", "unchanged 304"]) {
      assert(load.counts[name] > 0, `${name}: ${JSON.stringify(load.counts)}`);
    }
    const warm = Math.ceil(load.memory.length / 3);
    const first = Math.max(...load.memory.slice(0, warm));
    const rest = Math.max(...load.memory.slice(warm));
    if (SECONDS !== undefined) console.log({ ...load.counts, pruned: load.pruned, first, rest });
    assert(rest < 1.5 * first + 100e6, `memory: ${load.memory}`);
    process.kill("SIGTERM");
    assert.equal((await process.status).code, 0);
    assert.deepEqual((await lines).filter((line) => /error|warn|fail|ended/i.test(line)), []);
  },
});
