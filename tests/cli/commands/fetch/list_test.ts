import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { run } from "../../../support/fake_io.ts";
import { readTree, tempDir, writeTree } from "../../../support/temp_dir.ts";

const ID = ["--run-id", "7", "--platform", "linux"];

/** An archive and its sidecar. */
function archive(name: string, content: string): Record<string, string> {
  const sha256 = createHash("sha256").update(content).digest("hex");
  return { [name]: content, [`${name}.sha256sum`]: `${sha256}\n` };
}

async function stage(root: string, files: Record<string, string>, prefix = "7-linux/") {
  const entries = Object.entries(files).map(([path, content]) => [prefix + path, content]);
  await writeTree(`${root}/s`, Object.fromEntries(entries));
  return ["--staging-dir", `${root}/s`, ...ID];
}

Deno.test("list: by kind, with sizes, of this run alone", async () => {
  await using dir = await tempDir();
  const from = await stage(dir.path, {
    ...archive("a_lib_generic.tar.zst", "aaa"),
    "logs/g/b.log": "bb",
    "logs/g/index.html": "<p>",
  });
  await stage(dir.path, { "c.log": "c" }, "7-linux-old/");
  const { code, stdout } = await run(["list", ...from]);
  assert.equal(code, 0);
  assert.equal(
    stdout.replace(/ in .*\n$/, " in …\n"),
    `artifact: 1 file, 3 B
  3 B  a_lib_generic.tar.zst
checksum: 1 file, 65 B
  65 B  a_lib_generic.tar.zst.sha256sum
index: 1 file, 3 B
  3 B  logs/g/index.html
log: 1 file, 2 B
  2 B  logs/g/b.log
4 files, 73 B, in …
`,
  );
  const json = JSON.parse((await run(["list", ...from, "--json", "--kind", "log,index"])).stdout);
  assert.equal(json.schema, "run-outputs.list/1");
  assert.deepEqual(
    json.files.map((file: { path: string; kind: string; size: number }) => [
      file.path,
      file.kind,
      file.size,
    ]),
    [["logs/g/b.log", "log", 2], ["logs/g/index.html", "index", 3]],
  );
});

Deno.test("list: the staging directory comes from the environment as well", async () => {
  await using dir = await tempDir();
  await stage(dir.path, { "a.log": "a" }, "local-linux/");
  const env = { THEROCK_LOCAL_STAGING_DIR: `${dir.path}/s` };
  assert.equal((await run(["list", "--platform", "linux"], env)).code, 0);
});

Deno.test("list: readers use RELEASE_TYPE only for this job's own run", async () => {
  await using dir = await tempDir();
  const from = await stage(dir.path, { "a.log": "a" });
  const bucket = async (env: Record<string, string>) =>
    JSON.parse((await run(["list", ...from, "--json"], env)).stdout).bucket;
  assert.equal(await bucket({ RELEASE_TYPE: "nightly" }), "therock-ci-artifacts");
  assert.equal(
    await bucket({ RELEASE_TYPE: "nightly", GITHUB_RUN_ID: "8" }),
    "therock-ci-artifacts",
  );
  assert.equal(
    await bucket({ RELEASE_TYPE: "nightly", GITHUB_RUN_ID: "7" }),
    "therock-nightly-artifacts",
  );
});

Deno.test("fetch: downloads and verifies; a second run changes nothing", async () => {
  await using dir = await tempDir();
  const from = await stage(dir.path, {
    ...archive("a_lib_generic.tar.zst", "aaa"),
    ...archive("b_dev_gfx942:xnack+.tar.xz", "bbb"),
    "logs/g/a.log": "log",
    "logs/c_lib_generic.tar.zst": "not an artifact",
  });
  await stage(dir.path, archive("d_lib_generic.tar.zst", "d"), "7-linux-old/");
  const args = ["fetch", "--no-extract", ...from, "-o", `${dir.path}/out`];
  const first = await run([...args, "--json"]);
  assert.equal(first.code, 0, first.stderr);
  assert.equal(first.stderr, "");
  const json = JSON.parse(first.stdout);
  assert.equal(json.schema, "run-outputs.fetch/1");
  assert.equal(json.counts.written, 2);
  const names = ["a_lib_generic.tar.zst", "b_dev_gfx942:xnack+.tar.xz"];
  assert.deepEqual(Object.keys(await readTree(`${dir.path}/out`)), names);

  const second = await run(args);
  assert.match(second.stdout, /2 unchanged; 2 verified/);
});

Deno.test("fetch: a local copy that is half written or wrong is replaced", async () => {
  await using dir = await tempDir();
  const from = await stage(dir.path, archive("a_lib_generic.tar.zst", "aaa"));
  for (const wrong of ["aa", "abc", ""]) {
    await writeTree(`${dir.path}/out`, { "a_lib_generic.tar.zst": wrong });
    const ran = await run(["fetch", "--no-extract", ...from, "-o", `${dir.path}/out`]);
    assert.equal(ran.code, 0);
    assert.match(ran.stdout, /: 1 written; /);
    assert.equal(await Deno.readTextFile(`${dir.path}/out/a_lib_generic.tar.zst`), "aaa");
  }
});

Deno.test("fetch: bytes that are not what the checksum says exit with 6 and do not appear", async () => {
  await using dir = await tempDir();
  const from = await stage(dir.path, {
    ...archive("good_lib_generic.tar.zst", "good"),
    ...archive("bad_lib_generic.tar.zst", "bad"),
  });
  await Deno.writeTextFile(`${dir.path}/s/7-linux/bad_lib_generic.tar.zst`, "bat");
  const ran = await run(["fetch", "--no-extract", ...from, "-o", `${dir.path}/out`]);
  assert.equal(ran.code, 6);
  assert.match(
    ran.stderr,
    /^error: [^\n]*bad_lib_generic\.tar\.zst[^\n]*checksum mismatch[^\n]*\n$/,
  );
  assert.deepEqual(await readTree(`${dir.path}/out`), { "good_lib_generic.tar.zst": "good" });
});

Deno.test("fetch: a checksum without its archive exits with 7 and names it", async () => {
  await using dir = await tempDir();
  const from = await stage(dir.path, {
    ...archive("a_lib_generic.tar.zst", "aaa"),
    ...archive("gone_lib_generic.tar.xz", "gone"),
  });
  await Deno.remove(`${dir.path}/s/7-linux/gone_lib_generic.tar.xz`);
  const args = ["fetch", "--no-extract", ...from, "-o", `${dir.path}/out`];
  const ran = await run(args);
  assert.equal(ran.code, 7);
  assert.match(ran.stderr, /^error: [^\n]*gone_lib_generic\.tar\.xz is missing[^\n]*\n$/);
  assert.deepEqual(await readTree(`${dir.path}/out`), { "a_lib_generic.tar.zst": "aaa" });
  assert.equal((await run([...args, "--exclude", "gone_*"])).code, 0);
});

Deno.test("fetch: an archive without a checksum comes with a warning", async () => {
  await using dir = await tempDir();
  const from = await stage(dir.path, { "a_lib_generic.tar.zst": "aaa" });
  const ran = await run(["fetch", "--no-extract", ...from, "-o", `${dir.path}/out`]);
  assert.equal(ran.code, 0);
  assert.match(ran.stderr, /^warning: a_lib_generic\.tar\.zst has no \.sha256sum[^\n]*\n$/);
});

Deno.test("fetch: a broken checksum exits with 6 and fetches nothing of that archive", async () => {
  await using dir = await tempDir();
  const from = await stage(dir.path, {
    "a_lib_generic.tar.zst": "aaa",
    "a_lib_generic.tar.zst.sha256sum": "<html>404</html>",
  });
  const ran = await run(["fetch", "--no-extract", ...from, "-o", `${dir.path}/out`]);
  assert.equal(ran.code, 6);
  assert.match(ran.stderr, /^error: [^\n]*a_lib_generic\.tar\.zst\.sha256sum[^\n]*64 hex/);
});

Deno.test("fetch: .tar.zst takes precedence over .tar.xz, and typed over flat", async () => {
  await using dir = await tempDir();
  const files = {
    ...archive("a_lib_generic.tar.zst", "zst"),
    ...archive("a_lib_generic.tar.xz", "xz"),
  };
  const flat = await stage(dir.path, files);
  const out = `${dir.path}/out`;
  await run(["fetch", "--no-extract", ...flat, "-o", out]);
  assert.deepEqual(await readTree(out), { "a_lib_generic.tar.zst": "zst" });

  await stage(dir.path, archive("a_lib_generic.tar.zst", "typed"), "7-linux/artifacts/");
  await run(["fetch", "--no-extract", ...flat, "-o", out]);
  assert.deepEqual(await readTree(out), { "a_lib_generic.tar.zst": "typed" });
});

Deno.test("fetch: patterns choose; one that matches nothing is named, and nothing is fetched", async () => {
  await using dir = await tempDir();
  const from = await stage(dir.path, {
    ...archive("a_lib_generic.tar.zst", "a"),
    ...archive("a_dev_generic.tar.zst", "a"),
    ...archive("b_lib_gfx942.tar.zst", "b"),
  });
  const out = `${dir.path}/out`;
  const args = ["fetch", "--no-extract", ...from, "-o", out];
  const ran = await run([...args, "{a,b}_lib_*", "nope_*", "--exclude", "*_gfx942.*"]);
  assert.equal(ran.code, 3);
  assert.match(ran.stderr, /^error: None of the 3 artifacts [^\n]*'nope_\*'[^\n]*\n$/);
  await assert.rejects(Deno.stat(out), Deno.errors.NotFound);
  const fetched = await run([...args, "{a,b}_lib_*", "--exclude", "*_gfx942.*"]);
  assert.equal(fetched.code, 0, fetched.stderr);
  assert.deepEqual(Object.keys(await readTree(out)), ["a_lib_generic.tar.zst"]);
});

Deno.test("fetch --dry-run: names what it would fetch and writes nothing", async () => {
  await using dir = await tempDir();
  const from = await stage(dir.path, archive("a_lib_generic.tar.zst", "a"));
  const ran = await run(["fetch", ...from, "-o", `${dir.path}/out`, "--dry-run", "--json"]);
  assert.equal(ran.code, 0);
  const { counts, files, dry_run } = JSON.parse(ran.stdout);
  assert.deepEqual([dry_run, counts.planned, files[0].path], [true, 1, "a_lib_generic.tar.zst"]);
  assert.deepEqual(Object.keys(await readTree(dir.path)).filter((p) => p.startsWith("out")), []);
});
