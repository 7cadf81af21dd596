/**
 * The index of many runs: requests and seconds of a page, a filter, the latest run and one run, on
 * disk and on an S3 server in this process whose answers take some time. Without summaries, with
 * summaries, and for a process that has been asked the same before.
 *
 *     deno task bench:runs [RUNS] [FILES] [S3_RUNS] [LATENCY_MS] [--json FILE]
 *
 * @module
 */

import pMap from "p-map";
import { RunOutputRoot } from "../../src/layout/run_output_root.ts";
import { inputsOf } from "../../src/operations/retained/derive.ts";
import { runOperation } from "../../src/operations/retained/operation.ts";
import { RUNS_OPERATIONS } from "../../src/operations/retained/operations.ts";
import { RunDetailsCache } from "../../src/operations/retained/details_cache.ts";
import { RunIndex, type RunIndexOptions } from "../../src/operations/retained/run_index.ts";
import { writeSummary } from "../../src/operations/retained/summary_file.ts";
import { formatPart } from "../../src/runs/format_part.ts";
import {
  formatSummary,
  parseSummary,
  type RetentionSummary,
} from "../../src/runs/retention/summary.ts";
import type { StorageBackend } from "../../src/storage/backend.ts";
import { bytesSource } from "../../src/storage/byte_source.ts";
import { LocalBackend } from "../../src/storage/local/local.ts";
import { changed } from "../support/changed_backend.ts";
import { collect } from "../support/bytes.ts";
import { manifestPart, outputFile } from "../support/manifest.ts";
import { memoryS3 } from "../support/s3_subject.ts";
import { tempDir } from "../support/temp_dir.ts";
import { OURS, Report, VERSION } from "./report.ts";

const report = new Report();
const [runs = 10_000, files = 100, s3Runs = 10_000, latency = 30] = report.args.map(Number);

/** One run in so many is of the group that a filter looks for. */
const EVERY = 10;
const BUCKET = "suite";
const FIRST = 20_000_000_000;

const rootAt = (i: number) =>
  new RunOutputRoot({ bucket: BUCKET, runId: `${FIRST + i * 7}`, platform: "linux" });

/** The paths of a run's files. */
function pathsOf(i: number, count: number): string[] {
  const group = i % EVERY === 0 ? "rare" : "common";
  return Array.from({ length: count }, (_, n) => `logs/${group}/${`${n}`.padStart(4, "0")}.log`);
}

/** The text of a run's one part. */
function partOf(i: number, count: number): string {
  const { runId: run_id, platform } = rootAt(i);
  return formatPart(manifestPart("build", pathsOf(i, count).map((path) => outputFile(path, "x")), {
    run: { repository: "ROCm/TheRock", run_id, run_attempt: 1, platform },
  }));
}

/** Writes a summary for each run: that of a run like it. */
async function summarize(backend: StorageBackend, count: number): Promise<void> {
  const likes: RetentionSummary[] = [];
  for (let i = 0; i < Math.min(2, count); i++) {
    await writeSummary(backend, rootAt(i), { tool: "bench" });
    await using body = await backend.read(rootAt(i).retentionSummary());
    likes.push(parseSummary(new TextDecoder().decode(await collect(body)), "example"));
  }
  await pMap(Array(count).keys(), async (i) => {
    const root = rootAt(i);
    const inputs = await Array.fromAsync(backend.list(root.outputsManifestDir()));
    const like = likes[i % EVERY === 0 ? 0 : 1];
    const run = { ...like.run, run_id: root.runId };
    const text = formatSummary({ ...like, run, inputs: inputsOf(inputs) });
    await backend.write(root.retentionSummary(), bytesSource(text));
  }, { concurrency: 32 });
}

/** Puts runs on a disk: each file of a run is a link to that of the first one. */
async function fillDisk(dir: string): Promise<void> {
  const source = `${dir}/.source`;
  await Deno.mkdir(source);
  for (let n = 0; n < files; n++) await Deno.writeTextFile(`${source}/${n}`, "x");
  for (let i = 0; i < runs; i++) {
    const at = `${dir}/${rootAt(i).root().key}`;
    const paths = pathsOf(i, files);
    Deno.mkdirSync(`${at}/${paths[0].replace(/\/[^/]*$/, "")}`, { recursive: true });
    Deno.mkdirSync(`${at}/manifests/outputs`, { recursive: true });
    for (const [n, path] of paths.entries()) Deno.linkSync(`${source}/${n}`, `${at}/${path}`);
    Deno.writeTextFileSync(`${at}/manifests/outputs/build.json`, partOf(i, files));
  }
}

/** A storage that counts its calls. */
function counted(backend: StorageBackend): { backend: StorageBackend; calls: () => number } {
  let calls = 0;
  const counts = (name: "list" | "read" | "stat" | "children") => ({
    [name]: (...args: never[]) => {
      calls++;
      return (backend[name] as (...args: never[]) => unknown)(...args);
    },
  });
  const changes = {
    ...counts("list"),
    ...counts("read"),
    ...counts("stat"),
    ...counts("children"),
  };
  return { backend: changed(backend, changes), calls: () => calls };
}

interface Measured {
  /** What is measured. */
  readonly title: string;
  /** The index. */
  readonly index: RunIndex;
  /** The number of requests until now. */
  readonly requests: () => number;
  /** After how many milliseconds a search ends. */
  readonly budget?: number;
  /** Whether to print nothing. */
  readonly silent?: boolean;
}

async function measure({ title, index, requests, budget, silent }: Measured): Promise<void> {
  const context = { index, tool: "bench", budget };
  const list = (params: Record<string, unknown>) =>
    runOperation(RUNS_OPERATIONS.list, context, params);
  const steps: readonly (readonly [name: string, run: () => Promise<string>])[] = [
    ["the names of all runs", async () => `${(await index.names()).runs.length} runs`],
    ["a page of 50", async () => `${(await list({})).runs.length} runs`],
    [`50 runs of a group of 1 in ${EVERY}`, async () => {
      const { runs, scanned } = await list({ group: "rare" });
      return `${runs.length} runs, looked into ${scanned}`;
    }],
    [
      `a group without runs${budget === undefined ? "" : `, at most ${budget / 1000} s`}`,
      async () => {
        const { scanned } = await list({ group: "none" });
        return `looked into ${scanned}`;
      },
    ],
    ["latest", async () => (await runOperation(RUNS_OPERATIONS.latest, context, {})).key],
    ["one run, by its key", async () => {
      const run = `${rootAt(1).root().key}`;
      return (await runOperation(RUNS_OPERATIONS.show, context, { run })).completeness;
    }],
  ];
  for (const [name, run] of steps) {
    const before = requests();
    const began = performance.now();
    const result = await run();
    const seconds = (performance.now() - began) / 1000;
    const asked = requests() - before;
    if (silent) continue;
    report.add({
      case: `${title}: ${name}`,
      tool: OURS,
      version: VERSION,
      value: seconds,
      unit: "s",
      better: "lower",
      note: `${asked} ${asked === 1 ? "request" : "requests"}; ${result}`,
    });
  }
}

/** Measures without summaries, with them, and with what has been read before. */
async function measureAll(
  count: number,
  about: Omit<Measured, "index"> & Pick<RunIndexOptions, "backend">,
  slow: (isSlow: boolean) => void = () => {},
): Promise<void> {
  const { title, backend } = about;
  const open = (more: Partial<RunIndexOptions> = {}) =>
    new RunIndex({ backend, bucket: BUCKET, ...more });
  slow(true);
  await measure({ ...about, title: `${title}, without summaries`, index: open() });
  slow(false);
  await summarize(backend, count);
  slow(true);
  await measure({ ...about, title: `${title}, with summaries`, index: open() });
  const cache = new RunDetailsCache();
  await measure({ ...about, index: open({ cache }), silent: true });
  await measure({ ...about, title: `${title}, asked again`, index: open({ cache }) });
  console.log(`  ${(cache.bytes / 1024 / 1024).toFixed(1)} MiB in memory`);
}

if (runs > 0) {
  await using temp = await tempDir();
  await fillDisk(temp.path);
  const { backend, calls } = counted(new LocalBackend(temp.path));
  await measureAll(runs, {
    title: `disk, ${runs} runs of ${files} files`,
    backend,
    requests: calls,
  });
}
if (s3Runs > 0) {
  const requests: string[] = [];
  const wait = { now: 0 };
  await using subject = await memoryS3({}, { latency: () => wait.now, log: requests });
  const { backend } = subject;
  await pMap(Array(s3Runs).keys(), async (i) => {
    const root = rootAt(i);
    await backend.write(root.file(pathsOf(i, 1)[0]), bytesSource("x"));
    await backend.write(root.outputsManifest("build"), bytesSource(partOf(i, 1)));
  }, { concurrency: 32 });
  await measureAll(
    s3Runs,
    {
      title: `S3, ${s3Runs} runs, ${latency} ms a request`,
      backend,
      requests: () => requests.length,
      budget: 2000,
    },
    (isSlow) => wait.now = isSlow ? latency : 0,
  );
}
