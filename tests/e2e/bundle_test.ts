/** The bundle that the executable embeds. */

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { bundle } from "../../.ci/bundle.ts";
import config from "../../deno.json" with { type: "json" };
import { run } from "../support/fake_io.ts";
import { fileNames } from "../support/snapshot.ts";
import { compress, tar } from "../support/tar_builder.ts";
import { tempDir, writeTree } from "../support/temp_dir.ts";

const ENV = {
  NO_COLOR: "1",
  GITHUB_ACTIONS: "",
  THEROCK_LOCAL_STAGING_DIR: "",
  RELEASE_TYPE: "ci",
};

/** The scripts that a script of a bundle loads before it runs, with their text. */
async function loadedBy(script: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const queue = [script];
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    if (found.has(at)) continue;
    const text = await Deno.readTextFile(at);
    found.set(at, text);
    for (const [, path] of text.matchAll(/(?:^import|^\} from|\bfrom) "(\.{1,2}\/[^"]+)";$/gm)) {
      queue.push(join(dirname(at), path));
    }
  }
  return found;
}

Deno.test("bundle: does all that the sources do, and loads what the command needs", async (t) => {
  await using dir = await tempDir();
  const program = join(dir.path, "bundle");
  await bundle(program);
  const cli = join(program, "cli.js");
  const env: Record<string, string> = {};
  const finish = async (...args: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "--cached-only", "-P", cli, ...args],
      env: { ...ENV, ...env },
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  };

  await t.step("it is at most 10 MB, and so adds no more to the base runtime", async () => {
    let size = 0;
    for (const name of await fileNames(program)) {
      size += (await Deno.stat(join(program, name))).size;
    }
    assert(size > 1e6 && size <= 10e6, `${size}`);
  });

  await t.step("it prints the version and the help", async () => {
    assert.deepEqual(await finish("--version"), {
      code: 0,
      stdout: `${config.version}\n`,
      stderr: "",
    });
    assert.deepEqual(await finish("fetch", "--help"), await run(["fetch", "--help"]));
  });

  await t.step("workers and liblzma are in it", async () => {
    const bytes = tar(
      { name: "artifact_manifest.txt", content: "s\n" },
      { name: "s/a", content: "unpacked" },
    );
    const staging = join(dir.path, "staging");
    await writeTree(join(staging, "7-linux"), { "logs/x.log": "x" });
    await Deno.writeFile(
      join(staging, "7-linux", "a_lib_generic.tar.xz"),
      await compress(bytes, ".xz"),
    );
    const out = join(dir.path, "out");
    const { code, stderr } = await finish(
      ...["fetch", "--run-id", "7", "--platform", "linux", "--staging-dir", staging],
      ...["--output-dir", out],
    );
    assert.equal(code, 0, stderr);
    assert.equal(await Deno.readTextFile(join(out, "a_lib_generic", "s", "a")), "unpacked");
  });

  await t.step("packages that are CommonJS modules have their names", async () => {
    // The client of the security token service is loaded for web identities alone.
    const token = join(dir.path, "token");
    await Deno.writeTextFile(token, "token");
    env.AWS_WEB_IDENTITY_TOKEN_FILE = token;
    env.AWS_ROLE_ARN = "arn:aws:iam::123456789012:role/r";
    env.AWS_ENDPOINT_URL_STS = "http://127.0.0.1:9";
    env.AWS_MAX_ATTEMPTS = "1";
    const { code, stderr } = await finish(
      ...["list", "--bucket", "bbb", "--run-id", "7", "--platform", "linux"],
      ...["--region", "us-east-1", "--endpoint-url", "http://127.0.0.1:9"],
    );
    assert.equal(code, 5, stderr);
  });

  await t.step(
    "neither the AWS SDK nor archives are loaded before a command needs them",
    async () => {
      const texts = async (script: string) =>
        [...(await loadedBy(join(program, script))).values()].join("\n");
      const ofUnpacking = await texts("src/archive/unpack/worker.js");
      assert.match(ofUnpacking, /\bclass TarReader\b|\bTarReader = class\b/);
      assert.match(ofUnpacking, /_lzma_stream_decoder/);
      const atStart = await texts("cli.js");
      assert.match(atStart, /\bRunOutputsError\b/);
      const late = /\bTarReader\b|_lzma_stream_decoder|\bS3Client\b|\bZodType\b|"node:module"/;
      assert.doesNotMatch(atStart, late);
    },
  );
});
