/** `run-outputs serve`, in process: where it listens, what it refuses, how it ends. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { main } from "../../../../src/cli/main.ts";
import { LocalBackend } from "../../../../src/storage/local/local.ts";
import { refused, runJson, runs } from "../../../support/command_line.ts";
import { FakeIo } from "../../../support/fake_io.ts";
import { putRun } from "../../../support/retained.ts";
import { s3Env } from "../../../support/s3_subject.ts";
import { startS3Server } from "../../../support/s3_server.ts";
import { send } from "../../../support/service.ts";
import { tempDir, writeTree } from "../../../support/temp_dir.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";

/** Keeps the first line, and says when it is there. */
class FirstLine extends FakeIo {
  readonly #printed = Promise.withResolvers<string>();
  readonly firstLine = this.#printed.promise;

  override stdout(text: string): void {
    super.stdout(text);
    if (this.out.includes("\n")) this.#printed.resolve(this.out.split("\n")[0]);
  }
}

/** Runs `serve` while a test asks it, then interrupts it. */
async function serving(
  args: readonly string[],
  use: (first: string) => Promise<void>,
  env: Readonly<Record<string, string>> = {},
): Promise<FakeIo> {
  const io = new FirstLine(env);
  const ended = main(["serve", ...args], io);
  const early = ended.then((code) => {
    throw new Error(`serve has ended with ${code}: ${io.err}`);
  });
  early.catch(() => {});
  try {
    await use(await Promise.race([io.firstLine, early]));
  } finally {
    io.interrupt();
  }
  assert.equal(await ended, 0, io.err);
  return io;
}

function get(url: string, target: string, headers = ""): ReturnType<typeof send> {
  const request =
    `GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${headers}\r\n`;
  return send(Number(new URL(url).port), request);
}

async function staging(dir: string): Promise<string> {
  const path = join(dir, "staging");
  await Deno.mkdir(path);
  await putRun(new LocalBackend(path), "123-linux", { files: ["logs/a.log"] });
  return path;
}

Deno.test("serve: the first line is the URL; it ends with 0 when it is interrupted", async () => {
  await using temp = await tempDir();
  const args = ["--staging-dir", await staging(temp.path), "--port", "0"];
  const io = await serving([...args, "--base-path", "/ci/", "-v"], async (url) => {
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/ci\/$/);
    assert.equal((await get(url, "/ci/retained-runs/123")).status, 200);
    const { out } = await runs(0, ["serve", "--check", url]);
    assert.equal(out, `${url} answers\n`);
    assert.equal((await runJson(0, ["serve", "--check", url])).ok, true);
  });
  assert.match(io.err, /^the service has all permissions of this process: /);
  assert.match(io.err, /note: serving the runs in .*staging\n/);
  assert.match(
    io.err,
    /note: no token is required: everyone on this machine can read all of them\n/,
  );
  assert.match(io.err, /\n127\.0\.0\.1 GET \/ci\/retained-runs\/123 200 \d+ ms\n/);
  const json = await serving([...args, "--json", "-q"], async (line) => {
    const { schema, url } = JSON.parse(line);
    assert.equal(schema, "run-outputs.service/1");
    assert.equal((await get(url, "/healthz")).status, 200);
  });
  assert.equal(json.err, "");
});

Deno.test("serve: the runs in a bucket", async () => {
  await using server = await startS3Server();
  const env = s3Env(server.url);
  const args = ["--bucket", "suite", "--endpoint-url", server.url, "--port", "0"];
  await serving(args, async (url) => {
    const { status, text } = await get(url, "/retained-runs");
    assert.deepEqual([status, JSON.parse(text).runs], [200, []]);
    const unknown = await get(url, "/retained-runs/1");
    assert.match(JSON.parse(unknown.text).detail, /^No run '1' in s3:\/\/suite$/);
  }, env);
});

Deno.test("serve: a token from a file that only its owner may read", async () => {
  await using temp = await tempDir();
  const place = ["--staging-dir", await staging(temp.path), "--port", "0"];
  const file = join(temp.path, "token");
  await writeTree(temp.path, { "token": `${TOKEN}\n`, "short": "secret\n" });
  for (const name of ["token", "short"]) await Deno.chmod(join(temp.path, name), 0o600);
  const io = await serving([...place, "--token-file", file, "-v"], async (url) => {
    assert.equal((await get(url, "/retained-runs")).status, 401);
    const { status } = await get(url, "/retained-runs", `Authorization: Bearer ${TOKEN}\r\n`);
    assert.equal(status, 200);
  });
  assert(!`${io.out}${io.err}`.includes(TOKEN));
  assert.doesNotMatch(io.err, /no token is required/);
  const serve = ["serve", ...place];
  await refused([...serve, "--token-file", join(temp.path, "short")], ["short", "128 random bits"]);
  await refused([...serve, "--token-file", temp.path], ["not a file"]);
  await refused([...serve, "--token-file", join(temp.path, "none")], ["none", "no such file"], {
    code: 3,
  });
  if (Deno.build.os === "windows") return;
  for (const mode of [0o640, 0o604, 0o620]) {
    await Deno.chmod(file, mode);
    await refused([...serve, "--token-file", file], ["other users", `chmod 600 ${file}`]);
  }
});

Deno.test("serve: what it refuses, before it listens", async () => {
  await using temp = await tempDir();
  const place = ["--staging-dir", await staging(temp.path)];
  for (
    const [args, ...texts] of [
      [["--host", "0.0.0.0"], "0.0.0.0", "--token-file", "--allow-anonymous"],
      [["--host", "::"], "without a token"],
      [["--host", "lab.example"], "without a token"],
      [["--allow-pin"], "--token-file", "--allow-pin needs it"],
      [["--allow-anonymous", "--token-file", "x"], "choose one"],
      [["--socket", "x", "--port", "1"], "--port with --socket"],
      [["--socket", "x", "--host", "127.0.0.1"], "--host with --socket"],
      [["--port", "65536"], "--port", "0 to 65535"],
      [["--allow-host", "http://a/"], "--allow-host", "http://a/"],
      [["--allow-host", "a:80"], "--allow-host", "without a port"],
      [["--base-path", "ci"], "--base-path", "/ci"],
      [["--base-path", "/a/../b"], "--base-path"],
      [["--check", "localhost"], "--check", "http://127.0.0.1:8080/"],
    ] as const
  ) {
    await refused(["serve", ...place, ...args as readonly string[]], texts);
  }
  await refused(["serve"], ["--staging-dir <dir> or --bucket <name>"]);
  await refused(["serve", "--staging-dir", join(temp.path, "none")], ["none"], { code: 3 });
  const run = join(temp.path, "staging", "123-linux");
  await refused(["serve", "--staging-dir", run], ["the staging directory must be"], { code: 3 });
});
