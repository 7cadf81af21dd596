/** `run-outputs serve`, in process: where it listens, what it refuses, how it ends. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { main } from "../../../../src/cli/main.ts";
import { LocalBackend } from "../../../../src/storage/local/local.ts";
import { createS3Backend } from "../../../../src/storage/s3/backend.ts";
import { refused, runJson, runs } from "../../../support/command_line.ts";
import { FakeIo } from "../../../support/fake_io.ts";
import { putRun } from "../../../support/retained.ts";
import { s3Env, testOptions } from "../../../support/s3_subject.ts";
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

Deno.test({
  name: "serve --socket: only this user may connect, unless --socket-mode lets others",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using temp = await tempDir();
    const path = join(temp.path, "service.sock");
    const args = ["--staging-dir", await staging(temp.path), "--socket", path];
    for (
      const [mode, more, who] of [
        [0o600, [], "this user only (mode 600 of the socket)"],
        [0o660, ["--socket-mode", "0660"], "this user and the socket's group (mode 660"],
        [0o666, ["--socket-mode", "666"], "everyone on this machine (mode 666"],
      ] as const
    ) {
      const { err } = await serving([...args, ...more], async (url) => {
        assert.equal(url, `unix:${path}`);
        assert.equal((await Deno.stat(path)).mode! & 0o777, mode);
        await runs(0, ["serve", "--check", url]);
      });
      assert(err.includes(`no token is required: ${who}`), err);
    }
  },
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

Deno.test("serve: with --redirect-to-s3 clients read the files in a bucket from S3", async () => {
  await using server = await startS3Server();
  using backend = await createS3Backend(testOptions(server.url));
  await putRun(backend, "123-linux", { files: ["logs/a b.log", "report.html"] });
  const args = ["--bucket", "suite", "--endpoint-url", server.url, "--port", "0"];
  const files = "/retained-runs/123-linux/files";
  await serving([...args, "--redirect-to-s3"], async (url) => {
    const { status, headers } = await get(url, `${files}/logs/a%20b.log`);
    const location = headers.get("location")!;
    assert.equal(status, 302);
    assert(location.startsWith(`${server.url}/suite/123-linux/logs/a%20b.log?`), location);
    assert.match(location, /X-Amz-Expires=900/);
    const direct = await fetch(location);
    const own = await get(url, `${files}/logs/a%20b.log`, 'If-None-Match: "other"\r\n');
    assert.deepEqual([own.status, own.text], [200, await direct.text()]);
    // Documents need the headers of the service, and entity tags are its own.
    assert.equal((await get(url, `${files}/report.html`)).status, 200);
    const etag = `If-None-Match: ${own.headers.get("etag")}\r\n`;
    assert.equal((await get(url, `${files}/logs/a%20b.log`, etag)).status, 304);
    assert.equal((await get(url, `${files}/logs/none.log`)).status, 404);
  }, s3Env(server.url));
  await serving([...args, "--redirect-to-s3", "--no-sign-request"], async (url) => {
    const { headers } = await get(url, `${files}/logs/a%20b.log`);
    assert.equal(headers.get("location"), `${server.url}/suite/123-linux/logs/a%20b.log`);
  }, s3Env(server.url));
  const inDirectory = ["serve", "--staging-dir", ".", "--redirect-to-s3"];
  await refused(inDirectory, ["--bucket <name>: --redirect-to-s3 needs it"]);
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
  await refused([...serve, "--token-file", join(temp.path, "none")], ["none", "no such file"]);
  if (Deno.build.os === "windows") return;
  for (const mode of [0o640, 0o604, 0o620]) {
    await Deno.chmod(file, mode);
    await refused([...serve, "--token-file", file], ["other users", `chmod 600 ${file}`]);
  }
});

Deno.test("serve: mirrors runs from a directory, a bucket and another service, by name", async () => {
  await using temp = await tempDir();
  await using server = await startS3Server();
  using bucket = await createS3Backend(testOptions(server.url));
  await putRun(bucket, "124-linux", { files: ["b.log"] });
  const source = await staging(temp.path);
  const dir = join(temp.path, "mirror");
  await Deno.mkdir(dir);
  await writeTree(temp.path, { "token": `${TOKEN}\n` });
  const file = join(temp.path, "token");
  await Deno.chmod(file, 0o600);
  const own = ["--staging-dir", dir, "--port", "0", "--token-file", file, "--allow-mirror"];
  await serving(["--staging-dir", source, "--port", "0"], async (lab) => {
    const closed = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = closed.addr;
    closed.close();
    const gone = `gone=http://127.0.0.1:${port}`;
    const sources = [`disk=${source}`, "ci=s3://suite", `lab=${lab}`, gone]
      .flatMap((place) => ["--mirror-source", place]);
    const io = await serving([...own, ...sources, "--endpoint-url", server.url], async (url) => {
      const ask = async (method: string, target: string, body = "") => {
        const answer = await send(
          Number(new URL(url).port),
          `${method} ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n` +
            `Authorization: Bearer ${TOKEN}\r\nContent-Type: application/json\r\n` +
            `Content-Length: ${body.length}\r\n\r\n${body}`,
        );
        return JSON.parse(answer.text);
      };
      const mirrored = async (source: string, run_id: string) => {
        let job = await ask("POST", "/runs", JSON.stringify({ source, run_id, platform: "linux" }));
        while (job.finished_at === undefined) job = await ask("GET", `/runs/${job.job}`);
        return job;
      };
      for (const [name, id] of [["disk", "123"], ["ci", "124"], ["lab", "123"]]) {
        const job = await mirrored(name, id);
        assert.deepEqual([job.state, job.files], ["succeeded", 1], JSON.stringify(job));
      }
      const { state, error } = await mirrored("gone", "125");
      assert.equal(state, "failed");
      assert.match(error.detail, /'gone:125-linux[^']*': connection refused/);
    }, { ...s3Env(server.url), AWS_MAX_ATTEMPTS: "1" });
    const [warning, ...others] = io.err.split("\n").filter((line) => line.startsWith("warning"));
    assert.match(warning, /: Cannot \w+ 'gone:/);
    assert.deepEqual(others, []);
  });
  for (const [id, path] of [["123", "logs/a.log"], ["124", "b.log"]]) {
    assert.equal(await Deno.readTextFile(join(dir, `${id}-linux`, path)), path);
  }
  const serve = ["serve", ...own];
  await refused(serve, ["--mirror-source <name=place>", "--allow-mirror needs it"]);
  await refused([...serve, "--mirror-source", `a=${dir}/.`], ["it is the staging directory"]);
  await refused([...serve, "--mirror-source", "a=http://x/?y"], ["the URL of a service"]);
  await refused([...serve, "--mirror-source", `a=${dir}/none`], ["mirror source", "none"], {
    code: 3,
  });
  const inBucket = ["serve", "--bucket", "suite", "--token-file", file, "--allow-mirror"];
  await refused([...inBucket, "--mirror-source", "ci=s3://a-bucket"], ["--staging-dir <dir>"]);
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
      [["--allow-mirror"], "--token-file", "--allow-mirror needs it"],
      [["--mirror-source", "ci=s3://suite"], "--allow-mirror", "--mirror-source needs it"],
      [["--mirror-source", "suite"], "--mirror-source", "NAME=s3://BUCKET"],
      [["--mirror-source", "ci=s3://suite/key"], "--mirror-source", "NAME=s3://BUCKET"],
      [["--mirror-source", "a=s3://suite", "--mirror-source", "a=."], "is given twice"],
      [["--allow-anonymous", "--token-file", "x"], "choose one"],
      [["--socket", "x", "--port", "1"], "--port with --socket"],
      [["--socket", "x", "--host", "127.0.0.1"], "--host with --socket"],
      [["--socket", "x", "--socket-mode", "rw"], "--socket-mode", "660"],
      [["--socket-mode", "660"], "--socket <path>", "--socket-mode needs it"],
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
