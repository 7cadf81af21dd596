/**
 * `deno task bench:memory [FILES] [CASE…] [--json FILE]`: how much memory a command takes for a run of many files,
 * each of 16 bytes, a thousand in a directory. Cases: `upload`, `list`, `list-json`, `copy`,
 * `verify`; all by default. They use the run that the upload has written. Needs GNU time.
 *
 * @module
 */

import { tempDir } from "../support/temp_dir.ts";
import { bundled } from "./bundled.ts";
import { OURS, Report, VERSION } from "./report.ts";

const report = new Report();
const [count = "20000", ...chosen] = report.args;
const FILES = Number(count);
const PER_DIRECTORY = 1000;
await using bundle = await bundled();
const CLI = `${bundle.dir}/cli.js`;

await using temp = await tempDir();
const [source, staging, copy] = ["source", "staging", "copy"].map((name) => `${temp.path}/${name}`);
const RUN = ["--run-id", "1", "--platform", "linux"];
const upload = ["upload", "files", source, "--to", "files", "--output-dir", staging, ...RUN];

/** The commands, in the order in which they need each other. */
const CASES: Readonly<Record<string, readonly string[]>> = {
  "upload": [...upload, "--no-index", "--json"],
  "list": ["list", "--staging-dir", staging, ...RUN],
  "list-json": ["list", "--staging-dir", staging, ...RUN, "--no-manifest", "--json"],
  "copy": ["copy", "--from-staging", staging, "--to-staging", copy, ...RUN, "--json"],
  "verify": ["verify", "--staging-dir", staging, ...RUN],
};

/** Writes the files. */
function fill(): void {
  for (let i = 0; i < FILES; i++) {
    const dir = `${source}/d${`${Math.floor(i / PER_DIRECTORY)}`.padStart(4, "0")}`;
    if (i % PER_DIRECTORY === 0) Deno.mkdirSync(dir, { recursive: true });
    const name = `f${`${i}`.padStart(7, "0")}`;
    Deno.writeTextFileSync(`${dir}/${name}.bin`, name.padEnd(16, "."));
  }
}

/** Runs a command: its highest memory in MB, its seconds, and those of the processor. */
async function measure(args: readonly string[]) {
  const file = `${temp.path}/cost`;
  const line = [Deno.execPath(), "run", "-q", "-P", CLI, ...args];
  const { success, stderr } = await new Deno.Command("/usr/bin/time", {
    args: ["-f", "%M %e %U %S", "-o", file, ...line],
    stdin: "null",
    stdout: "null",
  }).output();
  if (!success) throw new Error(`${args[0]} failed: ${new TextDecoder().decode(stderr)}`);
  const [kib, elapsed, user, system] = Deno.readTextFileSync(file).trim().split(" ").map(Number);
  return { memory: kib / 1024, elapsed, cpu: user + system };
}

fill();
for (const [name, args] of Object.entries(CASES)) {
  // The others need its result.
  if (name !== "upload" && chosen.length > 0 && !chosen.includes(name)) continue;
  const { memory, elapsed, cpu } = await measure(args);
  report.add({
    case: `${name}, ${FILES.toLocaleString("en-US")} files`,
    tool: OURS,
    version: VERSION,
    value: memory,
    unit: "MiB",
    better: "lower",
    note: `${elapsed.toFixed(1)} s, ${cpu.toFixed(1)} s of the processor`,
  });
}
