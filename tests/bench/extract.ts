/**
 * How fast archives are unpacked, and with how much memory: by this project, by GNU tar with xz or
 * zstd in as many processes as workers, and by Python's `lzma` and `tarfile` in threads.
 *
 * The archives are made of files of this machine, in the format of real ones: a list of paths
 * first, then directories, files and links; .tar.xz of one block at preset 6, .tar.zst at level 3.
 * With `--rounds 0` and `--work DIR` it makes the archives and measures nothing.
 * `xz-blocks` is one archive of many blocks, which is unpacked with one worker and with all.
 *
 * Needs GNU tar, xz, zstd, Python and GNU time. `--from DIR` names other files. `--work DIR`, best
 * in a file system in memory, keeps the archives for the next time.
 *
 * Usage: deno task bench:extract [--rounds 3] [--workers 2] [--count 8] [--size 60] [--from /usr]
 *   [--sets xz,zst,xz-blocks] [--work DIR] [--json FILE]
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
    rounds: { type: "string", default: "3" },
    workers: { type: "string", default: String(Math.min(2, navigator.hardwareConcurrency)) },
    count: { type: "string", default: "8" },
    size: { type: "string", default: "60" },
    from: { type: "string", default: "/usr" },
    work: { type: "string" },
    sets: { type: "string", default: "xz,zst,xz-blocks" },
  },
});
const [rounds, count] = [Number(values.rounds), Number(values.count)];
const size = Number(values.size) * 1e6;
const workers = Number(values.workers);
const sets = values.sets.split(",");
await using bundle = await bundled();
const work = values.work ?? await Deno.makeTempDir({ prefix: "run-outputs-bench-" });
await Deno.mkdir(work, { recursive: true });

const PYTHON = `
import lzma, os, subprocess, sys, tarfile
from concurrent.futures import ThreadPoolExecutor
workers, target, *paths = sys.argv[1:]
def one(path):
    d = os.path.join(target, os.path.basename(path).split(".")[0])
    os.makedirs(d)
    with lzma.open(path) as f, tarfile.open(fileobj=f, mode="r|") as t:
        t.extractall(d)
with ThreadPoolExecutor(int(workers)) as pool: list(pool.map(one, paths))
`;

const TAR = `
workers=$1 target=$2; shift 2
unpack() { d=$2/$(basename "$3" | cut -d. -f1); mkdir -p "$d"; tar -x $1 -f "$3" -C "$d"; }
export -f unpack
case $1 in *.xz) how=--xz;; *) how=--zstd;; esac
printf '%s\\0' "$@" | xargs -0 -P "$workers" -n 1 bash -c 'unpack "$@"' unpack "$how" "$target"
`;

interface Measured {
  readonly seconds: number;
  /** MiB of the largest process. */
  readonly memory: number;
}

async function run(command: readonly string[]): Promise<void> {
  const [program, ...args] = command;
  const { success, stderr } = await new Deno.Command(program, { args, stdout: "null" }).output();
  if (!success) throw new Error(`${program}: ${new TextDecoder().decode(stderr)}`);
}

async function measure(command: readonly string[]): Promise<Measured> {
  const cost = `${work}/time`;
  const start = performance.now();
  await run(["/usr/bin/time", "-o", cost, "-f", "%M", ...command]);
  const seconds = (performance.now() - start) / 1000;
  return { seconds, memory: Number(await Deno.readTextFile(cost)) / 1024 };
}

/** Copies files until there are enough of them, each archive's into a directory of its own. */
async function makeTrees(): Promise<string[]> {
  const trees = Array.from({ length: count }, (_, i) => `${work}/tree${i}`);
  if (await Deno.stat(trees[0]).then(() => true, () => false)) return trees;
  let [tree, filled] = [0, 0];
  async function walk(dir: string): Promise<void> {
    const entries = await Array.fromAsync(Deno.readDir(dir)).catch(() => []);
    entries.sort((a, b) => a.name < b.name ? -1 : 1);
    for (const { name, isDirectory, isFile, isSymlink } of entries) {
      if (tree === count) return;
      const path = `${dir}/${name}`;
      const to = `${trees[tree]}/bench/stage${dir}`;
      if (isDirectory) await walk(path);
      else if (isSymlink) {
        const target = await Deno.readLink(path);
        if (target.includes("/")) continue;
        await Deno.mkdir(to, { recursive: true });
        await Deno.symlink(target, `${to}/${name}`);
      } else if (isFile) {
        const stat = await Deno.stat(path);
        if (stat.size > size / 4) continue;
        await Deno.mkdir(to, { recursive: true });
        try {
          await Deno.copyFile(path, `${to}/${name}`);
        } catch {
          continue;
        }
        filled += stat.size;
        if (filled >= size) [tree, filled] = [tree + 1, 0];
      }
    }
  }
  await walk(values.from);
  if (tree < count) throw new Error(`${values.from} has too few files: try --from or --count`);
  for (const path of trees) {
    await Deno.writeTextFile(`${path}/artifact_manifest.txt`, "bench/stage\n");
  }
  return trees;
}

async function makeArchives(trees: readonly string[]): Promise<Record<string, string[]>> {
  const archives: Record<string, string[]> = { xz: [], zst: [], "xz-blocks": [] };
  const tar = async (path: string, how: string, trees: readonly string[]) => {
    const members = ["artifact_manifest.txt", "bench"];
    const dirs = trees.flatMap((tree) => ["-C", tree, ...members]);
    if (await Deno.stat(path).then(() => true, () => false)) return path;
    await run(["tar", "-c", "-f", path, "-I", how, ...dirs]);
    return path;
  };
  for (const [i, tree] of trees.entries()) {
    if (sets.includes("xz")) {
      archives.xz.push(await tar(`${work}/a${i}_lib_generic.tar.xz`, "xz -6 -T1", [tree]));
    }
    if (sets.includes("zst")) {
      archives.zst.push(await tar(`${work}/a${i}_lib_generic.tar.zst`, "zstd -3", [tree]));
    }
  }
  if (sets.includes("xz-blocks")) {
    const how = "xz -6 -T2 --block-size=8MiB";
    archives["xz-blocks"].push(await tar(`${work}/b_lib_generic.tar.xz`, how, trees.slice(0, 4)));
  }
  return archives;
}

const ours = (threads: number) => (target: string, paths: readonly string[]) => [
  ...[Deno.execPath(), "run", "-A", "--no-prompt", `${bundle.dir}/tests/bench/extract_self.js`],
  ...[String(threads), target, ...paths],
];
const gnuTar = (target: string, paths: readonly string[]) => [
  ...["bash", "-c", TAR, "tar", String(workers), target, ...paths],
];
const python = (target: string, paths: readonly string[]) => [
  ...["python3", "-c", PYTHON, String(workers), target, ...paths],
];
type Tool = readonly [string, (target: string, paths: readonly string[]) => string[]];
const tools: Readonly<Record<string, readonly Tool[]>> = {
  xz: [[OURS, ours(workers)], ["GNU tar", gnuTar], ["Python", python]],
  zst: [[OURS, ours(workers)], ["GNU tar", gnuTar]],
  "xz-blocks": [[OURS, ours(workers)], ["one worker", ours(1)], ["GNU tar", gnuTar]],
};

const versions: Record<string, string | undefined> = {
  "GNU tar": await versionsOf("tar", "xz", "zstd"),
  Python: await versionsOf("python3"),
};

try {
  const archives = await makeArchives(await makeTrees());
  console.log(`${count} archives of ${values.size} MB, ${workers} workers, best of ${rounds}`);
  for (const set of sets) {
    const best = new Map<string, Measured>();
    const leftOut = new Map<string, string>();
    for (let round = 0; round < rounds; round++) {
      for (const [name, command] of tools[set]) {
        const target = `${work}/out`;
        await Deno.mkdir(target);
        const measured = await measure(command(target, archives[set])).catch(leftOutBecause);
        await discard(target);
        if (typeof measured === "string") {
          leftOut.set(name, measured);
          continue;
        }
        const { seconds, memory } = measured;
        const before = best.get(name);
        best.set(name, {
          seconds: Math.min(seconds, before?.seconds ?? Infinity),
          memory: Math.max(memory, before?.memory ?? 0),
        });
      }
    }
    if (rounds === 0) continue;
    report.add(...tools[set].map(([tool]): Row => ({
      case: `${archives[set].length} × ${set}`,
      tool,
      version: tool in versions ? versions[tool] : VERSION,
      value: best.get(tool)?.seconds,
      unit: "s",
      better: "lower",
      memory: best.get(tool)?.memory,
      note: leftOut.get(tool),
    })));
  }
} finally {
  if (values.work === undefined) await discard(work);
}
