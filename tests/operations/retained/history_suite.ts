/**
 * Random histories of runs: lists, pages and the latest run are those of a simple model, with and
 * without a cache of details, with and without summaries.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { RunOutputsError } from "../../../src/errors/error.ts";
import { RunDetailsCache } from "../../../src/operations/retained/details_cache.ts";
import { RunIndex } from "../../../src/operations/retained/run_index.ts";
import { writeSummary } from "../../../src/operations/retained/summary_file.ts";
import type { StorageBackend } from "../../../src/storage/backend.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { ask, putRun, rootOf } from "../../support/retained.ts";
import type { Subject } from "../../storage/backend_suite.ts";
import { byAge, type ModelFilter, ModelRuns } from "../../support/run_model.ts";

const KEYS = [
  ...["9-linux", "10-linux", "10-windows", "99-linux", "100-linux", "100-windows", "1000-linux"],
  ...[
    "a-b~100-linux",
    "c~d-e~100-windows",
    "a-b~99-linux",
    "007-linux",
    "local-linux",
    "rc.1-linux",
  ],
  ...["18446744073709551617-linux", "18446744073709551616-linux"],
];
const PATHS = ["logs/g1/a.log", "logs/g2/r.html", "x_lib_generic.tar.zst", "notes.txt"];
const HOUR = 3_600_000;

/** One thing that happens. */
type Step =
  | { readonly do: "upload"; readonly key: string; readonly part: string; readonly paths: string[] }
    & {
      readonly expected: boolean;
      readonly summary: boolean;
    }
  | { readonly do: "begin" | "kill"; readonly key: string; readonly part: string }
  | { readonly do: "put"; readonly key: string; readonly paths: string[] }
  | { readonly do: "copy"; readonly key: string; readonly from: string; readonly summary: boolean }
  | { readonly do: "delete file"; readonly key: string; readonly path: string }
  | { readonly do: "delete run" | "delete summary" | "break summary" | "write summary" } & {
    readonly key: string;
  }
  | { readonly do: "pin"; readonly key: string; readonly hours?: number }
  | { readonly do: "unpin"; readonly key: string }
  | { readonly do: "jump"; readonly hours: number }
  | { readonly do: "page"; readonly limit: number; readonly filter: ModelFilter };

const key = fc.constantFrom(...KEYS);
const part = fc.constantFrom("a", "b", "c");
const paths = fc.subarray(PATHS, { minLength: 1 });
const hours = fc.integer({ min: -200, max: 200 });
const filter: fc.Arbitrary<ModelFilter> = fc.constantFrom(
  {},
  {},
  { platform: "linux" },
  { group: "g1" },
  { completeness: "complete" },
  { pinned: true },
);

function step<N extends Step["do"]>(name: N, members: object) {
  return fc.record({ do: fc.constant(name), ...members }) as unknown as fc.Arbitrary<Step>;
}

const steps = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: step("upload", {
        key,
        part,
        paths,
        expected: fc.boolean(),
        summary: fc.boolean(),
      }),
    },
    { weight: 2, arbitrary: step("put", { key, paths }) },
    { weight: 1, arbitrary: step("begin", { key, part }) },
    { weight: 1, arbitrary: step("kill", { key, part }) },
    { weight: 2, arbitrary: step("copy", { key, from: key, summary: fc.boolean() }) },
    { weight: 2, arbitrary: step("delete file", { key, path: fc.constantFrom(...PATHS) }) },
    { weight: 2, arbitrary: step("delete run", { key }) },
    { weight: 1, arbitrary: step("delete summary", { key }) },
    { weight: 1, arbitrary: step("break summary", { key }) },
    { weight: 1, arbitrary: step("write summary", { key }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant("pin" as const),
        key,
        hours: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
      }),
    },
    { weight: 1, arbitrary: step("unpin", { key }) },
    { weight: 1, arbitrary: step("jump", { hours }) },
    {
      weight: 5,
      arbitrary: step("page", { limit: fc.integer({ min: 1, max: 4 }), filter }),
    },
  ),
  { minLength: 5, maxLength: 40, size: "max" },
);

/** What is asked about the latest run, one question after each step. */
const QUESTIONS: readonly {
  readonly filter: ModelFilter;
  readonly after?: string;
  readonly allowIncomplete?: boolean;
}[] = [{}, { platform: "windows" }, { group: "g2" }].flatMap((filter) => [
  { filter },
  { filter, allowIncomplete: true },
  { filter, after: "99" },
  { filter, after: "local" },
]);

/** A reader that turns pages while everything else happens. */
interface Walk {
  readonly filter: ModelFilter;
  readonly seen: string[];
  cursor?: string;
  /** The runs that matched from the beginning until now. */
  steady: Set<string>;
}

/** A storage and its model, which the same things happen to. */
class History {
  readonly model = new ModelRuns();
  #sequence = 0;
  #asked = 0;
  #walk: Walk | undefined;
  /** Runs with files that were added or deleted after their summary was written. */
  readonly #changed = new Set<string>();
  /** Of a process that answers all questions. It is full at times. */
  readonly #cache = new RunDetailsCache({ maxBytes: 30_000 });

  constructor(readonly backend: StorageBackend) {}

  /** Asks as a client does, at the model's time. Whoever has a cache gets the same answer. */
  async ask(name: Parameters<typeof ask>[1], params: Record<string, unknown>) {
    const now = () => new Date(this.model.now);
    const answer = this.#askPlainly(name, params);
    if (name === "pin" || name === "unpin") return await answer;
    const index = new RunIndex({ backend: this.backend, bucket: "suite", now, cache: this.#cache });
    const expected = await outcome(answer);
    const cached = await outcome(ask(this.backend, name, params, { index }, now));
    assert.deepEqual(cached, expected, `${name} ${JSON.stringify(params)}`);
    return await answer;
  }

  #askPlainly(name: Parameters<typeof ask>[1], params: Record<string, unknown>) {
    return ask(this.backend, name, params, {}, () => new Date(this.model.now));
  }

  async do(step: Step): Promise<void> {
    const { backend, model } = this;
    if (step.do === "jump") {
      model.now += step.hours * HOUR;
      return;
    }
    if (step.do === "page") return await this.#turn(step.limit, step.filter);
    const run = model.run(step.key);
    const root = rootOf(step.key);
    // No two versions of a part are equal, as in life.
    const head = { at: new Date(model.now).toISOString(), run: { run_attempt: ++this.#sequence } };
    switch (step.do) {
      case "upload": {
        const { part, paths, expected } = step;
        const wanted = expected && run.expected.length === 0 ? ["a", "b"] : undefined;
        await putRun(backend, step.key, { ...head, parts: { [part]: paths }, expected: wanted });
        await backend.delete(root.outputsManifestDir().join(`${part}.incomplete`)).catch(() => {});
        if (wanted !== undefined) run.expected = wanted;
        for (const path of paths) run.files.add(path);
        run.parts.set(part, paths);
        run.marked.delete(part);
        run.stored = undefined;
        if (step.summary) await this.#summarize(step.key);
        break;
      }
      case "kill":
        await backend.delete(root.outputsManifest(step.part)).catch(() => {});
        run.parts.delete(step.part);
        // falls through
      case "begin":
        await putRun(backend, step.key, { ...head, marked: [step.part] });
        run.marked.add(step.part);
        run.stored = undefined;
        break;
      case "put":
        await putRun(backend, step.key, { files: step.paths });
        for (const path of step.paths) run.files.add(path);
        this.#changed.add(step.key);
        break;
      case "copy": {
        const source = model.runs.get(step.from);
        if (source === undefined || source.parts.size === 0) break;
        const parts = Object.fromEntries(source.parts);
        await putRun(backend, step.key, { at: head.at, parts, run: { ...head.run, run_id: "5" } });
        for (const [name, paths] of source.parts) {
          run.parts.set(name, paths);
          for (const path of paths) run.files.add(path);
        }
        run.stored = undefined;
        if (step.summary) await this.#summarize(step.key);
        break;
      }
      case "delete file":
        await backend.delete(root.file(step.path)).catch(() => {});
        run.files.delete(step.path);
        this.#changed.add(step.key);
        break;
      case "delete run": {
        const all = await Array.fromAsync(backend.list(root.root()));
        await backend.deleteAll(all.map(({ location }) => location));
        model.runs.delete(step.key);
        break;
      }
      case "delete summary":
        await backend.delete(root.retentionSummary()).catch(() => {});
        run.stored = undefined;
        break;
      case "break summary":
        await backend.write(root.retentionSummary(), bytesSource("{"));
        run.stored = undefined;
        break;
      case "write summary":
        await this.#summarize(step.key);
        break;
      case "pin": {
        if (run.view() === undefined || run.pinnedUntil !== undefined) break;
        const until = step.hours === undefined ? undefined : `${step.hours}h`;
        await this.ask("pin", { run: step.key, reason: "why", until });
        run.pinnedUntil = step.hours === undefined ? Infinity : model.now + step.hours * HOUR;
        break;
      }
      case "unpin":
        if (run.view() === undefined || run.pinnedUntil === undefined) break;
        await this.ask("unpin", { run: step.key });
        run.pinnedUntil = undefined;
        break;
    }
  }

  /** What must be so after each step. */
  async check(): Promise<void> {
    const { model } = this;
    if (this.#walk !== undefined) {
      const here = new Set(model.list(this.#walk.filter));
      this.#walk.steady = this.#walk.steady.intersection(here);
    }
    // All of them after each step would take long.
    const { filter, ...more } = QUESTIONS[this.#asked++ % QUESTIONS.length];
    const { allowIncomplete, after } = more;
    const params = { ...filter, after, allow_incomplete: allowIncomplete };
    const keysOf = (skipped: readonly { key: string }[]) => skipped.map(({ key }) => key);
    let found: ReturnType<ModelRuns["latest"]>;
    try {
      const { key, passed_over } = await this.ask("latest", params);
      found = { key, passedOver: keysOf(passed_over) };
    } catch (error) {
      if (!(error instanceof RunOutputsError) || error.code !== "not_found") throw error;
      // deno-lint-ignore no-explicit-any -- a test asserts on what it expects
      found = { passedOver: keysOf((error.cause as any).details.passed_over) };
    }
    assert.deepEqual(found, model.latest(filter, more), JSON.stringify(params));
  }

  /** What must be so at the end. */
  async checkAll(): Promise<void> {
    const { runs } = await this.ask("list", {});
    const found = runs.map((
      // deno-lint-ignore no-explicit-any -- a test asserts on what it expects
      { key, completeness, groups, uploading, missing_files: missing = 0 }: any,
    ) => [key, { completeness, groups, uploading: uploading?.parts ?? [], missing }]);
    assert.deepEqual(
      found,
      this.model.list().map((key) => [key, this.model.runs.get(key)!.view()]),
    );
    while (this.#walk !== undefined) await this.#turn(2, {});
    await this.#checkWithoutSummaries();
  }

  /** What is answered without summaries is the same, but for what is said about them. */
  async #checkWithoutSummaries(): Promise<void> {
    const { runs } = this.model;
    for (const [key, { stored }] of runs) {
      if (stored !== undefined && this.#changed.has(key)) await this.#summarize(key);
    }
    const before = await this.#answers();
    await this.backend.deleteAll([...runs.keys()].map((key) => rootOf(key).retentionSummary()));
    assert.deepEqual(await this.#answers(), before);
  }

  /** Every answer, as JSON, without the member about summaries. */
  async #answers(): Promise<unknown> {
    const asked = ["list", "latest"].map((name) => [name, {}]);
    for (const run of this.model.runs.keys()) {
      for (const name of ["show", "reports", "manifest"]) asked.push([name, { run }]);
    }
    const answers: unknown[] = [];
    for (const [name, params] of asked as Parameters<typeof this.ask>[]) {
      answers.push(await outcome(this.#askPlainly(name, params)));
    }
    const withoutSummary = (name: string, value: unknown) => name === "summary" ? undefined : value;
    return JSON.parse(JSON.stringify(answers), withoutSummary);
  }

  async #turn(limit: number, filter: ModelFilter): Promise<void> {
    const { model } = this;
    this.#walk ??= { filter, seen: [], steady: new Set(model.list(filter)) };
    const walk = this.#walk;
    const { runs, next } = await this.ask("list", { ...walk.filter, limit, cursor: walk.cursor });
    const page: string[] = runs.map((run: { key: string }) => run.key);
    const last = walk.seen.at(-1);
    const behind = model.list(walk.filter).filter((key) =>
      last === undefined || byAge(key, last) > 0
    );
    assert.deepEqual(page, behind.slice(0, limit));
    walk.seen.push(...page);
    walk.cursor = next;
    if (next !== undefined) return;
    assert.equal(new Set(walk.seen).size, walk.seen.length, "no run twice");
    assert.deepEqual([...walk.steady.difference(new Set(walk.seen))], [], "none skipped");
    this.#walk = undefined;
  }

  async #summarize(key: string): Promise<void> {
    const run = this.model.run(key);
    const derived = run.derive();
    const result = await writeSummary(this.backend, rootOf(key), { tool: "test" });
    assert.equal(result?.error, undefined);
    assert.equal(result === undefined, derived === undefined);
    if (derived === undefined) return;
    run.stored = derived;
    this.#changed.delete(key);
    // On a disk, two summaries can have the same size, inode and millisecond.
    if (!(this.backend instanceof LocalBackend)) return;
    const time = new Date(++this.#sequence * 1000);
    const path = rootOf(key).retentionSummary().localPath(this.backend.stagingDir);
    await Deno.utime(path, time, time);
  }
}

/** An answer, or the error. */
async function outcome(answer: Promise<unknown>): Promise<unknown> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof RunOutputsError)) throw error;
    return { code: error.code, message: error.message };
  }
}

/** Registers the test for a kind of storage whose bucket is `suite`. */
export function historySuite(kind: string, open: () => Promise<Subject>, numRuns: number): void {
  Deno.test(`runs, ${kind}: latest, lists and pages of any history are those of a model`, async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        await using subject = await open();
        const history = new History(subject.backend);
        for (const step of all) {
          await history.do(step);
          await history.check();
        }
        await history.checkAll();
      }),
      { numRuns },
    );
  });
}
