/** The page and the plot that `deno task bench` makes of the results. */

import assert from "node:assert/strict";
import { assertGolden } from "../support/golden.ts";
import { BENCHMARKS } from "./benchmarks.ts";
import { renderPage, type Section } from "./page.ts";
import { renderPlot } from "./plot.ts";
import { amount, leftOutBecause, ratioOf, Report, resultOf, type Row } from "./report.ts";

const about = {
  about: "What was done.",
  command: "deno task bench --only some",
  date: "2026-11-30",
  machine: "2 × a processor, 8 GiB of memory, linux 6.1",
  program: "run-outputs 0.1.0 of commit 12345678, bundled, with Deno 2.9.6",
};
const seconds = { unit: "s", better: "lower" } as const;

function transfers(files: number, size: number, name: string, times: readonly number[]): Row[] {
  return (["up", "down"] as const).flatMap((way) =>
    ["run-outputs", "aws", "rclone", "curl"].map((tool, i): Row => ({
      case: `${name}, ${way}`,
      tool,
      version: `1.${i}`,
      ...seconds,
      value: way === "up" ? times[i] : times[i] / 2,
      memory: 100 + i,
      transfer: { way, files, size },
    }))
  );
}

const SECTIONS: readonly Section[] = [
  {
    ...about,
    benchmark: "transfer",
    title: "Transfers",
    rows: [
      ...transfers(1000, 4096, "1000 × 4 KiB", [1, 4, 2, 0.5]),
      ...transfers(4, 256 * 1024 ** 2, "4 × 256 MiB", [4, 4, 5, 3]),
      { case: "1000 × 4 KiB, up", tool: "boto3", ...seconds, note: "no module 'boto3'" },
    ],
  },
  {
    ...about,
    benchmark: "serve",
    title: "The service",
    rows: [
      { case: "1 GB", tool: "run-outputs", value: 1025, unit: "MB/s", better: "higher" },
      {
        case: "1 GB",
        tool: "nginx",
        version: "1.22.1",
        value: 2420,
        unit: "MB/s",
        better: "higher",
      },
    ],
    failed: "error: a | b\nand more",
  },
  { ...about, benchmark: "fetch", title: "Fetch", rows: [], failed: "ceph-mon is not installed" },
];

Deno.test("bench: the page is a pure function of the rows", () =>
  assertGolden("performance/page.md", renderPage(SECTIONS)));

Deno.test("bench: the plot is a pure function of the rows", async () => {
  await assertGolden("performance/plot.svg", renderPlot(SECTIONS));
  assert.match(renderPlot([]), /not measured yet/);
});

Deno.test("bench: a note says in plain words why a tool was left out", () => {
  const traceback = 'Traceback (most recent call last):\n  File "<string>", line 1, in <module>\n' +
    "ModuleNotFoundError: No module named 'zstandard'\n";
  assert.equal(leftOutBecause(traceback), "the Python module zstandard is not installed");
  assert.equal(leftOutBecause(new Error("more\nexit 2")), "exit 2");
});

Deno.test("bench: docs/performance.md and .svg are what docs/performance.json renders to", async () => {
  const read = (ending: string) =>
    Deno.readTextFile(new URL(`../../docs/performance.${ending}`, import.meta.url));
  const sections: Section[] = JSON.parse(await read("json"));
  const names = BENCHMARKS.map(({ name }) => name);
  assert.deepEqual(
    sections.map(({ benchmark }) => benchmark).filter((n) => !names.includes(n)),
    [],
  );
  const hint = "'deno task bench --render' writes it again";
  assert.equal(await read("md"), renderPage(sections), hint);
  assert.equal(await read("svg"), renderPlot(sections), hint);
});

Deno.test("ratioOf(): above 1 is better for us, for times and for speeds", () => {
  const row = (tool: string, value?: number, better: Row["better"] = "lower"): Row => (
    { case: "a", tool, value, unit: "s", better }
  );
  const times = [row("run-outputs", 2), row("aws", 3), row("curl")];
  assert.deepEqual(times.map((one) => ratioOf(one, times)), [undefined, 1.5, undefined]);
  const speeds = [row("run-outputs", 100, "higher"), row("nginx", 200, "higher")];
  assert.equal(ratioOf(speeds[1], speeds), 0.5);
  assert.equal(ratioOf(times[1], times.slice(1)), undefined);
  assert.equal(ratioOf({ ...times[1], case: "b" }, times), undefined);
});

Deno.test("amount(): three digits, or all before the point", () => {
  const amounts = [0.0123, 0.123, 1.234, 12.34, 123.4, 12_345.6, 3].map(amount);
  assert.deepEqual(amounts, ["0.012", "0.12", "1.23", "12.3", "123", "12,346", "3"]);
  assert.equal(resultOf({ case: "", tool: "", unit: "s", better: "lower" }), "left out");
});

Deno.test("Report: --json FILE is no argument of the benchmark", () => {
  assert.deepEqual(new Report(["5", "--json", "f", "--sets", "a"]).args, ["5", "--sets", "a"]);
  assert.deepEqual(new Report(["5"]).args, ["5"]);
});

Deno.test("bench: every benchmark has its task and its file", async () => {
  const { tasks } = JSON.parse(
    await Deno.readTextFile(new URL("../../deno.json", import.meta.url)),
  );
  const own = Object.keys(tasks).flatMap((task) =>
    task.startsWith("bench:") ? [task.slice(6)] : []
  );
  assert.deepEqual(BENCHMARKS.map(({ name }) => name).sort(), own.sort());
  for (const { name } of BENCHMARKS) await Deno.stat(new URL(`${name}.ts`, import.meta.url));
});
