/** The requests of docs/service.md, sent by the programs that it names. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { runs } from "../support/command_line.ts";
import { hasProgram } from "../support/debian.ts";
import { docBlocks } from "../support/doc_blocks.ts";
import { docWorld, makeDocFiles } from "../support/doc_world.ts";
import { FakeIo } from "../support/fake_io.ts";
import { main } from "../../src/cli/main.ts";
import { fileNames } from "../support/snapshot.ts";
import { tempDir } from "../support/temp_dir.ts";

const PROGRAMS = ["bash", "curl", "wget", "rclone", "lftp", "pip"];
const found = await Promise.all(PROGRAMS.map((name) => hasProgram(name)));
const missing = PROGRAMS.filter((_, i) => !found[i]);
if (missing.length > 0) console.warn(`serve_docs_test: skipped, without ${missing.join(", ")}`);

/** A service with a token, which may pin and mirror, until it is interrupted. */
class ServiceIo extends FakeIo {
  readonly #listens = Promise.withResolvers<string>();
  /** Its URL, without a final `/`. */
  readonly url = this.#listens.promise;

  override stdout(text: string): void {
    this.#listens.resolve(text.trim().replace(/\/$/, ""));
  }
}

Deno.test({
  name: "docs/service.md: each request is answered",
  ignore: missing.length > 0,
  fn: async (t) => {
    await using temp = await tempDir();
    const dir = temp.path;
    await makeDocFiles(dir);
    await using world = await docWorld(dir);
    const staging = join(dir, "staging");
    await runs(0, [
      ...["upload", "python", join(dir, "packages"), "--artifact-group", "gfx94X-dcgpu"],
      ...["--output-dir", staging, "--run-id", "12345", "--platform", "linux"],
    ]);
    const io = new ServiceIo();
    const ended = main([
      ...["serve", "--staging-dir", staging, "--token-file", join(dir, "token"), "--port", "0"],
      ...["--allow-pin", "--allow-mirror", "--mirror-source", `ci=${join(dir, "mirror")}`],
    ], io);
    const blocks = (await docBlocks("docs/service.md")).filter(({ test }) =>
      test === "tests/integration/serve_docs_test.ts"
    );
    assert(blocks.length >= 4);
    for (const { line, code } of blocks) {
      await t.step(`line ${line}`, async () => {
        const url = code.includes("cat token") ? await io.url : world.service;
        const script = code
          .replaceAll("http://127.0.0.1:8080", url)
          .replaceAll("curl ", "curl --fail --silent --show-error ")
          .replaceAll("/12345/", "/12345-linux/")
          .replaceAll("/etc/apt/sources.list.d/", `${dir}/`)
          .replaceAll("PACKAGE", "one");
        const { success, stdout, stderr } = await new Deno.Command("bash", {
          args: ["-euo", "pipefail", "-c", script],
          cwd: dir,
        }).output();
        const decoder = new TextDecoder();
        assert(success, `${script}\n${decoder.decode(stderr)}${decoder.decode(stdout)}`);
      });
    }
    io.interrupt();
    assert.equal(await ended, 0, io.err);
    const files = await fileNames(dir);
    for (
      const name of [
        "blas_lib_gfx94X-dcgpu.tar.zst",
        "copy/blas_lib_gfx94X-dcgpu.tar.zst",
        "one-1.0-py3-none-any.whl",
        "run.list",
      ]
    ) assert(files.includes(name), name);
    assert(files.some((name) => /12345-linux\/.*release-7\.13/.test(name)), "the run is pinned");
  },
});
