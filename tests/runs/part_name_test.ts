/** Names of parts, where nobody gives one. */

import assert from "node:assert/strict";
import { RunOutputRoot } from "../../src/layout/run_output_root.ts";
import { defaultPartName } from "../../src/runs/part_name.ts";

const ROOT = RunOutputRoot.forLocal({ platform: "linux" });

Deno.test("defaultPartName(): by job, command and what the options name", () => {
  assert.equal(
    defaultPartName({ command: "build", of: ["gfx94X-dcgpu"] }, ["a"]),
    "build.gfx94X-dcgpu",
  );
  assert.equal(defaultPartName({ command: "manifest", of: [undefined] }, []), "manifest");
  assert.equal(
    defaultPartName({ command: "stage", of: ["math-libs", ""] }, [], "linux"),
    "linux.stage.math-libs",
  );
  assert.equal(
    defaultPartName({ command: "pytorch-manifest", of: ["gfx1151", "3.12", "release/2.9"] }, []),
    "pytorch-manifest.gfx1151.3.12.release-2.9",
  );
});

Deno.test("defaultPartName(): jobs of a matrix are distinguished by their files, in any order", () => {
  const name = (...paths: string[]) =>
    defaultPartName({ command: "artifacts", ambiguous: true }, paths, "build");
  assert.match(name("a"), /^build\.artifacts\.[0-9a-f]{8}$/);
  assert.equal(name("a", "b"), name("b", "a"));
  assert.notEqual(name("a", "b"), name("a"));
});

Deno.test("defaultPartName(): whatever options and jobs are called, it is a name", () => {
  for (
    const word of ["", "..", "a/b", "a\\b", "gfx942:xnack+", "ü\n", "x".repeat(500), "expected"]
  ) {
    const name = defaultPartName({ command: "files", of: [word], ambiguous: true }, [], word);
    assert.equal(ROOT.outputsManifest(name).name, `${name}.json`);
  }
  const long = (end: string) =>
    defaultPartName({ command: "files", of: ["x".repeat(300) + end] }, []);
  assert.notEqual(long("a"), long("b"));
});
