import assert from "node:assert/strict";
import { makeBuildTree } from "../support/build_tree.ts";
import { hasOldBase } from "../support/program.ts";
import { startS3Server } from "../support/s3_server.ts";
import { readTree, tempDir } from "../support/temp_dir.ts";
import { command, finish } from "./processes.ts";

const RUN = ["--run-id", "7", "--platform", "linux", "--bucket", "suite"];
/** A user without files of AWS. The home directory stays: Deno's cache is in it. */
const noFiles = (dir: string) => ({
  AWS_CONFIG_FILE: `${dir}/config`,
  AWS_SHARED_CREDENTIALS_FILE: `${dir}/credentials`,
  XDG_STATE_HOME: `${dir}/state`,
});
const KEYS = { AWS_ACCESS_KEY_ID: "key", AWS_SECRET_ACCESS_KEY: "secret" };

Deno.test("on S3 the same commands do the same: upload build, list, fetch", async () => {
  await using server = await startS3Server();
  await using dir = await tempDir();
  const env = { ...KEYS, AWS_ENDPOINT_URL_S3: server.url };
  const buildDir = `${dir.path}/build`;
  await makeBuildTree({ buildDir, librarySize: 500_000, packed: hasOldBase });
  const upload = ["upload", "build", "--artifact-group", "g", "--build-dir", buildDir, ...RUN];

  const dry = await command([...upload, "--dry-run", "--json"], env);
  assert.equal(dry.code, 0, dry.stderr);
  assert(server.requests.every((request) => !/^(?:PUT|POST|DELETE)/.test(request)));

  const first = await command([...upload, "--json"], env);
  assert.equal(first.code, 0, first.stderr);
  assert.equal(first.stderr, "");
  const paths = (text: string) => JSON.parse(text).files.map((f: { path: string }) => f.path);
  assert.deepEqual(paths(first.stdout), paths(dry.stdout));

  const second = await command([...upload, "--json"], env);
  const { counts } = JSON.parse(second.stdout);
  assert.equal(counts.unchanged, paths(first.stdout).length, second.stderr);

  const list = await command(["list", ...RUN, "--json"], env);
  assert.deepEqual(paths(list.stdout), [...paths(first.stdout), "retention-summary.json"]);

  const out = `${dir.path}/out`;
  const fetch = ["fetch", "--no-extract", "*_lib_*", ...RUN, "-o", out];
  const fetched = await command(fetch, env);
  assert.equal(fetched.code, 0, fetched.stderr);
  assert.match(fetched.stdout, /2 written; 2 verified/);
  assert.deepEqual(Object.keys(await readTree(out)), [
    "base_lib_generic.tar.zst",
    "blas_lib_gfx94X-dcgpu.tar.zst",
  ]);
});

Deno.test("on S3 without credentials: reads work, a write fails at once with exit 4", async () => {
  await using server = await startS3Server();
  await using dir = await tempDir();
  const env = { AWS_ENDPOINT_URL_S3: server.url, AWS_EC2_METADATA_DISABLED: "true" };
  await Deno.writeTextFile(`${dir.path}/a.log`, "log\n");
  const files = ["upload", "files", `${dir.path}/a.log`, "--to", "logs", ...RUN];
  const uploaded = await finish(files, { ...env, ...KEYS });
  assert.equal(uploaded.code, 0, uploaded.stderr);

  const home = { ...noFiles(dir.path), AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" };
  const list = await finish(["list", ...RUN, "--no-sign-request"], { ...env, ...home });
  assert.equal(list.code, 0, list.stderr);
  const other = ["upload", "files", `${dir.path}/a.log`, "--to", "other", ...RUN];
  for (const args of [[...other, "--no-sign-request"], other]) {
    const before = server.requests.length;
    const refused = await finish(args, { ...env, ...home });
    assert.equal(refused.code, 4, refused.stderr);
    assert.equal(server.requests.length, before, "nothing was asked");
    assert.match(refused.stderr, /^error: [^\n]*\n$/);
  }
});

for (
  const [title, args, env, code, says] of [
    ["no server", [], { AWS_ENDPOINT_URL_S3: "http://127.0.0.1:9", AWS_MAX_ATTEMPTS: "1" }, 5, [
      "127.0.0.1:9",
    ]],
    ["a bad endpoint", ["--endpoint-url", "nowhere"], {}, 2, ["endpoint", '"nowhere"']],
    ["an unknown profile", ["--profile", "nobody"], {}, 2, ["profile", '"nobody"']],
  ] as const
) {
  Deno.test(`on S3 with ${title}: one line, exit ${code}`, async () => {
    await using dir = await tempDir();
    const ran = await finish(["list", ...RUN, ...args], {
      ...KEYS,
      ...noFiles(dir.path),
      ...env,
    });
    assert.equal(ran.code, code, ran.stderr);
    assert.match(ran.stderr, /^error: [^\n]*\n$/);
    for (const text of says) assert(ran.stderr.includes(text), ran.stderr);
  });
}
