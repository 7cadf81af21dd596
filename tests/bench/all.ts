/**
 * `deno task bench`: runs all benchmarks, one after the other, and writes docs/performance.json, and
 * docs/performance.md and docs/performance.svg made of it. A benchmark that fails does not stop the
 * others; the page says what failed.
 *
 * If `RUN_OUTPUTS_TEST_S3` names no server, it starts Ceph with `tests/integration/ceph_rgw` (Debian's
 * packages ceph-mon, ceph-osd, radosgw, ceph-common; needs root), and stops it at the end.
 *
 * The files are in the directory for temporary files. With `TMPDIR` in a file system in memory, no disk
 * is measured.
 *
 * Usage: deno task bench [--only transfer,pack] [--quick] [--render]
 *
 * `--only` replaces only the results of these benchmarks. `--quick` runs fewer rounds on less, in
 * about eight minutes on two processors. `--render` measures nothing.
 *
 * @module
 */

import { statfsSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { tempDir } from "../support/temp_dir.ts";
import { BUNDLE, bundled } from "./bundled.ts";
import { type Benchmark, BENCHMARKS } from "./benchmarks.ts";
import { renderPage, type Section } from "./page.ts";
import { renderPlot } from "./plot.ts";
import { type Row, VERSION } from "./report.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const S3 = "RUN_OUTPUTS_TEST_S3";

/** Programs that Ceph on loopback consists of. */
const CEPH = ["ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "ceph"];

function usageError(message: string): never {
  console.error(message);
  Deno.exit(2);
}

function readOptions() {
  try {
    return parseArgs({
      args: Deno.args,
      options: {
        only: { type: "string" },
        quick: { type: "boolean", default: false },
        render: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    usageError((error as Error).message);
  }
}

const { only, quick, render } = readOptions();
const names = only?.split(",") ?? BENCHMARKS.map(({ name }) => name);
for (const name of names) {
  if (BENCHMARKS.some((one) => one.name === name)) continue;
  const known = BENCHMARKS.map(({ name }) => name).join(", ");
  usageError(`--only: unknown benchmark '${name}'; expected some of: ${known}`);
}

async function text(program: string, ...args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command(program, { args, cwd: ROOT, stderr: "inherit" })
    .output();
  return new TextDecoder().decode(stdout).trim();
}

async function isInstalled(program: string): Promise<boolean> {
  return await text("sh", "-c", `command -v ${program} || true`) !== "";
}

/** The type of Linux's file system in memory. */
const TMPFS = 0x01021994;

/** Which machine this is, without its name. */
function describeMachine(): string {
  const processors = cpus();
  const memory = Math.round(totalmem() / 1024 ** 3);
  return `${processors.length} × ${processors[0]?.model.trim() ?? "unknown processor"}, ` +
    `${memory} GiB of memory, ${Deno.build.os} ${Deno.osRelease().split("-")[0]}` +
    (statfsSync(tmpdir()).type === TMPFS ? ", files in memory" : "");
}

/** A port that is free, as is the one after it. */
function freePort(): number {
  for (;;) {
    using first = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = first.addr;
    try {
      using _second = Deno.listen({ hostname: "127.0.0.1", port: port + 1 });
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

/** The variables that name an S3 server and its keys, or the reason why there is no server. */
async function startServer(dir: string): Promise<Record<string, string> | string> {
  if (Deno.env.has(S3)) return {};
  for (const program of CEPH) {
    if (!await isInstalled(program)) return `${S3} is not set, and ${program} is not installed`;
  }
  const printed = await text("tests/integration/ceph_rgw", "start", dir, String(freePort()));
  const exported = [...printed.matchAll(/^export (\w+)=(.*)$/gm)].map(([, name, value]) => [
    name,
    value,
  ]);
  return exported.length === 0 ? "Ceph did not start" : Object.fromEntries(exported);
}

const about = {
  date: new Date().toISOString().slice(0, 10),
  machine: describeMachine(),
  program:
    `run-outputs ${VERSION} of commit ${await text("git", "rev-parse", "--short=8", "HEAD")}` +
    `, bundled, with Deno ${Deno.version.deno}`,
};

/** Runs one benchmark: its rows, and why it failed. */
async function measure(
  { name, prepare, full, quick: less }: Benchmark,
  dir: string,
  env: Record<string, string>,
): Promise<Pick<Section, "rows" | "failed">> {
  const run = async (file: string, args: readonly string[]) => {
    const line = args.map((arg) => arg.replace("WORK", `${dir}/work`));
    running = new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "-P=develop", `tests/bench/${file}.ts`, ...line],
      cwd: ROOT,
      env,
      stderr: "piped",
    }).spawn();
    const reason = await new Response(running.stderr).text();
    const { success, code } = await running.status;
    if (success) return undefined;
    console.error(reason.trim());
    const lines = reason.replaceAll(dir, "DIR").replaceAll(ROOT, "").split("\n");
    return lines.find((line) => /error/i.test(line))?.trim() ?? `${file}: exit code ${code}`;
  };
  const rows = `${dir}/rows.json`;
  await Deno.writeTextFile(rows, "[]");
  const args = quick ? less : full;
  const failed = prepare === undefined
    ? undefined
    : await run(prepare.file, quick ? prepare.quick : prepare.full);
  const outcome = failed ?? await run(name, [...args, "--json", rows]);
  return { rows: JSON.parse(await Deno.readTextFile(rows)) as Row[], failed: plain(outcome) };
}

/** A message without colours. */
function plain(message: string | undefined): string | undefined {
  // deno-lint-ignore no-control-regex
  return message?.replace(/\u001b\[[\d;]*m/g, "");
}

const file = (name: string) => `${ROOT}docs/performance.${name}`;
const sections: Section[] = JSON.parse(await Deno.readTextFile(file("json")).catch(() => "[]"));

/** Writes what was measured until now. */
async function write(): Promise<void> {
  const order = BENCHMARKS.map(({ name }) => name);
  sections.sort((a, b) => order.indexOf(a.benchmark) - order.indexOf(b.benchmark));
  await Deno.writeTextFile(file("json"), `${JSON.stringify(sections, undefined, 1)}\n`);
  await Deno.writeTextFile(file("md"), renderPage(sections));
  await Deno.writeTextFile(file("svg"), renderPlot(sections));
}

let running: Deno.ChildProcess | undefined;
let isStopped = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => {
    isStopped = true;
    try {
      running?.kill(signal);
    } catch {
      // It has ended.
    }
  });
}

/** Runs the benchmarks; returns the names of those that are not complete. */
async function runAll(): Promise<string[]> {
  await using temp = await tempDir();
  // nginx reads the files as another user.
  if (Deno.build.os !== "windows") await Deno.chmod(temp.path, 0o755);
  const chosen = BENCHMARKS.filter(({ name }) => names.includes(name));
  const incomplete: string[] = [];
  const ceph = `${temp.path}/ceph`;
  try {
    await using bundle = await bundled();
    let server: Record<string, string> | string | undefined;
    for (const benchmark of chosen) {
      if (isStopped) break;
      const { name, title, about: what, needsServer } = benchmark;
      console.log(`\n== ${name}`);
      if (needsServer) server ??= await startServer(ceph);
      if (needsServer && typeof server === "string") {
        incomplete.push(name);
        console.error(`left out: ${server}`);
        if (sections.some(({ benchmark }) => benchmark === name)) continue;
      }
      const result = needsServer && typeof server === "string"
        ? { rows: [], failed: server }
        : await measure(benchmark, temp.path, {
          [BUNDLE]: bundle.dir,
          NO_COLOR: "1",
          // What a benchmark leaves that was interrupted is deleted too.
          TMPDIR: temp.path,
          ...(typeof server === "object" ? server : {}),
        });
      if (isStopped) break;
      if (result.failed !== undefined && !incomplete.includes(name)) incomplete.push(name);
      const at = sections.findIndex(({ benchmark }) => benchmark === name);
      const command = `deno task bench --only ${name}${quick ? " --quick" : ""}`;
      sections.splice(at === -1 ? sections.length : at, at === -1 ? 0 : 1, {
        benchmark: name,
        title,
        about: what,
        command,
        ...about,
        ...result,
      });
      await write();
    }
  } finally {
    if (await Deno.stat(ceph).then(() => true, () => false)) {
      await text("tests/integration/ceph_rgw", "stop", ceph);
    }
  }
  return incomplete;
}

if (render) await write();
else {
  const incomplete = await runAll();
  if (incomplete.length > 0) console.error(`\nNot complete: ${incomplete.join(", ")}`);
  if (incomplete.length > 0 || isStopped) Deno.exitCode = 1;
}
// The listeners for signals would keep it running.
Deno.exit();
