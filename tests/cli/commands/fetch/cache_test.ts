/** `run-outputs fetch` with its cache: where it is, when it is used, and that it never fails a fetch. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { sha256 } from "../../../support/bytes.ts";
import { refused, runJson, runs } from "../../../support/command_line.ts";
import { fileNames } from "../../../support/snapshot.ts";
import { putPacked, RUN } from "../../../support/staging.ts";
import { tempDir, writeTree } from "../../../support/temp_dir.ts";

const BLAS = "blas_lib_gfx942.tar.zst";

async function world() {
  const temp = await tempDir();
  const staging = join(temp.path, "staging");
  for (const name of ["base_run_generic.tar.zst", BLAS]) {
    await putPacked(join(staging, "123-linux"), name, {
      "artifact_manifest.txt": "stage\n",
      "stage/file": name,
    });
  }
  const out = join(temp.path, "out");
  const args = ["fetch", "--staging-dir", staging, ...RUN, "--output-dir", out];
  let count = 0;
  return {
    dir: temp.path,
    out,
    args,
    digest: sha256(await Deno.readFile(join(staging, "123-linux", BLAS))),
    // Into an empty directory each time: a file that is there already has the origin `disk`.
    origins: async (env: Record<string, string>, ...more: string[]) => {
      const place = more.includes("--output-dir") ? [] : ["--output-dir", `${out}-${++count}`];
      const { files } = await runJson(0, [...args, ...place, ...more], env);
      return files.map((file: { origin: string }) => file.origin);
    },
    [Symbol.asyncDispose]: () => temp[Symbol.asyncDispose](),
  };
}

Deno.test("cache: fetch uses $RUN_OUTPUTS_CACHE_DIR, else the system's cache directory", async () => {
  await using w = await world();
  const named = join(w.dir, "named");
  const system = { XDG_CACHE_HOME: join(w.dir, "xdg"), LOCALAPPDATA: join(w.dir, "xdg") };
  for (const env of [{ ...system, RUN_OUTPUTS_CACHE_DIR: named }, system]) {
    assert.deepEqual(await w.origins(env), ["network", "network"]);
    assert.deepEqual(await w.origins(env), ["cache", "cache"]);
  }
  assert.equal((await fileNames(join(named, "v1/sha256"))).length, 4);
  assert.equal((await fileNames(join(w.dir, "xdg/run-outputs/v1/sha256"))).length, 4);
  assert.deepEqual(await w.origins(system, "--no-cache"), ["network", "network"]);
  const off = { ...system, RUN_OUTPUTS_NO_CACHE: "1" };
  assert.deepEqual(await w.origins(off), ["network", "network"]);
  assert.deepEqual(await w.origins(off, "--cache-dir", named), ["cache", "cache"]);
});

Deno.test("cache: without unpacking, only a named cache is used: the archives stay anyway", async () => {
  await using w = await world();
  const env = { XDG_CACHE_HOME: join(w.dir, "xdg"), LOCALAPPDATA: join(w.dir, "xdg") };
  assert.deepEqual(await w.origins(env, "--no-extract"), ["network", "network"]);
  await assert.rejects(Deno.stat(join(w.dir, "xdg")), Deno.errors.NotFound);
  const named = { RUN_OUTPUTS_CACHE_DIR: join(w.dir, "named") };
  await w.origins(named, "--no-extract", "--output-dir", join(w.dir, "other"));
  assert.equal((await fileNames(join(w.dir, "named/v1/sha256"))).length, 4);
});

for (const mode of [[], ["--flatten"], ["--no-extract"]]) {
  Deno.test(`cache: one that fails on the way is a warning, the fetch continues ${mode}`, async () => {
    await using w = await world();
    // A file in the place of a directory: no entry can be added, whoever runs this.
    await writeTree(w.dir, { [`cache/v1/sha256/${w.digest.slice(0, 2)}`]: "" });
    const { err } = await runs(0, [...w.args, ...mode, "--cache-dir", join(w.dir, "cache")]);
    assert.equal(err.match(/^warning: [^\n]*; continuing without the cache$/mg)?.length, 1, err);
    assert((await fileNames(w.out)).length >= 1);
    assert.deepEqual(await fileNames(join(w.dir, "cache/v1/making")), []);
  });
}

for (const mode of [[], ["--no-extract"]]) {
  Deno.test(`cache: a damaged archive is a checksum mismatch of the source, not of the cache ${mode}`, async () => {
    await using w = await world();
    const args = [...w.args, ...mode, "--cache-dir", join(w.dir, "cache")];
    await runs(0, args);
    await Deno.remove(w.out, { recursive: true });
    const archive = join(w.dir, "staging/123-linux", BLAS);
    await Deno.writeTextFile(archive, "more", { append: true });
    const { err } = await runs(6, args);
    const wanted = `Cannot fetch ${archive}: checksum mismatch (expected ${w.digest}, got `;
    assert(err.includes(wanted), err);
    assert.match(err, /verify --repair/);
    assert.doesNotMatch(err, /the cache/);
  });
}

Deno.test("cache: a default directory that can't be used is no warning; a named one is an error", async () => {
  await using w = await world();
  await writeTree(w.dir, { "xdg/run-outputs": "a file" });
  const env = { XDG_CACHE_HOME: join(w.dir, "xdg"), LOCALAPPDATA: join(w.dir, "xdg") };
  assert.equal((await runs(0, w.args, env)).err, "");
  assert.match((await runs(0, [...w.args, "-v"], env)).err, /; continuing without the cache$/m);
  const file = join(w.dir, "xdg/run-outputs");
  await refused([...w.args, "--cache-dir", file], [file, "not a directory"]);
  await refused(w.args, [file, "not a directory"], { env: { RUN_OUTPUTS_CACHE_DIR: file } });
});
