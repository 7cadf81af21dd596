/**
 * The scripts of a release: the action's installation from a file server, and the smoke test of an
 * executable.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { checksums } from "../../.ci/compile_all.ts";
import { executableName, type Target, TARGETS } from "../../.ci/compile.ts";
import { sha256 } from "../support/bytes.ts";
import { docBlocks } from "../support/doc_blocks.ts";
import { ROOT } from "../support/import_graph.ts";
import { EXECUTABLE } from "../support/program.ts";
import { tempDir } from "../support/temp_dir.ts";

const TARGET = "x86_64-unknown-linux-gnu";
const NAME = `run-outputs-${TARGET}`;

/** Runs a script of `.ci`. */
async function script(name: string, ...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: [join(ROOT, ".ci", name), ...args],
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** A release on a file server. */
class Release implements AsyncDisposable {
  readonly files = new Map<string, Uint8Array>();
  readonly requests: string[] = [];
  readonly #server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    (request) => {
      const path = new URL(request.url).pathname.replace("/v1.0.0/", "");
      this.requests.push(path);
      const bytes = this.files.get(path);
      return bytes === undefined
        ? new Response("no such file", { status: 404 })
        : new Response(bytes.slice());
    },
  );
  readonly url = `http://127.0.0.1:${this.#server.addr.port}/v1.0.0`;

  put(text: string, sum = sha256(text), target: Target = TARGET): void {
    const name = executableName(target);
    const executable = { target, name, size: text.length, sha256: sum } as const;
    this.files.set(name, new TextEncoder().encode(text));
    this.files.set("SHA256SUMS", new TextEncoder().encode(checksums([executable])));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

Deno.test("install-release: downloads once, verifies each time, and leaves nothing else", async () => {
  await using dir = await tempDir();
  await using release = new Release();
  const bin = join(dir.path, "bin");
  release.put("#!/bin/sh\necho run-outputs $1\n");
  const installed = await script("install-release", release.url, bin, TARGET);
  assert.deepEqual(installed, { code: 0, stdout: `${bin}/run-outputs\n`, stderr: "" });
  const { stdout } = await new Deno.Command(`${bin}/run-outputs`, { args: ["x"] }).output();
  assert.equal(new TextDecoder().decode(stdout), "run-outputs x\n");
  assert.deepEqual(release.requests, ["SHA256SUMS", NAME]);

  await script("install-release", release.url, bin, TARGET);
  assert.deepEqual(release.requests, ["SHA256SUMS", NAME, "SHA256SUMS"]);
  // A cache that somebody has changed.
  await Deno.writeTextFile(`${bin}/run-outputs`, "evil");
  assert.equal((await script("install-release", release.url, bin, TARGET)).code, 0);
  assert.match(await Deno.readTextFile(`${bin}/run-outputs`), /^#!/);
  assert.deepEqual((await Array.fromAsync(Deno.readDir(bin))).map(({ name }) => name), [
    "run-outputs",
  ]);
});

Deno.test("install-release: a wrong checksum, and what a release lacks, install nothing", async () => {
  await using dir = await tempDir();
  await using release = new Release();
  const bin = join(dir.path, "bin");
  const fails = async (message: RegExp, target = TARGET) => {
    const { code, stderr } = await script("install-release", release.url, bin, target);
    assert.equal(code, 1);
    assert.match(stderr, message);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(bin)), []);
  };
  await fails(/error: Cannot download .*SHA256SUMS/);
  release.put("good", "0".repeat(64));
  await fails(/error: Checksum mismatch of .*: expected 0{64}, got [0-9a-f]{64}/);
  release.put("good");
  await fails(/error: The release has no executable for riscv64/, "riscv64-unknown-linux-gnu");
  release.files.delete(NAME);
  await fails(/error: Cannot download .*run-outputs-x86_64/);
  assert.match((await script("install-release", release.url)).stderr, /Usage/);
});

Deno.test("README.md: the commands install on Linux and macOS, and stop at a wrong checksum", async () => {
  const commands = (await docBlocks("README.md")).filter(({ test }) =>
    test === "tests/integration/release_test.ts"
  );
  assert.equal(commands.length, 2);
  for (const { code } of commands) {
    await using dir = await tempDir();
    await using release = new Release();
    const target = TARGETS.find((name) => code.includes(executableName(name)))!;
    const script = code
      .replace(/https:.*\/releases\/latest\/download/, release.url)
      .replace(/sudo install (\S+) \/usr\/local\/bin\//, `install $1 '${dir.path}/bin/'`);
    assert(!/github|sudo/.test(script), script);
    await Deno.mkdir(join(dir.path, "bin"));
    const install = () =>
      new Deno.Command("bash", { args: ["-euc", script], cwd: dir.path, stderr: "null" }).output();
    release.put("#!/bin/sh\necho run-outputs $1\n", "0".repeat(64), target);
    assert.equal((await install()).success, false);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(join(dir.path, "bin"))), []);
    release.put("#!/bin/sh\necho run-outputs $1\n", undefined, target);
    assert.equal((await install()).success, true);
    const { stdout } = await new Deno.Command(`${dir.path}/bin/run-outputs`, { args: ["x"] })
      .output();
    assert.equal(new TextDecoder().decode(stdout), "run-outputs x\n");
  }
});

Deno.test("check-version: the tag of a release is the version of deno.json", async () => {
  const { code, stderr } = await script("check-version", "v999.0.0");
  assert.equal(code, 1);
  assert.match(stderr, /The tag is 'v999\.0\.0', but deno\.json has version .*: expected v/);
});

Deno.test({
  name: "smoke: the executable does a job in short",
  ignore: EXECUTABLE === undefined,
  fn: async () => {
    // The base runtime that npm has makes no zstd.
    const { code, stdout, stderr } = await script("smoke", EXECUTABLE!, "xz");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /2 verified by SHA-256/);
  },
});
