/** Debian's pip installs from the pages that an upload makes, over HTTP, by both of its ways. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { runs } from "../support/command_line.ts";
import { serveDirectory } from "../support/http_server.ts";
import { RUN } from "../support/staging.ts";
import { tempDir, writeTree } from "../support/temp_dir.ts";
import { makeSdist, makeWheel } from "../support/wheel.ts";

const PYTHON = "/usr/bin/python3";
const hasPip = await new Deno.Command(PYTHON, { args: ["-m", "pip", "--version"], stderr: "null" })
  .output().then(({ success }) => success, () => false);

const GROUP = "gfx110X-all";

function test(name: string, fn: (c: Case) => Promise<void>): void {
  Deno.test({
    name: `pip: ${name}`,
    ignore: !hasPip,
    fn: async () => {
      await using dir = await tempDir();
      await writeTree(dir.path, {
        // The version has a "+", which is another character in a URL.
        "wheels/dist/small_wheel-1.0+rocm7.0-py3-none-any.whl": makeWheel(
          "small_wheel",
          "1.0+rocm7.0",
          "VALUE = 42\n",
        ),
        "wheels/dist/source_only-2.0.tar.gz": makeSdist("source_only", "2.0"),
        "multiarch/common_part-1.0-py3-none-any.whl": makeWheel("common_part", "1.0", ""),
        "multiarch/gfx1151/device_part-1.0-py3-none-any.whl": makeWheel(
          "device_part",
          "1.0",
          "",
          "common-part==1.0",
        ),
      });
      const staging = join(dir.path, "staging");
      const upload = ["upload", "python", "--output-dir", staging, ...RUN];
      await runs(0, [...upload, join(dir.path, "wheels"), "--artifact-group", GROUP]);
      const more = ["upload", "python", "--output-dir", staging, "--run-id", "9"];
      await runs(0, [...more, "--platform", "linux", join(dir.path, "multiarch"), "--multiarch"]);
      await using server = serveDirectory(staging);
      await fn({ url: server.url, staging, target: join(dir.path, "target") });
    },
  });
}

interface Case {
  readonly url: string;
  readonly staging: string;
  readonly target: string;
}

async function pip(args: readonly string[]): Promise<{ code: number; output: string }> {
  const { code, stdout, stderr } = await new Deno.Command(PYTHON, {
    args: ["-m", "pip", "--isolated", "--disable-pip-version-check", "--no-cache-dir", ...args],
    env: { PIP_CONFIG_FILE: "/dev/null" },
  }).output();
  const decoder = new TextDecoder();
  return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

async function installed(target: string): Promise<string[]> {
  const names = (await Array.fromAsync(Deno.readDir(target))).map(({ name }) => name);
  return names.filter((name) => name.endsWith(".py")).sort();
}

const findLinks = (page: string) => ["--no-index", "--find-links", page];

test("installs a wheel by --find-links, its hash checked", async ({ url, target }) => {
  const page = `${url}/123-linux/python/${GROUP}/index.html`;
  const args = ["install", ...findLinks(page), "--target", target, "small-wheel"];
  const { code, output } = await pip(args);
  assert.equal(code, 0, output);
  assert.deepEqual(await installed(target), ["small_wheel.py"]);
});

test("installs a wheel by --index-url", async ({ url, target }) => {
  const index = `${url}/123-linux/python/${GROUP}/simple/`;
  const args = ["install", "--index-url", index, "--target", target, "Small.Wheel"];
  const { code, output } = await pip(args);
  assert.equal(code, 0, output);
  assert.deepEqual(await installed(target), ["small_wheel.py"]);
});

test("finds source distributions by both ways", async ({ url, target }) => {
  const base = `${url}/123-linux/python/${GROUP}`;
  for (const way of [findLinks(`${base}/index.html`), ["--index-url", `${base}/simple/`]]) {
    // `download` alone would have to build it, and for that to fetch what builds.
    const { code, output } = await pip([
      "install",
      ...way,
      "--no-deps",
      "--no-build-isolation",
      "--dry-run",
      "--target",
      target,
      "source-only",
    ]);
    assert.equal(code, 0, output);
    assert.match(output, /source_only-2\.0\.tar\.gz/);
  }
});

test("finds what is for every GPU on a family's page", async ({ url, target }) => {
  for (const [i, way] of ["index.html", "simple/"].entries()) {
    const base = `${url}/9-linux/python/gfx1151/${way}`;
    const from = way === "simple/" ? ["--index-url", base] : findLinks(base);
    const to = `${target}${i}`;
    const { code, output } = await pip(["install", ...from, "--target", to, "device-part"]);
    assert.equal(code, 0, output);
    assert.deepEqual(await installed(to), ["common_part.py", "device_part.py"]);
  }
});

test("installs by the pages of a server-side indexer, one for each directory", async (c) => {
  await indexAsServer(join(c.staging, "123-linux"));
  await indexAsServer(join(c.staging, "9-linux"));
  const single = findLinks(`${c.url}/123-linux/python/${GROUP}/index.html`);
  const to = `${c.target}-single`;
  const { code, output } = await pip(["install", ...single, "--target", to, "small-wheel"]);
  assert.equal(code, 0, output);
  assert.deepEqual(await installed(to), ["small_wheel.py"]);

  // A page lists its own directory: what is for every GPU is on the one above.
  const [common, family] = ["", "gfx1151/"].map((dir) =>
    `${c.url}/9-linux/python/${dir}index.html`
  );
  const install = ["install", "--target", c.target, "device-part"];
  const alone = await pip([...install, ...findLinks(family)]);
  assert.match(alone.output, /No matching distribution found for common-part/);
  const both = await pip([...install, ...findLinks(common), "--find-links", family]);
  assert.equal(both.code, 0, both.output);
  assert.deepEqual(await installed(c.target), ["common_part.py", "device_part.py"]);
});

test("finds nothing by --index-url once a server has replaced the pages of simple/", async (c) => {
  const index = ["--index-url", `${c.url}/123-linux/python/${GROUP}/simple/`];
  const install = ["install", ...index, "--target", c.target, "small-wheel"];
  await indexAsServer(join(c.staging, "123-linux"));
  const { code, output } = await pip(install);
  assert.equal(code, 1, output);
  assert.match(output, /No matching distribution found for small-wheel/);
});

test("rejects a wheel that was changed after the upload", async ({ url, staging, target }) => {
  const wheel = join(
    staging,
    `123-linux/python/${GROUP}/small_wheel-1.0+rocm7.0-py3-none-any.whl`,
  );
  await Deno.writeFile(wheel, makeWheel("small_wheel", "1.0+rocm7.0", "VALUE = 43\n"));
  const page = `${url}/123-linux/python/${GROUP}/index.html`;
  const args = ["install", ...findLinks(page), "--target", target, "small-wheel"];
  const { code, output } = await pip(args);
  assert.notEqual(code, 0);
  assert.match(output, /do not match the hashes|hash/i);
});

test("installs from a directory of wheels with pages of 'index'", async ({ staging, target }) => {
  const dir = join(staging, "9-linux/python/gfx1151");
  const wheels = `${target}-wheels`;
  await Deno.mkdir(wheels);
  for await (const { name } of Deno.readDir(dir)) {
    if (name.endsWith(".whl")) await Deno.copyFile(join(dir, name), join(wheels, name));
  }
  await runs(0, ["index", wheels]);
  await using server = serveDirectory(wheels);
  const index = ["--index-url", `${server.url}/simple/`];
  const { code, output } = await pip([
    "install",
    "--no-deps",
    ...index,
    "--target",
    target,
    "device-part",
  ]);
  assert.equal(code, 0, output);
});

/**
 * Replaces all pages of a run, as the indexer of the live buckets does: each directory with files or
 * directories gets a page of its immediate contents, without hashes (build_tools/generate_s3_index.py,
 * `generate_index_for_directory` and `_list_files_s3`).
 */
async function indexAsServer(dir: string, parent?: string): Promise<void> {
  const entries = await Array.fromAsync(Deno.readDir(dir));
  const rows = entries.filter(({ name }) => name !== "index.html").map(({ name, isDirectory }) => {
    const href = encodeURIComponent(name) + (isDirectory ? "/index.html" : "");
    const text = isDirectory ? `${name}/` : name;
    return `<tr><td><a href="${href}">${text}</a></td><td>1 KB</td><td>&mdash;</td></tr>`;
  });
  if (parent !== undefined) rows.unshift(`<tr><td><a href="${parent}">..</a></td></tr>`);
  const page = `<!DOCTYPE html>\n<html>\n<head><meta charset="utf-8"></head>\n<body>\n` +
    `<main><table><tbody>\n${rows.join("\n")}\n</tbody></table></main></body></html>`;
  await Deno.writeTextFile(join(dir, "index.html"), page);
  for (const { name, isDirectory } of entries) {
    if (isDirectory) await indexAsServer(join(dir, name), "../index.html");
  }
}
