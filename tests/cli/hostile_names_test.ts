/**
 * Names, messages and logs that come from others, printed in a job of GitHub Actions: the runner
 * must find no command in them, and no control character may reach a terminal. Every command of the
 * program runs here; the list is taken from the program.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { createProgram } from "../../src/cli/program.ts";
import { bytesSource } from "../../src/storage/byte_source.ts";
import { LocalBackend } from "../../src/storage/local/local.ts";
import { OutputLocation } from "../../src/layout/output_location.ts";
import { CreateMultipartUploadCommand, S3Client } from "@aws-sdk/client-s3";
import { bisectWorld } from "../support/bisect_world.ts";
import { noise, sha256 } from "../support/bytes.ts";
import { FakeIo, run } from "../support/fake_io.ts";
import { sha } from "../support/github_server.ts";
import { makeJob } from "../support/job.ts";
import { startS3Server } from "../support/s3_server.ts";
import { putPacked } from "../support/staging.ts";
import { tempDir, writeTree } from "../support/temp_dir.ts";
import { makeWheel } from "../support/wheel.ts";

/** Commands in the runner's two forms. `\u009b` starts an escape sequence, `\u202e` turns text. */
const NAME = "a##[set-output name=x]y";
const LEADING = "::add-mask::x";
const ODD = `b\u202e##[add-path]p`;

const ART = "##[add-mask]m_lib_generic.tar.zst";

interface World {
  readonly dir: string;
  readonly staging: string;
  readonly s3: Readonly<Record<string, string>>;
  /** Options that name the run with hostile files. */
  readonly at: readonly string[];
}

type Line = readonly string[];

/** What runs for each command. `echo`: whether it has to print a hostile name. */
const LINES: Readonly<
  Record<string, { readonly echo: boolean; readonly lines: (world: World) => readonly Line[] }>
> = {
  "runs list": {
    echo: true,
    lines: ({ staging }) => [
      ["runs", "list", "--staging-dir", staging],
      ["runs", "list", "--staging-dir", staging, "--cursor", NAME],
    ],
  },
  "runs latest": {
    echo: true,
    lines: ({ staging }) => [
      ["runs", "latest", "--staging-dir", staging],
      ["runs", "latest", "--staging-dir", staging, "--after", NAME, "--group", "none"],
    ],
  },
  "runs show": {
    echo: true,
    lines: ({ staging }) => [
      ["runs", "show", "1", "--staging-dir", staging],
      ["runs", "show", NAME, "--staging-dir", staging],
    ],
  },
  "runs reports": {
    echo: true,
    lines: ({ staging }) => [
      ["runs", "reports", "1", "--staging-dir", staging],
      ["runs", "reports", NAME, "--staging-dir", staging],
    ],
  },
  "runs manifest": {
    echo: true,
    lines: ({ staging }) => [
      ["runs", "manifest", "1", "--staging-dir", staging],
      ["runs", "manifest", "1", "--staging-dir", staging, "--format", "sha256sum"],
    ],
  },
  "runs pin": {
    echo: true,
    lines: ({ staging }) => [
      ["runs", "pin", "55", "--staging-dir", staging, "--reason", `${LEADING}${NAME}`],
      ["runs", "pin", "55", "--staging-dir", staging, "--reason", "x", "--name", NAME],
    ],
  },
  "runs unpin": {
    echo: true,
    lines: ({ staging }) => [
      ["runs", "unpin", "55", "--staging-dir", staging, "--name", NAME],
    ],
  },
  "runs prune": {
    echo: true,
    lines: ({ staging }) => [
      ["runs", "prune", "--staging-dir", staging, "--keep-last", "1"],
      ["runs", "prune", "--staging-dir", staging, "--execute", NAME],
      ["runs", "prune", "--staging-dir", staging, "--keep-listed", NAME],
    ],
  },
  "path": {
    echo: true,
    lines: ({ staging }) => [
      ["path", "artifact", ART, "--run-id", "1", "--platform", "linux", "--format", "key"],
      ["path", "artifact", ART, "--run-id", "1", "--platform", "linux", "--format", "json"],
      ["path", "log", "g", LEADING, "--staging-dir", staging, "--format", "local"],
      ["path", NAME],
    ],
  },
  "upload build": {
    echo: true,
    lines: ({ dir, at }) => [
      ["upload", "build", "--build-dir", join(dir, "build"), "--artifact-group", NAME, ...at],
    ],
  },
  "upload stage": {
    echo: true,
    lines: ({ dir, at }) => [
      ["upload", "stage", "--build-dir", join(dir, "build"), "--stage", NAME, ...at],
    ],
  },
  "upload artifacts": {
    echo: true,
    lines: ({ dir, at }) => [["upload", "artifacts", join(dir, "build/artifacts"), ...at]],
  },
  "upload logs": {
    echo: true,
    lines: ({ dir, at }) => [
      ["upload", "logs", join(dir, "build/logs"), "--artifact-group", "g", ...at],
      ["upload", "logs", join(dir, "build/logs"), "--artifact-group", "g", "-v", ...at],
    ],
  },
  "upload manifest": {
    echo: true,
    lines: ({ dir, at }) => [
      ["upload", "manifest", join(dir, "m.json"), "--artifact-group", NAME, ...at],
    ],
  },
  "upload pytorch-manifest": {
    echo: true,
    lines: ({ dir, at }) => [[
      ...["upload", "pytorch-manifest", join(dir, "m.json"), "--amdgpu-family", NAME],
      ...["--python-version", "3.12", "--ref", "x", ...at],
    ]],
  },
  "upload python": {
    echo: true,
    lines: ({ dir, at }) => [
      ["upload", "python", join(dir, "python"), "--artifact-group", NAME, ...at],
    ],
  },
  "upload packages": {
    echo: true,
    lines: ({ dir, at }) => [
      ["upload", "packages", join(dir, "debs"), "--pkg-type", "deb", ...at],
    ],
  },
  "upload tarballs": {
    echo: true,
    lines: ({ dir, at }) => [["upload", "tarballs", join(dir, "tarballs"), ...at]],
  },
  "upload test-report": {
    echo: true,
    lines: ({ dir, at }) => [[
      ...["upload", "test-report", join(dir, "files"), "--to", "t", "--include", "*"],
      ...["--index-file-name", `${NAME}.html`, ...at],
    ]],
  },
  "upload files": {
    echo: true,
    lines: ({ dir, at }) => [
      ["upload", "files", join(dir, "files"), "--to", LEADING, ...at],
      ["upload", "files", join(dir, NAME), "--to", "x", ...at],
    ],
  },
  "list": { echo: true, lines: ({ at }) => [["list", ...reading(at)]] },
  "find": {
    echo: true,
    lines: ({ staging }) => [
      ["find", "--commit", sha(0), "--staging-dir", staging, "--platform", "linux"],
      ["find", "--commit", sha(0), "--artifact-group", NAME, "--staging-dir", staging],
    ],
  },
  "fetch": {
    echo: true,
    lines: ({ dir, at }) => [
      ["fetch", ...reading(at), "--output-dir", join(dir, "fetched"), "--no-extract"],
      ["fetch", ...reading(at), "--list"],
      ["fetch", ...reading(at), "--output-dir", join(dir, "fetched"), NAME],
    ],
  },
  "bisect start": { echo: true, lines: bisect("start") },
  "bisect next": { echo: true, lines: bisect("next") },
  "bisect good": { echo: true, lines: bisect("good") },
  "bisect bad": { echo: true, lines: bisect("bad") },
  "bisect skip": { echo: true, lines: bisect("skip") },
  "bisect log": { echo: true, lines: bisect("log") },
  "bisect prefetch": { echo: false, lines: bisect("prefetch") },
  "bisect run": { echo: true, lines: bisect("run", "--", "printf", "%s\\n::add-mask::x\\n", NAME) },
  "bisect reset": { echo: false, lines: bisect("reset") },
  "verify": {
    echo: true,
    lines: ({ at, staging }) => [
      ["verify", ...reading(at), "--strict"],
      ["verify", ...reading(at), "--print-sums"],
      ["verify", join(staging, "1-linux"), "--print-sums"],
    ],
  },
  "diff": {
    echo: true,
    lines: ({ at }) => [
      ["diff", "1", "55", ...reading(at).slice(2)],
      ["diff", "1", "55", ...reading(at).slice(2), "--format", "markdown"],
    ],
  },
  "copy": {
    echo: true,
    lines: ({ dir, staging }) => [[
      ...["copy", "--from-staging", staging, "--source-run-id", "1", "--run-id", "2"],
      ...["--platform", "linux", "--to-staging", join(dir, "copied")],
    ]],
  },
  "export": {
    echo: true,
    lines: ({ dir, staging }) => [
      ["export", join(dir, `${NAME}.tar`), "1", "--staging-dir", staging, "--platform", "linux"],
    ],
  },
  "import": {
    echo: true,
    lines: ({ dir }) => [["import", join(dir, `${NAME}.tar`), "--output-dir", join(dir, NAME)]],
  },
  "index": {
    echo: true,
    lines: ({ dir, at }) => [
      ["index", join(dir, "files"), "--title", NAME],
      ["index", ...reading(at), "-v"],
    ],
  },
  "runs search": {
    echo: true,
    lines: ({ staging }) => [
      ["runs", "search", "55", "##", "--staging-dir", staging],
      ["runs", "search", "55", "y", "--kind", "other", "--staging-dir", staging],
      ["runs", "search", NAME, "x", "--staging-dir", staging],
    ],
  },
  "serve": {
    echo: true,
    lines: ({ staging }) => [["serve", "--staging-dir", staging, "--token-file", NAME]],
  },
  "doctor": {
    echo: true,
    lines: ({ staging }) => [["doctor", "--staging-dir", join(staging, NAME)]],
  },
  "status": { echo: true, lines: ({ staging }) => [["status", join(staging, NAME)]] },
  "completions": { echo: true, lines: () => [["completions", NAME]] },
  "stages": {
    echo: true,
    lines: ({ dir, at }) => [
      ["stages", "--topology", join(dir, "topology.toml")],
      ["stages", NAME, "--topology", join(dir, "topology.toml")],
      [
        ...["fetch", "--list", "--stage", NAME, "--topology", join(dir, "topology.toml")],
        ...reading(at),
      ],
    ],
  },
  "bucket": {
    echo: true,
    lines: () => [
      ["bucket", "--run-id", "1", "--platform", "linux", "--repo", NAME],
      ["bucket", "--run-id", "1", "--platform", "linux", "--bucket", NAME],
      ["bucket", "--run-id", NAME, "--platform", "linux"],
    ],
  },
  "cache list": {
    echo: true,
    lines: ({ dir }) => [["cache", "list", "--cache-dir", join(dir, NAME)]],
  },
  "cache clean": {
    echo: true,
    lines: ({ dir }) => [["cache", "clean", "--cache-dir", join(dir, NAME)]],
  },
  "stale-uploads": {
    echo: true,
    lines: () => [[
      ...["stale-uploads", "--run-id", "1", "--platform", "linux", "--bucket", "suite"],
      ...["--older-than", "0s"],
    ]],
  },
};

function bisect(verb: string, ...more: string[]) {
  return ({ dir }: World): Line[] => {
    const state = ["--state-dir", join(dir, NAME)];
    const start = [
      ...["bisect", "start", "--good", "v1", "--bad", "main", "--artifact-group", "gfx942"],
      ...["--staging-dir", join(dir, "bisected"), "--platform", "linux", ...state],
    ];
    if (verb === "start") return [start];
    return [["bisect", "reset", ...state], start, ["bisect", verb, ...state, ...more]];
  };
}

function reading(at: readonly string[]): string[] {
  return at.map((arg) => arg === "--output-dir" ? "--staging-dir" : arg);
}

/** The commands that do something, from the program. */
async function commandsOfProgram(): Promise<string[]> {
  const program = await createProgram({
    io: new FakeIo(),
    setExitCode: () => {},
    interruption: () => AbortSignal.abort(),
  });
  const below = (command: typeof program, names: readonly string[]): string[] =>
    command.commands.length === 0
      ? [names.join(" ")]
      : command.commands.flatMap((child) => below(child, [...names, child.name()]));
  return below(program, []);
}

/** Asserts that a runner finds no command but ours, and a terminal nothing that steers it. */
function assertInert(text: string, args: Line): void {
  const at = `${JSON.stringify(args)}\n${JSON.stringify(text)}`;
  assert(!text.includes("##["), at);
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (/^::(?:error|warning|group)::|^::endgroup::$/.test(line)) continue;
    assert.doesNotMatch(line, /^\s*::/, at);
  }
  const unprintable = args.includes("--print-sums")
    // A list for sha256sum has the names as they are; keys have no control characters.
    ? /[\p{Cc}\p{Zl}\p{Zp}]/u
    : /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;
  assert.doesNotMatch(text.replaceAll("\n", ""), unprintable, at);
}

Deno.test("on a runner: no command lets a name, a message or a log through as a command", async (t) => {
  await using temp = await tempDir();
  const dir = temp.path;
  const staging = join(dir, "staging");
  const at = ["--run-id", "1", "--platform", "linux", "--output-dir", staging];
  const odd = { [NAME]: "x", [LEADING]: "x", [ODD]: "x", [`::dir/${NAME}`]: "x" };
  await writeTree(join(dir, "build/logs"), odd);
  await writeTree(join(dir, "files"), odd);
  await writeTree(join(dir, "debs"), { [`${NAME}.deb`]: "!<arch>\n" });
  await writeTree(dir, {
    [NAME]: "x",
    "m.json": "{}",
    "topology.toml": `[build_stages."${NAME}"]\nartifact_groups = ["g"]\n` +
      `[artifact_groups.g]\ntype = "generic"\n` +
      `[artifacts."${LEADING}\\u009b${NAME}"]\nartifact_group = "g"\n`,
  });
  await Deno.symlink("nowhere", join(dir, "build/logs", `l${NAME}`));
  await Deno.writeFile(join(dir, "build/logs", "c\u009b##[x]\x1b[31m"), noise(10, 1));
  await putPacked(join(dir, "build/artifacts"), ART, {
    "artifact_manifest.txt": "stage\n",
    "stage/a.txt": "a",
  });
  await writeTree(join(dir, "tarballs"), {
    [`therock-dist-linux-${NAME}-1.tar.gz`]: "x",
    [`${NAME}.tar.gz`]: "x",
  });
  await Deno.mkdir(join(dir, "python"));
  await Deno.writeFile(
    join(dir, "python/x-1-py3-none-any.whl"),
    makeWheel("x", "1", ""),
  );
  await writeTree(join(dir, "python"), { [`${NAME}.whl`]: "x" });
  await writeTree(staging, {
    "55-linux/logs/a.log": `${LEADING}\n${NAME}\n`,
    [`55-linux/${NAME}`]: "y",
  });
  // The archives that find lists are of run 1000, with a name that is a command.
  const backend = new LocalBackend(staging);
  const archive = noise(100, 1);
  const put = (name: string, bytes: Uint8Array) =>
    backend.write(
      new OutputLocation("therock-ci-artifacts", `1000-linux/${name}`),
      bytesSource(bytes),
    );
  await put(ART, archive);
  await put(`${ART}.sha256sum`, new TextEncoder().encode(sha256(archive)));
  await using bisected = await bisectWorld({
    count: 8,
    lacking: [4],
    backend: new LocalBackend(join(dir, "bisected")),
  });
  for (const commit of bisected.server.state.commits ?? []) {
    Object.assign(commit, { message: `${LEADING} ${NAME}\u009b` });
  }
  await using s3 = await startS3Server();
  const keys = { AWS_ACCESS_KEY_ID: "key", AWS_SECRET_ACCESS_KEY: "secret" };
  const client = new S3Client({
    endpoint: s3.url,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: { accessKeyId: "key", secretAccessKey: "secret" },
  });
  await client.send(
    new CreateMultipartUploadCommand({ Bucket: "suite", Key: `1-linux/${NAME}` }),
  );
  client.destroy();
  const job = await makeJob(join(dir, "job"));
  const env = {
    ...keys,
    ...bisected.env,
    ...job.env,
    AWS_ENDPOINT_URL_S3: s3.url,
    GITHUB_REPOSITORY: "ROCm/TheRock",
    GITHUB_JOB: NAME,
    XDG_CACHE_HOME: join(dir, "cache"),
  };
  const commands = await commandsOfProgram();
  assert.deepEqual(commands.toSorted(), Object.keys(LINES).toSorted());
  const world = { dir, staging, at, s3: keys };
  for (const command of commands) {
    await t.step(command, async () => {
      const { echo, lines } = LINES[command];
      let all = "";
      for (const line of lines(world)) {
        const isLoop = line.includes("--") || line.includes("--format") ||
          line.includes("--print-sums");
        for (const args of isLoop ? [line] : [line, [...line, "--json"]]) {
          const { stdout, stderr } = await run(args, env);
          assertInert(stdout, args);
          assertInert(stderr, args);
          if (args.at(-1) === "--json") JSON.parse(stdout);
          all += stdout + stderr;
        }
      }
      if (echo) assert.match(all, /##\\u005b|(?:^|\n)\s*:\\u003a/, all);
    });
  }
  await t.step("the job's outputs and summary", async () => {
    const { outputs, summary } = await job.told();
    assert(summary.includes("##\\["), summary);
    for (const text of [summary, ...Object.values(outputs)]) {
      assert.doesNotMatch(
        text.replaceAll("\n", ""),
        /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u,
        JSON.stringify(text),
      );
    }
  });
});
