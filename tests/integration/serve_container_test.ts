/**
 * The service as PID 1 of a container, without Docker: the commands of the Dockerfile in
 * docs/service.md, another user, read-only runs, no network but loopback.
 *
 * `RUN_OUTPUTS_EXECUTABLE` names the program; without it, Deno runs the sources.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ROUTES } from "../../src/service/server/routes.ts";
import { noise, sha256 } from "../support/bytes.ts";
import { runs } from "../support/command_line.ts";
import { EXECUTABLE, installProgram } from "../support/program.ts";
import { linesOf } from "../support/service_process.ts";
import { RUN } from "../support/staging.ts";
import { tempDir, writeTree } from "../support/temp_dir.ts";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

const CONTAINER = path("container");
const REPOSITORY = path("../../").replace(/\/$/, "");
const SERVICE = "http://127.0.0.1:8080/";
const TOKEN = "0123456789abcdef0123456789abcdef";
const FILE = "/retained-runs/123/files/big.bin";
const BIG = noise(64_000_000, 1);

/** The programs that make the container. */
const NEEDED = ["unshare", "nsenter", "pivot_root", "ip", "ldd", "curl"];

/** Why there is no container; `undefined` if there can be one. */
async function whyNot(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "only Linux has namespaces";
  const script = `for name in ${NEEDED.join(" ")}; do command -v $name >/dev/null || ` +
    `{ echo "$name is missing" >&2; exit 1; }; done; ` +
    "unshare --user --map-root-user --mount --pid --fork --net unshare --user true";
  const { code, stderr } = await new Deno.Command("sh", { args: ["-c", script] }).output();
  return code === 0 ? undefined : new TextDecoder().decode(stderr).trim();
}

const reason = await whyNot();
if (reason !== undefined) console.warn(`serve_container_test: skipped: ${reason}`);

/** An instruction of the Dockerfile in docs/service.md: its list of words. */
async function instruction(name: string): Promise<string[]> {
  const text = await Deno.readTextFile(path("../../docs/service.md"));
  const [, file = ""] = /```dockerfile\n(.*?)```/s.exec(text) ?? [];
  const [, words] = new RegExp(`^${name}\\b.*?(\\[.*\\])$`, "m").exec(file) ?? [];
  assert(words, `the Dockerfile has ${name}`);
  return JSON.parse(words);
}

/** The program, what it needs, and its environment. */
async function programIn(dir: string) {
  const env = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/" };
  if (EXECUTABLE !== undefined) return { program: EXECUTABLE, paths: [], env };
  const deno = Deno.execPath();
  const { stdout } = await new Deno.Command(deno, { args: ["info", "--json"] }).output();
  const { denoDir } = JSON.parse(new TextDecoder().decode(stdout));
  const program = join(dir, "run-outputs");
  await installProgram(dir);
  return { program, paths: [deno, denoDir, REPOSITORY], env: { ...env, DENO_DIR: denoDir } };
}

/** Reads lines until one fits; all of them are in the error if none does. */
async function lineThat(fits: RegExp, lines: AsyncGenerator<string>): Promise<string> {
  const read: string[] = [];
  for (;;) {
    const { value, done } = await lines.next();
    assert(!done, `no line ${fits} in: ${read.join("\n")}`);
    if (fits.test(value)) return value;
    read.push(value);
  }
}

Deno.test({
  name: "serve in a container: all routes, no writes, nothing of the host, a whole last answer",
  ignore: reason !== undefined,
  fn: async () => {
    await using temp = await tempDir();
    const staging = join(temp.path, "staging");
    await writeTree(temp.path, {
      "logs/a.log": "configured\nbuilt\n",
      "logs/report.html": "<h1>Report</h1>\n",
      "staging/123-linux/big.bin": BIG,
      "token": TOKEN,
    });
    await Deno.chmod(join(temp.path, "token"), 0o400);
    const upload = ["upload", "logs", join(temp.path, "logs"), "--artifact-group", "g"];
    await runs(0, [...upload, "--output-dir", staging, ...RUN]);
    const pin = [
      "runs",
      "pin",
      "123",
      "--name",
      "old",
      "--reason",
      "shipped",
      "--staging-dir",
      staging,
    ];
    await runs(0, pin);
    const { program, paths, env } = await programIn(temp.path);
    const command = [...await instruction("ENTRYPOINT"), ...await instruction("CMD")];
    const container = new Deno.Command(CONTAINER, {
      args: [program, staging, join(temp.path, "token"), ...paths, "--", ...command, "--allow-pin"],
      clearEnv: true,
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const [output, errors] = [linesOf(container.stdout), linesOf(container.stderr)];
    const pid = Number(await lineThat(/^\d+$/, errors));
    try {
      assert.equal(await lineThat(/^http/, output), "http://0.0.0.0:8080/");
      await assertIsolated(pid);
      await assertHealthy(pid, env);
      await assertAllRoutes(pid);
      await assertNoWrites(pid);
      await assertDrained(pid, errors);
      assert.equal((await container.status).code, 0);
    } finally {
      // The container ends with its parent.
      try {
        container.kill("SIGKILL");
      } catch { /* it has ended */ }
      await Array.fromAsync(output);
      await Array.fromAsync(errors);
    }
  },
});

/** Runs a program in the namespaces of the container. */
function within(pid: number, namespaces: readonly string[], command: readonly string[], env = {}) {
  return new Deno.Command("nsenter", {
    args: [...["-t", `${pid}`, "-U", "--preserve-credentials"], ...namespaces, "--", ...command],
    env,
    stdout: "piped",
    stderr: "piped",
  });
}

async function textOf(command: Deno.Command): Promise<string> {
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  assert.equal(code, 0, decoder.decode(stderr));
  return decoder.decode(stdout);
}

/** Runs a shell command with the files and the processes of the container. */
const inside = (pid: number, script: string) =>
  textOf(within(pid, ["-m", "-p", "-n"], ["/bin/sh", "-c", script], { PATH: "/bin" }));

async function assertIsolated(pid: number): Promise<void> {
  const script = [
    "[ -e /etc/passwd ] && echo /etc/passwd exists",
    "(: >/runs/new) 2>/dev/null && echo /runs is written to",
    "(: >/new) 2>/dev/null && echo / is written to",
    "umount /runs 2>/dev/null && echo /runs is unmounted",
    "ls /sys 2>/dev/null",
    "while read -r a b; do [ $a = Uid: ] && echo $b; done </proc/1/status",
    "ls /runs; true",
  ].join("\n");
  const found = (await inside(pid, script)).split(/\s+/).filter((word) => word !== "");
  assert.deepEqual(found, ["65534", "65534", "65534", "65534", "123-linux"]);
}

/** The check of the Dockerfile, with the files of the container. */
async function assertHealthy(pid: number, env: Record<string, string>): Promise<void> {
  const check = await instruction("HEALTHCHECK");
  assert.deepEqual(check.slice(0, 3), ["run-outputs", "serve", "--check"]);
  const command = within(pid, ["-m", "-p", "-n"], ["/bin/sh", "-c", check.join(" ")], env);
  assert.equal(await textOf(command), `${SERVICE} answers\n`);
}

const curl = (pid: number, target: string, ...args: string[]) =>
  within(pid, ["-n"], [
    ...["curl", "-q", "-sS", "--noproxy", "*", "-H", `Authorization: Bearer ${TOKEN}`],
    ...[...args, new URL(target, SERVICE).href],
  ]);

/** Sends a request in the network of the container: the status and the body. */
async function ask(pid: number, target: string, ...args: string[]) {
  const text = await textOf(curl(pid, target, "-w", "\n%{http_code} %{redirect_url}", ...args));
  const end = text.lastIndexOf("\n");
  const [status, location] = text.slice(end + 1).split(" ");
  return { status: Number(status), location, body: text.slice(0, end) };
}

async function assertAllRoutes(pid: number): Promise<void> {
  const report = "/retained-runs/123/files/logs/g/report.html";
  const { location } = await ask(pid, report, "-H", "Sec-Fetch-Dest: document");
  const [, capability] = /\/u\/([^/]+)\//.exec(location) ?? [];
  const page = (await ask(pid, "/retained-runs", "-H", "Accept: text/html")).body;
  const [, asset] = /assets\/([^"]+)"/.exec(page) ?? [];
  const values: Readonly<Record<string, string | undefined>> = {
    run: "123-linux",
    rest: "reports",
    path: "logs/g/a.log",
    name: asset,
    bucket: "runs",
    capability,
    job: "none",
  };
  const redirects = ["/", "/retained-runs/latest/{rest*}"];
  for (const { method, path } of ROUTES) {
    if (method !== "GET") continue;
    const target = path.replaceAll(/\{(\w+)\*?\}/g, (_, name) => {
      assert(values[name], `a value for {${name}} of ${path}`);
      if (name === "path" && path.startsWith("/s3/")) return "123-linux/logs/g/a.log";
      return values[name];
    });
    const query = path.includes("/search") ? "?q=built" : "";
    const { status, body } = await ask(pid, target + query);
    const expected = redirects.includes(path) ? 307 : path.includes("{job}") ? 404 : 200;
    assert.equal(status, expected, `${target}: ${body}`);
  }
  const { body } = await ask(pid, "/retained-runs/123/files/logs/g/a.log");
  assert.equal(body, "configured\nbuilt\n");
  assert.equal((await ask(pid, "/retained-runs", "-H", "Authorization: Bearer no")).status, 401);
}

async function assertNoWrites(pid: number): Promise<void> {
  const json = ["-H", "Content-Type: application/json", "-d", '{"reason":"shipped"}'];
  for (
    const [name, verb, ...args] of [
      ["new", "write", "-X", "PUT", ...json],
      ["old", "delete", "-X", "DELETE"],
    ]
  ) {
    const { status, body } = await ask(pid, `/retained-runs/123/pins/${name}`, ...args);
    const file = `123-linux/manifests/retention/${name}.pin.json`;
    const detail = `Cannot ${verb} '${file}': the file system is read-only`;
    const found = JSON.parse(body);
    assert.deepEqual({ status, detail: found.detail }, { status: 403, detail });
  }
}

/** SIGTERM: a download that has begun ends whole, a new one does not begin. */
async function assertDrained(pid: number, errors: AsyncGenerator<string>): Promise<void> {
  const download = curl(pid, FILE).spawn();
  const reader = download.stdout.getReader();
  const chunks = [(await reader.read()).value!];
  Deno.kill(pid, "SIGTERM");
  await lineThat(/stopping, when all answers have been sent/, errors);
  // Nobody reads the download, which is larger than all buffers.
  for (;;) {
    const { code } = await curl(pid, "/healthz").output();
    if (code !== 0) break;
  }
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    chunks.push(value);
  }
  assert.equal((await download.status).code, 0);
  await download.stderr.cancel();
  assert.equal(
    sha256(new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer())),
    sha256(BIG),
  );
}
