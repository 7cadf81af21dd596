/**
 * The live tools' commands beside ours, on the same input, row by row: the files that are chosen,
 * the keys and content types that are written, the outputs of the step, the exit codes. The live
 * rules are in `live_rules.py`, the rows in `live_matrix.ts`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { GPU_FAMILIES } from "../../src/layout/gpu_families_data.ts";
import { likeArchive, noise } from "../support/bytes.ts";
import { parseDocument, run as runOurs } from "../support/command_line.ts";
import { sha, startGithub } from "../support/github_server.ts";
import { makeJob } from "../support/job.ts";
import { deb, rpm } from "../support/package_builder.ts";
import { MANIFEST_PATH, putArchives } from "../support/staging.ts";
import { readTree, tempDir, writeTree } from "../support/temp_dir.ts";
import { makeSdist, makeWheel } from "../support/wheel.ts";
import { MATRIX, type MatrixRow, RUN_FILES } from "./live_matrix.ts";

const RULES = fileURLToPath(new URL("./live_rules.py", import.meta.url));
const TOPOLOGY = fileURLToPath(
  new URL("../testdata/conformance/topology.toml", import.meta.url),
);
const PAGE = new URL("../../docs/live-tools.md", import.meta.url);

const hasTomllib = Deno.build.os !== "windows" &&
  await new Deno.Command("python3", { args: ["-c", "import tomllib"], stderr: "null" }).output()
    .then(({ success }) => success, () => false);

/** What a command does. */
interface Answer {
  readonly exit: number;
  /** Names that it prints; of an upload, keys in the run and content types. */
  readonly files: readonly string[] | Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
}

/** What a job finds in its directory: all that the rows read. */
async function prepare(dir: string): Promise<void> {
  const wheel = makeWheel("rocm", "7.10.0+rocm7", "");
  await writeTree(dir, {
    "BUILD_TOPOLOGY.toml": await Deno.readTextFile(TOPOLOGY),
    "build/artifacts/core_lib_generic/artifact_manifest.txt": "core/stage\n",
    "build/artifacts/core_lib_generic/core/stage/lib/libcore.so": "core",
    "build/artifacts/blas_lib_gfx94X-dcgpu/artifact_manifest.txt": "math/stage\n",
    "build/artifacts/blas_lib_gfx94X-dcgpu/math/stage/lib/libblas.so": "blas",
    "build/artifacts/fft_lib_gfx942.tar.xz": likeArchive("xz", noise(900, 1)),
    "build/artifacts/sysdeps_lib_generic.tar.zst": likeArchive("zst", noise(900, 2)),
    "build/logs/build.log": "built\n",
    "build/logs/deep/er/test.log": "tested\n",
    "build/logs/build_observability.html": "<!doctype html><title>Build</title>\n",
    "build/logs/times.csv": "a,1\n",
    "build/logs/times.json": "{}\n",
    "build/logs/notes.txt": "notes\n",
    "build/logs/therock-build-prof/comp-summary.html": "<p>1 minute</p>\n",
    "build/logs/therock-build-prof/comp-summary.md": "1 minute\n",
    "build/logs/ccache/raw.log": "hit\n",
    "build/math/.ninja_log": "# ninja log v5\n",
    [`build/${MANIFEST_PATH}`]: "{}\n",
    "wheels/dist/rocm-7.10.0+rocm7-py3-none-any.whl": wheel,
    "wheels/dist/source_only-2.0.tar.gz": makeSdist("source_only", "2.0"),
    "flat/rocm-7.10.0+rocm7-py3-none-any.whl": wheel,
    "families/rocm-7.10.0+rocm7-py3-none-any.whl": wheel,
    "families/gfx1151/device-7.10.0-py3-none-any.whl": makeWheel("device", "7.10.0", ""),
    "tarballs/therock-dist-linux-multiarch-7.10.0.tar.gz": likeArchive("gz", "tarball"),
    "tarballs/therock-dist-linux-multiarch-tests-7.10.0.tar.gz": likeArchive("gz", "tests"),
    "tarballs/therock-dist-linux-gfx94X-dcgpu-7.10.0.tar.gz": likeArchive("gz", "family"),
    "debs/rocm-a.deb": deb("rocm-a"),
    "debs/rocm-b.deb": deb("rocm-b"),
    "debs/logs/rocm.log": "packed\n",
    "rpms/rocm-a.rpm": rpm("rocm-a"),
    "report/rccl.html": "<!doctype html><title>RCCL</title>\n",
    "report/raw.xml": "<tests/>\n",
    "torch.json": "{}\n",
  });
}

/** Splits a command line as a shell does, as far as the rows need it. */
function words(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain);
}

async function liveAnswers(
  rows: readonly MatrixRow[],
  dir: string,
): Promise<readonly Answer[]> {
  const cases = rows.map(({ live, run = RUN_FILES, env = {} }) => ({
    argv: words(live),
    run,
    dir,
    env,
    topology: join(dir, "BUILD_TOPOLOGY.toml"),
    families: Object.fromEntries(GPU_FAMILIES),
  }));
  const python = new Deno.Command("python3", {
    args: [RULES],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = python.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(cases)));
  await writer.close();
  const { success, stdout, stderr } = await python.output();
  assert(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Runs our command of a row in a job of its own, with a run in a local directory. */
async function ourAnswer(row: MatrixRow, dir: string, scratch: string): Promise<Answer> {
  const [command, ...rest] = words(row.ours);
  const staging = join(scratch, "staging");
  const source = join(staging, "123-linux");
  const job = await makeJob(join(scratch, "job"));
  const args = rest.map((word, i) => {
    // The first word of an upload says which one.
    if (isInput(word) && (command !== "upload" || i > 0)) return join(dir, word);
    return word === "SHA" ? sha(1) : word;
  });
  const common = ["--run-id", "123", "--platform", "linux"];
  const answer = async (more: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const ran = await runOurs([command, ...args, ...more], { ...job.env, ...row.env, ...env });
    return { ran, outputs: (await job.told()).outputs };
  };
  if (command === "upload") {
    const { ran, outputs } = await answer([...common, "--output-dir", staging]);
    assert.equal(ran.code, 0, ran.err);
    return { exit: 0, files: await writtenFiles(source), outputs };
  }
  if (command === "bucket") {
    const { ran, outputs } = await answer(common);
    return { exit: ran.code, files: {}, outputs };
  }
  if (command === "stages") {
    const { ran } = await answer(["--json"]);
    const files = ran.code === 0 ? stageFacts(ran.out, args[0]) : [];
    return { exit: ran.code, files, outputs: {} };
  }
  const names = row.run ?? RUN_FILES;
  await putArchives(source, names.filter((name) => name !== "index.html"));
  if (names.includes("index.html")) await Deno.writeTextFile(join(source, "index.html"), "");
  if (command === "find") {
    await using github = startGithub({
      commits: [{ sha: sha(1) }],
      runs: [{ id: 123, sha: sha(1), createdAt: "2026-06-01T00:00:00Z" }],
    });
    const env = { GITHUB_API_URL: github.url, GH_TOKEN: "t", XDG_CACHE_HOME: scratch };
    const { ran } = await answer(["--staging-dir", staging, "--platform", "linux"], env);
    const groups = args[args.indexOf("--artifact-group") + 1].split(",");
    return { exit: ran.code, files: ran.code === 0 ? groups.sort() : [], outputs: {} };
  }
  const where = command === "copy"
    ? ["--from-staging", staging, "--to-staging", join(scratch, "to"), "--no-index", "--dry-run"]
    : ["--staging-dir", staging, "--list", ...common];
  const { ran } = await answer([...where, "--json"]);
  const files = ran.code === 0 ? parseDocument(ran.out).files : [];
  const paths = files.map(({ path }: { readonly path: string }) => path).sort();
  return { exit: ran.code, files: paths, outputs: {} };
}

/** Whether a word of a command line is a path below the job's directory. */
function isInput(word: string): boolean {
  return /^(?:build|build\/artifacts|wheels|flat|families|tarballs|debs|rpms|report)$/.test(word) ||
    /^(?:torch\.json|BUILD_TOPOLOGY\.toml)$/.test(word);
}

/** The files of a run with the content types in its manifest, without manifest and summary. */
async function writtenFiles(dir: string): Promise<Record<string, string>> {
  const tree = await readTree(dir);
  const types = new Map<string, string>();
  for (const path of Object.keys(tree)) {
    if (!path.startsWith("manifests/outputs/")) continue;
    const part = JSON.parse(await Deno.readTextFile(join(dir, path)));
    for (const file of part.files) types.set(file.path, file.content_type);
  }
  return Object.fromEntries(
    Object.keys(tree)
      .filter((path) => !/^(?:manifests\/outputs\/|retention-summary\.json$)/.test(path))
      .map((path) => [path, types.get(path) ?? ""]),
  );
}

/** What `stages` says, as the live commands list it. */
function stageFacts(out: string, stage: string): string[] {
  const { stages } = parseDocument(out);
  const all: readonly { name: string; needs: string[]; produces: string[] }[] = stages;
  if (stage.startsWith("--")) return all.map(({ name }) => name).sort();
  return all.flatMap(({ needs, produces }) => [
    ...needs.map((name) => `needs ${name}`),
    ...produces.map((name) => `produces ${name}`),
  ]);
}

/** A link without the server and the directory that the run is in. */
function inRun(value: string): string {
  return value.replace(/[a-z0-9]+:\/\/[^"]*?(?=123-linux)/g, "");
}

function assertAsLive(row: MatrixRow, live: Answer, ours: Answer): void {
  const { code = live.exit, more = [], less = [] } = row.differs ?? {};
  assert.equal(ours.exit, code, "exit code");
  const [isMore, isLess] = [matcher(more), matcher(less)];
  const [theirs, mine] = [namesOf(live), namesOf(ours)];
  const added = mine.filter((name) => !theirs.includes(name));
  const missing = theirs.filter((name) => !mine.includes(name));
  assert.deepEqual(added.filter((name) => !isMore(name)), [], "more than the live command");
  assert.deepEqual(missing.filter((name) => !isLess(name)), [], "less than the live command");
  // A difference that does not occur any more would be a sentence in the table that is not true.
  if (code === live.exit) {
    assert.equal(
      added.length > 0,
      more.length > 0,
      `expected more than the live command: ${added}`,
    );
    assert.equal(missing.length > 0, less.length > 0, `expected less: ${missing}`);
  }
  if (!Array.isArray(live.files) && !Array.isArray(ours.files)) {
    const [told, written] = [live.files, ours.files] as Readonly<Record<string, string>>[];
    for (const [key, type] of Object.entries(told)) {
      // Manifests don't list the files that several jobs share.
      if (!written[key]) continue;
      assert.equal(written[key].replace("; charset=utf-8", ""), type, key);
    }
  }
  for (const [name, value] of Object.entries(live.outputs)) {
    assert.equal(same(ours.outputs[name]), same(value), `output ${name}`);
  }

  /** JSON is compared as such. */
  function same(value: string): unknown {
    const text = inRun(value ?? "not set");
    return text.startsWith("{") ? JSON.stringify(JSON.parse(text)) : text;
  }
}

function namesOf({ files }: Answer): readonly string[] {
  return Array.isArray(files) ? files : Object.keys(files);
}

/** Whether a name is one of some, in which `*` stands for anything. */
function matcher(names: readonly string[]): (name: string) => boolean {
  const sources = names.map((name) =>
    name.split("*").map((text) => RegExp.escape(text)).join(".*")
  );
  return (name) => sources.some((source) => new RegExp(`^${source}$`).test(name));
}

for (const [title, rows] of Object.entries(MATRIX)) {
  Deno.test({
    name: `live tools beside ours: ${title}`,
    ignore: !hasTomllib,
    fn: async (test) => {
      await using dir = await tempDir();
      const job = join(dir.path, "work");
      await prepare(job);
      const answers = await liveAnswers(rows, job);
      for (const [i, row] of rows.entries()) {
        await test.step(`${row.live} | ${row.ours}`, async () => {
          const ours = await ourAnswer(row, job, join(dir.path, `${i}`));
          assertAsLive(row, answers[i], ours);
        });
      }
    },
  });
}

Deno.test("docs/live-tools.md: lists the rows that these tests run", async () => {
  const page = await Deno.readTextFile(PAGE);
  const cells = (line: string) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()).join("|");
  const found = page.split("\n").filter((line) => /^(?:## |\| `)/.test(line)).map(cells);
  const expected = Object.entries(MATRIX).flatMap(([title, rows]) => [
    `## ${title}`,
    ...rows.map(({ live, ours, run, env = {}, differs }) => {
      const code = (text: string) => `\`${text.replaceAll("|", "\\|")}\``;
      const given = [
        ...Object.entries(env).map(([name, value]) => `\`${name}=${value}\``),
        ...run === undefined ? [] : [run.length === 0 ? "an empty run" : contentsOf(run)],
      ].join("; ");
      return `|${code(live)}|${code(ours)}|${given}|${differs?.how ?? ""}|`;
    }),
  ]);
  assert.deepEqual(found, expected);
});

/** What a run has, for the table. */
function contentsOf(run: readonly string[]): string {
  const archives = run.filter((name) => name !== "index.html");
  const listed = archives.length === RUN_FILES.length
    ? "all archives"
    : archives.map((name) => `\`${name}\``).join(", ");
  return run.includes("index.html") ? `\`index.html\`, ${listed}` : listed;
}
