/** `run-outputs fetch` with unpacking, a cache and failures: all of it, or nothing. */

import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { openWorkDir } from "../../../../src/operations/fetch/work_dir.ts";
import { noise, sha256 } from "../../../support/bytes.ts";
import { refused, runJson, runs } from "../../../support/command_line.ts";
import { fileNames, snapshot } from "../../../support/snapshot.ts";
import { putArchives, putPacked, RUN } from "../../../support/staging.ts";
import { tempDir, writeTree } from "../../../support/temp_dir.ts";

const BLAS = "blas_lib_gfx942.tar.zst";
const BASE = "base_run_generic.tar.zst";

interface Dirs {
  readonly dir: string;
  readonly run: string;
  readonly out: string;
  readonly args: readonly string[];
}

function test(name: string, fn: (dirs: Dirs) => Promise<void>): void {
  Deno.test(name, async () => {
    await using temp = await tempDir();
    const staging = join(temp.path, "staging");
    const run = join(staging, "123-linux");
    const out = join(temp.path, "out");
    await putPacked(run, BLAS, {
      "artifact_manifest.txt": "math/stage\n",
      "math/stage/lib/libblas.so": "blas",
      "math/stage/share/doc": "blas",
    });
    await putPacked(run, BASE, {
      "artifact_manifest.txt": "base/stage\n",
      "base/stage/bin/tool": "tool",
    });
    const args = ["fetch", "--staging-dir", staging, "--output-dir", out, ...RUN];
    await fn({ dir: temp.path, run, out, args });
  });
}

const UNPACKED = [
  "base_run_generic/artifact_manifest.txt",
  "base_run_generic/base/stage/bin/tool",
  "blas_lib_gfx942/artifact_manifest.txt",
  "blas_lib_gfx942/math/stage/lib/libblas.so",
  "blas_lib_gfx942/math/stage/share/doc",
];

/** The names in a directory; none, if it is not there. */
async function entries(dir: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(dir), ({ name }) => name)).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Lets no file of a name be removed, nor what it is in; gives the real thing back. */
function refuseToRemove(name: string): Disposable {
  const remove = Deno.remove;
  const holds = (path: string): boolean =>
    basename(path) === name ||
    Deno.lstatSync(path).isDirectory &&
      [...Deno.readDirSync(path)].some((entry) => holds(join(path, entry.name)));
  Deno.remove = async (path, options) => {
    if (await exists(path) && holds(String(path))) {
      throw new Deno.errors.PermissionDenied("held by another user");
    }
    await remove(path, options);
  };
  return { [Symbol.dispose]: () => void (Deno.remove = remove) };
}

async function exists(path: string | URL): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

async function damage(path: string): Promise<void> {
  const bytes = await Deno.readFile(path);
  bytes[bytes.length >> 1] ^= 1;
  await Deno.writeFile(path, bytes);
}

test("fetch: each archive is unpacked below its name, and nothing else is left", async (d) => {
  // Where it takes long, there would be lines of progress.
  const { out, err } = await runs(0, [...d.args, "--quiet"]);
  assert.equal(err, "");
  assert.match(out, /^2 files, .*: 2 written; 2 verified; downloaded .*; unpacked .*; in .*\n$/);
  assert.deepEqual(await fileNames(d.out), UNPACKED);
  assert.deepEqual(await entries(d.dir), ["out", "staging"]);
  await Deno.writeTextFile(join(d.out, "blas_lib_gfx942", "old"), "old");
  await Deno.remove(join(d.out, "blas_lib_gfx942", "artifact_manifest.txt"));
  const again = await runs(0, [...d.args, "-v"]);
  assert.match(again.out, /^unpacked +\d+ B +blas_lib_gfx942\.tar\.zst$/m);
  assert.deepEqual(await fileNames(d.out), UNPACKED, "what was there is replaced");
  assert.match(again.err, /^warning: 1 changed or foreign file .* is gone: blas_lib_gfx942\/old$/m);
});

test("fetch --flatten: one tree, merged with existing files", async (d) => {
  await writeTree(d.out, { "lib/libblas.so": "old", "lib/mine": "mine" });
  await runs(0, [...d.args, "--flatten"]);
  assert.deepEqual(await fileNames(d.out), ["bin/tool", "lib/libblas.so", "lib/mine", "share/doc"]);
  assert.equal(await Deno.readTextFile(join(d.out, "lib", "libblas.so")), "blas");
});

test("fetch --bootstrap: listed directories are emptied and marked", async (d) => {
  await writeTree(d.out, { "math/stage/old": "old", "math/mine": "mine" });
  await runs(0, [...d.args, "--bootstrap"]);
  assert.deepEqual(await fileNames(d.out), [
    "base/stage.prebuilt",
    "base/stage/bin/tool",
    "math/mine",
    "math/stage.prebuilt",
    "math/stage/lib/libblas.so",
    "math/stage/share/doc",
  ]);
});

test("fetch --json: where each file came from, and what was unpacked of it", async (d) => {
  const document = await runJson(0, d.args);
  assert.equal(document.mode, "extract");
  assert(document.phases.download.bytes > 0 && document.phases.unpack.bytes > 0);
  const [base, blas] = document.files;
  assert.equal(base.path, BASE);
  assert.equal(blas.verified, true);
  assert.equal(blas.origin, "network");
  assert.equal(blas.sha256, sha256(await Deno.readFile(join(d.run, BLAS))));
  assert.equal(blas.unpacked.directory, join(d.out, "blas_lib_gfx942"));
  assert.equal(blas.unpacked.files, 3);
});

test("fetch: a damaged archive: exit 6, the target is unchanged, other archives are kept", async (d) => {
  await runs(0, d.args);
  await Deno.remove(join(d.out, "blas_lib_gfx942", "artifact_manifest.txt"));
  const before = await snapshot(d.out);
  await damage(join(d.run, BLAS));
  const { err, out } = await runs(6, d.args);
  assert.match(
    err,
    /^error: Cannot fetch .*blas_lib_gfx942\.tar\.zst: checksum mismatch \(expected \w+, got/m,
  );
  assert.match(err, /kept in .*\.out\.run-outputs-fetch-\w+ for the next fetch\n$/);
  assert.match(out, /nothing in /);
  assert.deepEqual(await snapshot(d.out), before);
  // Repaired; what was downloaded is not downloaded again.
  await damage(join(d.run, BLAS));
  const { files } = await runJson(0, d.args);
  const origins = Object.fromEntries(
    files.map(({ path, origin }: { path: string; origin: string }) => [path, origin]),
  );
  assert.deepEqual(origins, { [BASE]: "disk", [BLAS]: "network" });
  assert.deepEqual(await entries(d.dir), ["out", "staging"]);
});

test("fetch: a rejected archive: exit 6, nothing is created", async (d) => {
  await putArchives(d.run, ["evil_lib_generic.tar.zst"], () => noise(1000));
  const { err } = await runs(6, d.args);
  assert.match(err, /^error: Cannot unpack 'evil_lib_generic\.tar\.zst'/m);
  await assert.rejects(Deno.stat(d.out), Deno.errors.NotFound);
  await runs(0, [...d.args, "--exclude", "evil_*"]);
  const elsewhere = ["-o", join(d.dir, "other")];
  const { err: tooMany } = await runs(6, [...d.args, ...elsewhere, BLAS, "--max-members", "2"]);
  assert.match(tooMany, /members \(--max-members\)/);
});

test("fetch: if the only archive is rejected, its location is reported", async (d) => {
  const { err, out } = await runs(6, [...d.args, BLAS, "--max-members", "2"]);
  assert.match(err, /kept in .*\.out\.run-outputs-fetch-\w+ for the next fetch\n$/);
  assert.match(out, /; nothing in /);
  const [work, ...others] = await entries(d.dir);
  assert.match(work, /^\.out\.run-outputs-fetch-[0-9a-f]{12}$/);
  assert.deepEqual(others, ["staging"]);
  const { kept_in } = await runJson(6, [...d.args, BLAS, "--max-members", "2"]);
  assert.deepEqual((await fileNames(kept_in)).map((path) => basename(path)), [BLAS, "lock"]);
});

test("fetch: archives that stay because of a conflict in the target are reported", async (d) => {
  await writeTree(d.out, { "lib/libblas.so/mine": "a directory" });
  const { err } = await runs(1, [...d.args, "--flatten"]);
  assert.match(
    err,
    /^note: [^\n]*kept in [^\n]*\.out\.run-outputs-fetch-\w+ for the next fetch\nerror: /m,
  );
});

test("fetch: the second of two concurrent fetches to one directory is rejected", async (d) => {
  // The first one has downloaded something.
  const { kept_in: work } = await runJson(6, [...d.args, BLAS, "--max-members", "2"]);
  {
    await using _first = await openWorkDir(d.out);
    const { err } = await runs(1, d.args);
    assert.match(err, /^error: [^\n]*another process is unpacking to the same directory[^\n]*\n$/);
  }
  assert.deepEqual((await fileNames(work)).map((path) => basename(path)), [BLAS, "lock"]);
  assert.deepEqual(await entries(d.dir), [basename(work), "staging"]);
});

test("fetch: what an archive or another user has put under our names is never used", async (d) => {
  await writeTree(d.dir, {
    "victim/precious": "theirs",
    ".out.run-outputs-fetch/staging/journal.json": "{}",
    [`.out.run-outputs-fetch-012345678901/${BASE}`]: "another archive",
    "out/.run-outputs-fetch-012345678901/staging/saved/0": "theirs",
  });
  await Deno.symlink("victim", join(d.dir, ".out.run-outputs-fetch-abcdefabcdef"));
  const { err } = await runs(0, d.args);
  const notes = err.split("\n").filter((line) => line !== "");
  assert.equal(notes.length, 3, err);
  for (const note of notes) {
    assert.match(note, /^warning: .*run-outputs-fetch-\w{12}' is not left by a fetch to this /);
  }
  assert.equal(await Deno.readTextFile(join(d.dir, "victim/precious")), "theirs");
  assert.deepEqual(await entries(d.dir), [
    ".out.run-outputs-fetch",
    ".out.run-outputs-fetch-012345678901",
    ".out.run-outputs-fetch-abcdefabcdef",
    "out",
    "staging",
    "victim",
  ]);
});

test("fetch: a working directory created just before a kill is deleted", async (d) => {
  await Deno.mkdir(join(d.dir, ".out.run-outputs-fetch-0123456789ab"), { mode: 0o700 });
  const { err } = await runs(0, d.args);
  assert.equal(err, "");
  assert.deepEqual(await entries(d.dir), ["out", "staging"]);
});

test("fetch: a link in place of what an earlier fetch left is not followed", async (d) => {
  const { kept_in: work } = await runJson(6, [...d.args, BLAS, "--max-members", "2"]);
  await Deno.rename(work, `${work}-moved`);
  await writeTree(d.dir, { "victim/precious": "theirs" });
  await Deno.symlink("victim", work);
  await runs(0, d.args);
  assert.deepEqual(await entries(join(d.dir, "victim")), ["precious"]);
});

test("fetch: without kept archives, no working or output directory is left", async (d) => {
  for (const name of [BASE, BLAS]) await damage(join(d.run, name));
  const deep = join(d.dir, "deep", "out");
  for (const more of [[], ["--no-extract"], ["--cache-dir", join(d.dir, "cache")]]) {
    const { err, out } = await runs(6, [...d.args, "-o", deep, ...more]);
    assert(!err.includes("kept in"), err);
    assert.match(out, /; nothing in /);
    assert((await entries(d.dir)).every((name) => name === "staging" || name === "cache"));
  }
});

test("fetch: a directory that was there stays, with nothing in it", async (d) => {
  for (const name of [BASE, BLAS]) await damage(join(d.run, name));
  await Deno.mkdir(d.out);
  await runs(6, d.args);
  await runs(6, [...d.args, "--no-extract"]);
  assert.deepEqual(await entries(d.dir), ["out", "staging"]);
});

test("fetch: a missing archive: exit 7, nothing appears", async (d) => {
  await Deno.remove(join(d.run, BASE));
  await runs(7, d.args);
  await assert.rejects(Deno.stat(d.out), Deno.errors.NotFound);
});

test("fetch: a wrong or empty checksum: exit 6, nothing appears", async (d) => {
  for (const text of [`${"0".repeat(64)}\n`, "", "<html>\n"]) {
    await Deno.writeTextFile(join(d.run, `${BASE}.sha256sum`), text);
    await runs(6, d.args);
    await assert.rejects(Deno.stat(d.out), Deno.errors.NotFound);
  }
});

test("fetch: a missing checksum is a warning, and an error with --require-checksums", async (d) => {
  await Deno.remove(join(d.run, `${BASE}.sha256sum`));
  const { err } = await runs(0, d.args);
  assert.match(err, /^warning: base_run_generic\.tar\.zst has no \.sha256sum file[^\n]*\n$/);
  const { err: refusal } = await runs(6, [...d.args, "--require-checksums"]);
  assert.match(refusal, /base_run_generic\.tar\.zst: it has no \.sha256sum file/);
});

test("fetch: a file where an archive's directory goes: exit 1 before anything changes", async (d) => {
  await writeTree(d.out, { "blas_lib_gfx942": "mine", "base_run_generic/old": "old" });
  const before = await snapshot(d.out);
  await refused(d.args, [join(d.out, "blas_lib_gfx942"), "a file exists where a directory"], {
    code: 1,
  });
  assert.deepEqual(await snapshot(d.out), before);
  assert.deepEqual(await entries(d.dir), ["out", "staging"]);
  await runs(0, [...d.args, BASE]);
});

test("fetch --keep-archives: they lie beside what was unpacked, and serve the next fetch", async (d) => {
  await runs(0, [...d.args, "--keep-archives"]);
  assert.deepEqual(
    await fileNames(d.out),
    [
      "base_run_generic.tar.zst",
      ...UNPACKED.slice(0, 2),
      "blas_lib_gfx942.tar.zst",
      ...UNPACKED.slice(2),
    ].sort(),
  );
  const { files } = await runJson(0, d.args);
  assert.deepEqual(
    new Set(files.map((file: { origin: string }) => file.origin)),
    new Set(["disk"]),
  );
});

test("fetch --keep-archives: a directory where an archive goes: exit 1 before anything changes", async (d) => {
  await writeTree(d.out, { [`${BASE}/mine`]: "mine", "bin/tool": "old" });
  const before = await snapshot(d.dir);
  for (const more of [[], ["--flatten"]]) {
    await refused([...d.args, "--keep-archives", ...more], [join(d.out, BASE), "directory"], {
      code: 1,
    });
    assert.deepEqual(await snapshot(d.dir), before);
  }
});

test("fetch --keep-archives: what was unpacked is not replaced by an archive of its name", async (d) => {
  await putPacked(d.run, BLAS, {
    "artifact_manifest.txt": "math/stage\n",
    [`math/stage/${BASE}`]: "of the other archive",
    [`math/stage/${BLAS}/file`]: "a directory",
  });
  const flatten = [...d.args, "--flatten", "--keep-archives"];
  const { err } = await runs(0, flatten);
  const warnings = err.trimEnd().split("\n");
  assert.equal(warnings.length, 2, err);
  assert.match(warnings[0], /^warning: Cannot keep '.*base_run_generic\.tar\.zst': .*unpacked/);
  assert.match(warnings[1], /^warning: Cannot keep '.*blas_lib_gfx942\.tar\.zst': .*unpacked/);
  assert.deepEqual(await fileNames(d.out), [BASE, "bin/tool", `${BLAS}/file`]);
  assert.equal(await Deno.readTextFile(join(d.out, BASE)), "of the other archive");
});

test("fetch --keep-archives: an archive that can't be put there is a warning, the fetch is done", async (d) => {
  await writeTree(d.out, { "base_run_generic/old": "old" });
  const rename = Deno.rename;
  using _restored = { [Symbol.dispose]: () => void (Deno.rename = rename) };
  Deno.rename = async (from, to) => {
    if (to === join(d.out, BASE)) throw new Deno.errors.PermissionDenied("held by another process");
    await rename(from, to);
  };
  const { files } = await runJson(0, [...d.args, "--keep-archives"]);
  const [base, blas] = files;
  assert.equal(base.outcome, "written");
  assert.equal(base.warnings.length, 1);
  assert.match(base.warnings[0], /base_run_generic\.tar\.zst': .*permission denied.*is in place$/);
  assert.deepEqual(blas.warnings, []);
  assert.deepEqual(await fileNames(d.out), [...UNPACKED, BLAS].sort());
  assert.deepEqual(await entries(d.dir), ["out", "staging"]);
});

test("fetch: what can't be removed in the end is a warning, and is in no other fetch's way", async (d) => {
  await writeTree(d.out, { "base_run_generic/held": "old" });
  {
    using _held = refuseToRemove("held");
    for (let i = 0; i < 3; i++) {
      const { err } = await runs(0, d.args);
      assert.match(
        err,
        /^warning: Cannot remove '[^\n]*\.out\.run-outputs-fetch-\w+[^\n]*in place/,
      );
      assert.equal(err.split("\n").length, 2, err);
      assert.deepEqual(await fileNames(d.out), UNPACKED);
    }
  }
  const { err } = await runs(0, d.args);
  assert.equal(err, "");
  assert.deepEqual(await entries(d.dir), ["out", "staging"]);
});

test("fetch --cache-dir: the second time comes out of the cache; a damaged entry is noticed", async (d) => {
  const cache = join(d.dir, "cache");
  const origins = async (code: number, ...more: string[]) => {
    const document = await runJson(code, [...d.args, "--cache-dir", cache, ...more]);
    return document.files.map((file: { origin: string }) => file.origin);
  };
  assert.deepEqual(await origins(0), ["network", "network"]);
  const forget = () => Deno.remove(join(d.out, "blas_lib_gfx942"), { recursive: true });
  await forget();
  assert.deepEqual(await origins(0), ["cache", "cache"]);
  assert.deepEqual(await fileNames(d.out), UNPACKED);
  const entry = (await fileNames(cache)).find((name) =>
    name.includes(sha256(Deno.readFileSync(join(d.run, BLAS))))
  )!;
  await Deno.chmod(join(cache, entry), 0o644);
  await damage(join(cache, entry));
  await forget();
  assert.deepEqual(await origins(0), ["cache", "network"]);
  const packed = join(d.dir, "packed");
  assert.deepEqual(await origins(0, "--no-extract", "-o", packed), ["cache", "cache"]);
  assert.deepEqual(await fileNames(packed), [BASE, BLAS]);
  assert.deepEqual(await origins(0, "--no-extract", "-o", packed), ["disk", "disk"]);
});

test("fetch --cache-dir: two concurrent fetches download each archive once", async (d) => {
  const cache = join(d.dir, "cache");
  const both = await Promise.all(
    ["a", "b"].map((name) =>
      runJson(0, [...d.args, "--cache-dir", cache, "-o", join(d.dir, name)])
    ),
  );
  const origins = both.flatMap(({ files }) => files.map((f: { origin: string }) => f.origin));
  assert.deepEqual(origins.sort(), ["cache", "cache", "network", "network"]);
  for (const name of ["a", "b"]) assert.deepEqual(await fileNames(join(d.dir, name)), UNPACKED);
});

test("fetch --list: lists the selection, without an output directory", async (d) => {
  const before = await snapshot(d.dir);
  const [, staging, dir] = d.args;
  const { out } = await runs(0, ["fetch", staging, dir, ...RUN, "--list", "blas_*"]);
  assert.match(out, /^would fetch +\d+ B +blas_lib_gfx942\.tar\.zst +<- .*123-linux/);
  assert.deepEqual(await snapshot(d.dir), before);
});

test("fetch: groups, targets and components choose", async (d) => {
  const planned = async (...more: string[]) => {
    const { files } = await runJson(0, [...d.args, "--list", ...more]);
    return files.map((file: { path: string }) => file.path);
  };
  assert.deepEqual(await planned("--artifact-group", "GFX942:xnack+"), [BASE, BLAS]);
  assert.deepEqual(await planned("--amdgpu-targets", "gfx942", "--components", "lib"), [BLAS]);
  assert.deepEqual(await planned("--artifact-group", "gfx94X-dcgpu", "--expand-families"), [
    BASE,
    BLAS,
  ]);
  await refused([...d.args, "--artifact-group", "gfx1100"], ["gfx1100", "gfx942"], { code: 3 });
  await refused([...d.args, "--components", "nope"], ["nope", "lib, run"], { code: 3 });
  await refused([...d.args, "--families-file", "nope", "--expand-families"], ["nope"], { code: 2 });
});

test("fetch: contradicting options are rejected", async (d) => {
  for (
    const [args, ...texts] of [
      [["--flatten", "--bootstrap"], "--flatten", "--bootstrap"],
      [["--no-extract", "--flatten"], "--no-extract", "--flatten"],
      [["--no-extract", "--keep-archives"], "--keep-archives"],
      [["--no-extract", "--max-ratio", "9"], "--max-ratio"],
      [["--cache-size", "1G", "--no-cache"], "--cache-size", "--no-cache"],
      [["--cache-dir", "x", "--no-cache"], "--cache-dir", "--no-cache"],
      [["--cache-size", "1 pound", "--cache-dir", "x"], "1 pound"],
      [["--families-file", "x"], "--expand-families"],
    ] as [string[], ...string[]][]
  ) await refused([...d.args, ...args], texts, { code: 2 });
});
