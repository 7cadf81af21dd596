import { strict as assert } from "node:assert";
import { nearest } from "../../src/layout/nearest.ts";

Deno.test("nearest(): finds the word a typo was meant to be", () => {
  const words = ["artifact", "artifacts-dir", "tarball", "tarballs", "root"];
  assert.equal(nearest("artefact", words), "artifact");
  assert.equal(nearest("TARBALL", words), "tarball");
  assert.equal(nearest("tarbals", words), "tarball");
  assert.equal(nearest("rot", words), "root");
});

Deno.test("nearest(): suggests nothing if nothing is similar", () => {
  assert.equal(nearest("wheel", ["artifact", "tarball"]), undefined);
  assert.equal(nearest("", ["a"]), undefined);
  assert.equal(nearest("a", []), undefined);
  assert.equal(nearest("x".repeat(100_000), ["artifact"]), undefined);
});

Deno.test("nearest(): two letters in the wrong order are one change", () => {
  assert.equal(nearest("biuld", ["logs", "build"]), "build");
  assert.equal(nearest("ab", ["ba"]), undefined);
});
