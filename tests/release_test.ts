/** Releases: the workflows, the action, and the executables' names and checksums. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { validateAction, validateWorkflow } from "@action-validator/core";
import { checksums, sizeTable, targetsOf } from "../.ci/compile_all.ts";
import { baseVariable, executableName, TARGETS } from "../.ci/compile.ts";
import config from "../deno.json" with { type: "json" };
import { ROOT } from "./support/import_graph.ts";

const read = (path: string) => Deno.readTextFile(join(ROOT, path));
const WORKFLOWS = ".github/workflows";

Deno.test("workflows and the action: they match their schemas", async () => {
  const names = (await Array.fromAsync(Deno.readDir(join(ROOT, WORKFLOWS)))).map(({ name }) =>
    name
  );
  assert.deepEqual(names.sort(), ["ci.yml", "release.yml"]);
  for (const name of names) {
    // The newest published schema is older than this permission.
    const text = (await read(`${WORKFLOWS}/${name}`)).replace(/^ +attestations: write$/m, "");
    assert.deepEqual(validateWorkflow(text).errors, [], name);
  }
  const action = await read("action.yml");
  assert.deepEqual(validateAction(action).errors, []);
  // The schemas find mistakes.
  assert.notDeepEqual(validateAction(action.replaceAll("shell:", "shel:")).errors, []);
  const wrong = (await read(`${WORKFLOWS}/ci.yml`)).replace("runs-on:", "run-on:");
  assert.notDeepEqual(validateWorkflow(wrong).errors, []);
});

Deno.test("release.yml: each executable is tried on a runner of its system", async () => {
  const smoke = /^ {2}smoke:\n[^]*?^$/m.exec(await read(`${WORKFLOWS}/release.yml`))![0];
  const tried = [...smoke.matchAll(/target: ([\w-]+)/g)].map(([, target]) => target);
  assert.deepEqual(tried.sort(), [...TARGETS].sort());
});

Deno.test("workflows: they use the version of Deno that the README names", async () => {
  const texts = [
    ...await Promise.all(["ci", "release"].map((name) => read(`${WORKFLOWS}/${name}.yml`))),
    await read(".ci/run"),
    await read("README.md"),
  ];
  const versions = texts.flatMap((text) =>
    [...text.matchAll(/deno@([\d.]+\d)/g)].map(([, v]) => v)
  );
  assert.deepEqual([...new Set(versions)], ["2.9.6"]);
});

Deno.test("the version: it is read from deno.json as the action and the release read it", async () => {
  const [, version] = /^ {2}"version": "(.*)",$/m.exec(await read("deno.json"))!;
  assert.equal(version, config.version);
  assert.match(await read("CHANGELOG.md"), /^## \[Unreleased\]$/m);
});

Deno.test("docs/release.md: it has all targets and all inputs of the action", async () => {
  const page = await read("docs/release.md");
  for (const target of TARGETS) assert(page.includes(`| \`${target}\``), target);
  const inputs = /^inputs:\n([^]*?)^outputs:/m.exec(await read("action.yml"))![1];
  const names = [...inputs.matchAll(/^ {2}([\w-]+):$/gm)].map(([, name]) => name);
  assert.equal(names.length, 3);
  for (const name of names) assert(page.includes(`\`${name}`), name);
});

Deno.test("compile:all: names, variables, checksums and sizes", () => {
  assert.equal(
    executableName("x86_64-pc-windows-msvc"),
    "run-outputs-x86_64-pc-windows-msvc.exe",
  );
  assert.equal(baseVariable("aarch64-apple-darwin"), "DENORT_BIN_AARCH64_APPLE_DARWIN");
  assert.deepEqual(targetsOf([]), TARGETS);
  assert.deepEqual(targetsOf(["x86_64-apple-darwin"]), ["x86_64-apple-darwin"]);
  assert.throws(() => targetsOf(["windows"]), /Unknown target 'windows': expected one of x86_64-/);
  const target = "x86_64-unknown-linux-gnu";
  const made = [{
    target,
    name: executableName(target),
    size: 85_300_000,
    sha256: "a".repeat(64),
  }] as const;
  assert.equal(checksums(made), `${"a".repeat(64)}  run-outputs-x86_64-unknown-linux-gnu\n`);
  assert.match(sizeTable(made), /^\| run-outputs-x86_64-unknown-linux-gnu +\| +85\.3 MB \|$/m);
});
