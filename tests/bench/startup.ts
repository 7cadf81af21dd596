/**
 * `deno task bench:startup`: how long `path` and `--help` take to start, beside `deno eval ''`, all
 * in turn in one run. What counts are the ratios.
 *
 * @module
 */

import { fileURLToPath } from "node:url";

const ROUNDS = Number(Deno.args[0] ?? 20);
const CLI = fileURLToPath(new URL("../../cli.ts", import.meta.url));
const RUN = ["run", "-q", "-P", CLI];

const CASES: readonly (readonly [string, readonly string[]])[] = [
  ["deno eval ''", ["eval", ""]],
  ["run-outputs --help", [...RUN, "--help"]],
  ["run-outputs path", [...RUN, "path", "root", "--run-id", "1", "--platform", "linux"]],
  ["run-outputs upload --dry-run", [
    ...RUN,
    ...["upload", "files", CLI, "--to", "x", "--output-dir", "nowhere", "--dry-run"],
  ]],
];

const times = new Map<string, number[]>(CASES.map(([name]) => [name, []]));
// The first round fills Deno's caches and does not count.
for (let round = -1; round < ROUNDS; round++) {
  for (const [name, args] of CASES) {
    const start = performance.now();
    const { code, stderr } = await new Deno.Command(Deno.execPath(), { args: [...args] }).output();
    const time = performance.now() - start;
    if (code !== 0) {
      throw new Error(`${name} ended with ${code}: ${new TextDecoder().decode(stderr)}`);
    }
    if (round >= 0) times.get(name)!.push(time);
  }
}

const median = (list: readonly number[]) => list.toSorted((a, b) => a - b)[list.length >> 1];
const base = median(times.get(CASES[0][0])!);
console.log(`${ROUNDS} rounds, medians`);
for (const [name, list] of times) {
  const time = median(list);
  console.log(
    `${name.padEnd(30)} ${time.toFixed(0).padStart(5)} ms  ${
      (time / base).toFixed(2).padStart(5)
    }x`,
  );
}
