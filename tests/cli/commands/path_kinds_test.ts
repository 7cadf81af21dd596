/** `run-outputs path`, in process. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { PATH_KINDS } from "../../../src/layout/path_kinds.ts";
import { runJson, runs } from "../../support/command_line.ts";
import { RUN } from "../../support/staging.ts";

const ARTIFACT = ["path", "artifact", "rccl_test_gfx942:xnack+.tar.zst", ...RUN];

Deno.test("path --format local: a run without an id is called 'local'", async () => {
  const args = ["path", "root", "--platform", "windows", "--format", "local"];
  const { out } = await runs(0, [...args, "--staging-dir", "st"]);
  assert.equal(out, `${join("st", "local-windows")}\n`);
});

Deno.test("path --json and --format json: the same document", async () => {
  const document = await runJson(0, ARTIFACT);
  assert.equal(document.schema, "run-outputs.path/1");
  assert.equal(document.kind, "artifact");
  assert.equal(document.bucket, "therock-ci-artifacts");
  assert.equal(document.prefix, "123-linux");
  assert.equal(document.key, "123-linux/rccl_test_gfx942:xnack+.tar.zst");
  const { out } = await runs(0, [...ARTIFACT, "--format", "json"]);
  assert.deepEqual(JSON.parse(out), document);
});

Deno.test("path --list: every kind with a line, as text and as JSON", async () => {
  const { out } = await runs(0, ["path", "--list"]);
  assert.deepEqual(
    out.trimEnd().split("\n").map((line) => line.split(" ")[0]),
    PATH_KINDS.map(({ name }) => name),
  );
  const document = await runJson(0, ["path", "--list"]);
  assert.equal(document.schema, "run-outputs.path-kinds/1");
  assert.equal(document.kinds.length, PATH_KINDS.length);
});

Deno.test("path: every kind works with its own example", async () => {
  for (const { name, example } of PATH_KINDS) {
    const { out } = await runs(0, ["path", name, ...example, ...RUN, "--format", "key"]);
    assert.match(out, /^123-linux(\/.+)?\n$/, name);
  }
});

Deno.test("path --layout typed: artifacts go below artifacts/, logs stay", async () => {
  const key = async (...args: string[]) =>
    (await runs(0, ["path", ...args, "--layout", "typed", "--format", "key", ...RUN])).out;
  assert.equal(
    await key("artifact", "a_lib_generic.tar.xz"),
    "123-linux/artifacts/a_lib_generic.tar.xz\n",
  );
  assert.equal(await key("log-dir", "g"), "123-linux/logs/g\n");
});

Deno.test("path --bucket: uses the given bucket, and -v says why", async () => {
  const { out, err } = await runs(0, ["path", "root", ...RUN, "--bucket", "my-bucket", "-v"]);
  assert.equal(out, "s3://my-bucket/123-linux\n");
  assert.match(err, /^bucket my-bucket \(--bucket\)/);
});

Deno.test("path: what begins with '-' is an argument after '--'", async () => {
  const { out } = await runs(0, ["path", "file", ...RUN, "--format", "key", "--", "-x.txt"]);
  assert.equal(out, "123-linux/-x.txt\n");
});
