/**
 * `deno task bench:startup [ROUNDS] [--json FILE]`: what the start of `--help`, `path` and of a command with and
 * without its fence costs, all in turn in one run: processor time, memory and elapsed time. What
 * counts are the ratios of processor time, and what a fence adds to it.
 *
 * With `RUN_OUTPUTS_EXECUTABLE`, the executable too, compared with the one that
 * `RUN_OUTPUTS_EMPTY_EXECUTABLE` names: an empty program, compiled with the same base runtime. Needs
 * GNU time.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { tempDir } from "../support/temp_dir.ts";
import { OURS, Report, VERSION } from "./report.ts";

const report = new Report();
const ROUNDS = Number(report.args[0] ?? 20);
const CLI = fileURLToPath(new URL("../../cli.ts", import.meta.url));
const PATH = ["path", "root", "--run-id", "1", "--platform", "linux"];
const UPLOAD = ["upload", "files", CLI, "--to", "x", "--output-dir", "nowhere", "--dry-run"];

/** Programs, each with what its ratios compare with. */
const cases = new Map<string, { readonly base: string; readonly line: readonly string[] }>();

function add(base: string, name: string, ...line: readonly string[]): void {
  cases.set(name, { base, line });
}

/** Adds a command with and without its fence. */
function addBoth(base: string, name: string, ...line: readonly string[]): void {
  add(base, `${name}, not fenced`, "env", "RUN_OUTPUTS_FENCE=0", ...line);
  add(base, name, ...line);
}

const NOTHING = "deno eval ''";
const RUN = [Deno.execPath(), "run", "-q", "-P", CLI];
add(NOTHING, NOTHING, Deno.execPath(), "eval", "");
add(NOTHING, "cli.ts --help", ...RUN, "--help");
add(NOTHING, "cli.ts path", ...RUN, ...PATH);
addBoth(NOTHING, "cli.ts upload --dry-run", ...RUN, ...UPLOAD);
const executable = Deno.env.get("RUN_OUTPUTS_EXECUTABLE");
if (executable !== undefined) {
  const empty = Deno.env.get("RUN_OUTPUTS_EMPTY_EXECUTABLE");
  const base = empty === undefined ? NOTHING : "an empty executable";
  if (empty !== undefined) add(base, base, empty);
  add(base, "executable --help", executable, "--help");
  add(base, "executable path", executable, ...PATH);
  addBoth(base, "executable upload --dry-run", executable, ...UPLOAD);
}

/** What a process took: seconds of the processor, MB of memory, seconds. */
type Cost = readonly [cpu: number, memory: number, elapsed: number];

await using dir = await tempDir();

async function costOf(name: string, line: readonly string[]): Promise<Cost> {
  const file = `${dir.path}/cost`;
  const { success, stderr } = await new Deno.Command("/usr/bin/time", {
    args: ["-f", "%U %S %M %e", "-o", file, ...line],
    stdin: "null",
  }).output();
  if (!success) throw new Error(`${name} failed: ${new TextDecoder().decode(stderr)}`);
  const [user, system, memory, elapsed] = (await Deno.readTextFile(file)).split(" ").map(Number);
  return [user + system, memory / 1024, elapsed];
}

const costs = new Map<string, Cost[]>([...cases.keys()].map((name) => [name, []]));
// The first round fills Deno's caches and does not count.
for (let round = -1; round < ROUNDS; round++) {
  for (const [name, { line }] of cases) {
    const cost = await costOf(name, line);
    if (round >= 0) costs.get(name)!.push(cost);
  }
}

const median = (numbers: readonly number[]) =>
  numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const mean = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0) / numbers.length;
const cpuOf = (name: string) => mean(costs.get(name)!.map(([cpu]) => cpu));
console.log(`${ROUNDS} rounds: mean processor time, median memory and elapsed time`);
for (const [name, { base }] of cases) {
  if (name === base) continue;
  report.add(...[name, base].map((one) => {
    const [memory, elapsed] = [1, 2].map((i) => median(costs.get(one)!.map((cost) => cost[i])));
    return {
      case: name,
      tool: one === base ? base : OURS,
      version: one === base ? Deno.version.deno : VERSION,
      value: cpuOf(one) * 1000,
      unit: "ms",
      better: "lower" as const,
      memory,
      note: `${elapsed.toFixed(2)} s elapsed`,
    };
  }));
}
