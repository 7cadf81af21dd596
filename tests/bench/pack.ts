/**
 * How fast archives are made, how small they are and how much memory that takes: by this project
 * with one worker and with all, by GNU tar with as many threads of zstd or xz, and by Python's
 * `tarfile`, for .tar.xz with its `lzma`, for .tar.zst with the program zstd.
 *
 * The tree is one of files of this machine. Levels are the usual ones: zstd 3, xz 6.
 *
 * Needs GNU tar, xz, zstd, Python and GNU time, whose memory is that of the largest process. `--from
 * DIR` names other files. `--work DIR`, best in a file system in memory, keeps the tree for the next
 * time.
 *
 * Usage: deno task bench:pack [--rounds 1] [--workers 2] [--size 500] [--from /usr] [--sets zst,xz]
 *   [--work DIR] [--json FILE]
 *
 * @module
 */

import { parseArgs } from "node:util";
import { bundled } from "./bundled.ts";
import { discard } from "./discard.ts";
import { leftOutBecause, OURS, Report, type Row, VERSION, versionsOf } from "./report.ts";

const report = new Report();
const { values } = parseArgs({
  args: [...report.args],
  options: {
    rounds: { type: "string", default: "1" },
    workers: { type: "string", default: String(navigator.hardwareConcurrency) },
    size: { type: "string", default: "500" },
    from: { type: "string", default: "/usr" },
    work: { type: "string" },
    sets: { type: "string", default: "zst,xz" },
  },
});
const size = Number(values.size) * 1e6;
const { workers } = values;
await using bundle = await bundled();
const work = values.work ?? await Deno.makeTempDir({ prefix: "run-outputs-bench-" });
await Deno.mkdir(work, { recursive: true });
const tree = `${work}/tree`;

const PYTHON_XZ = `
import sys, tarfile
with tarfile.open(sys.argv[2], "w:xz", preset=6) as t: t.add(sys.argv[1], ".")
`;
const PYTHON_ZST = `
import subprocess, sys, tarfile
zstd = subprocess.Popen(["zstd", "-q", "-3", "-T" + sys.argv[3], "-f", "-o", sys.argv[2]],
                        stdin=subprocess.PIPE)
with tarfile.open(fileobj=zstd.stdin, mode="w|") as t: t.add(sys.argv[1], ".")
zstd.stdin.close()
sys.exit(zstd.wait())
`;

interface Measured {
  readonly seconds: number;
  /** MiB of the largest process. */
  readonly memory: number;
  /** Of the archive. */
  readonly bytes: number;
}

async function run(command: readonly string[]): Promise<void> {
  const [program, ...args] = command;
  const { success, stderr } = await new Deno.Command(program, { args, stdout: "null" }).output();
  if (!success) throw new Error(`${program}: ${new TextDecoder().decode(stderr)}`);
}

async function measure(command: readonly string[], archive: string): Promise<Measured> {
  const cost = `${work}/time`;
  const start = performance.now();
  await run(["/usr/bin/time", "-o", cost, "-f", "%M", ...command]);
  const seconds = (performance.now() - start) / 1000;
  const { size: bytes } = await Deno.stat(archive);
  await Deno.remove(archive);
  return { seconds, memory: Number(await Deno.readTextFile(cost)) / 1024, bytes };
}

/** Copies files until there are enough of them; returns their size. */
async function makeTree(): Promise<number> {
  const noted = `${work}/tree.size`;
  const before = await Deno.readTextFile(noted).catch(() => undefined);
  if (before !== undefined) return Number(before);
  let filled = 0;
  async function walk(dir: string): Promise<void> {
    const entries = await Array.fromAsync(Deno.readDir(dir)).catch(() => []);
    entries.sort((a, b) => a.name < b.name ? -1 : 1);
    for (const { name, isDirectory, isFile } of entries) {
      if (filled >= size) return;
      const path = `${dir}/${name}`;
      if (isDirectory) await walk(path);
      if (!isFile) continue;
      const stat = await Deno.stat(path);
      if (stat.size > size / 4) continue;
      await Deno.mkdir(`${tree}/stage${dir}`, { recursive: true });
      try {
        await Deno.copyFile(path, `${tree}/stage${path}`);
      } catch {
        continue;
      }
      filled += stat.size;
    }
  }
  await walk(values.from);
  if (filled < size) throw new Error(`${values.from} has too few files: try --from or --size`);
  await Deno.writeTextFile(`${tree}/artifact_manifest.txt`, "stage\n");
  await Deno.writeTextFile(noted, String(filled));
  return filled;
}

const ours = (threads: string) => (set: string, archive: string) => [
  ...[Deno.execPath(), "run", "-A", "--no-prompt", `${bundle.dir}/tests/bench/pack_self.js`],
  ...[set, threads, tree, archive],
];
const gnuTar = (set: string, archive: string) => [
  ...["tar", "-c", "-f", archive, "-C", tree],
  ...["-I", set === "xz" ? `xz -6 -T${workers}` : `zstd -3 -T${workers}`, "."],
];
const python = (set: string, archive: string) => [
  ...["python3", "-c", set === "xz" ? PYTHON_XZ : PYTHON_ZST, tree, archive, workers],
];
const tools: readonly (readonly [string, (set: string, archive: string) => string[]])[] = [
  [OURS, ours(workers)],
  ["one worker", ours("1")],
  ["GNU tar", gnuTar],
  ["Python", python],
];

const versions: Record<string, string | undefined> = {
  "GNU tar": await versionsOf("tar", "xz", "zstd"),
  Python: await versionsOf("python3", "zstd"),
};

try {
  const total = await makeTree();
  console.log(
    `${
      (total / 1e6).toFixed(0)
    } MB of ${values.from}, ${workers} workers, best of ${values.rounds}`,
  );
  for (const set of values.sets.split(",")) {
    const best = new Map<string, Measured>();
    const leftOut = new Map<string, string>();
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const [name, command] of tools) {
        const archive = `${work}/archive.tar.${set}`;
        const measured = await measure(command(set, archive), archive).catch(leftOutBecause);
        if (typeof measured === "string") {
          leftOut.set(name, measured);
          continue;
        }
        const { seconds, memory, bytes } = measured;
        const before = best.get(name);
        best.set(name, {
          seconds: Math.min(seconds, before?.seconds ?? Infinity),
          memory: Math.max(memory, before?.memory ?? 0),
          bytes,
        });
      }
    }
    report.add(...tools.map(([tool]): Row => {
      const found = best.get(tool);
      const [seconds, bytes] = [found?.seconds ?? NaN, found?.bytes ?? NaN];
      return {
        case: `${(total / 1e6).toFixed(0)} MB to .tar.${set}`,
        tool,
        version: tool in versions ? versions[tool] : VERSION,
        value: found?.seconds,
        unit: "s",
        better: "lower",
        memory: found?.memory,
        note: leftOut.get(tool) ??
          `${(total / 1e6 / seconds).toFixed(1)} MB/s, archive ${(bytes / 1e6).toFixed(1)} MB`,
      };
    }));
  }
} finally {
  if (values.work === undefined) await discard(work);
}
