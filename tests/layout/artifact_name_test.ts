import { strict as assert } from "node:assert";
import fc from "fast-check";
import { ArtifactName, COMPONENTS, preferZst } from "../../src/layout/artifact_name.ts";
import { assertInvalid, conformance } from "./support.ts";
import { cases } from "../support/cases.ts";

Deno.test("ArtifactName.tryParse(): all conformance rows", () => {
  const rows = Object.entries(conformance<Record<string, string[] | null>>("artifact_names"));
  assert.equal(rows.length, 10);
  for (const [text, expected] of rows) {
    const parsed = ArtifactName.tryParse(text);
    const parts = parsed && [parsed.name, parsed.component, parsed.target];
    assert.deepEqual(parts ?? null, expected, text);
  }
});

const part = fc.string({ unit: fc.constantFrom(..."abX9.-:+ ü"), minLength: 1, maxLength: 12 })
  .filter((text) => text !== "." && text !== "..");
const parts = fc.record({ name: part, component: part, target: part });
const compression = fc.constantFrom("zst" as const, "xz" as const);

Deno.test("ArtifactName.parse(): reads back every file name", () => {
  fc.assert(
    fc.property(parts, compression, (parts, compression) => {
      const artifact = new ArtifactName({ ...parts, compression });
      assert.deepEqual({ ...ArtifactName.parse(artifact.fileName) }, { ...parts, compression });
      assert.equal(String(artifact), artifact.fileName);
    }),
  );
});

Deno.test("ArtifactName.parseDirName(): reads back every directory name", () => {
  fc.assert(
    fc.property(parts, (parts) => {
      const artifact = new ArtifactName(parts);
      assert(ArtifactName.parseDirName(artifact.dirName).dirName === artifact.dirName);
      assert.deepEqual({ ...ArtifactName.tryParseDirName(artifact.dirName) }, { ...artifact });
    }),
  );
});

Deno.test("ArtifactName.parse(): any text is rejected or round-trips", () => {
  const text = fc.tuple(
    fc.string({ unit: "binary" }),
    fc.constantFrom("", "_b_c.tar.xz", "_c.tar.zst"),
  )
    .map((texts) => texts.join(""));
  fc.assert(
    fc.property(text, (text) => {
      const artifact = ArtifactName.tryParse(text);
      if (artifact === undefined) assertInvalid(() => ArtifactName.parse(text));
      else assert.equal(artifact.fileName, text.replace(/\n$/, ""));
    }),
    { numRuns: cases(1000) },
  );
});

Deno.test("ArtifactName.parse(): rejects separators, control characters, more than one line break", () => {
  for (
    const bad of [
      "a/b_c_d.tar.xz",
      "../a_b_c.tar.xz",
      "a\\b_c_d.tar.xz",
      "a\n_b_c.tar.xz",
      "a_b_c.tar.xz\n\n",
      "a_b_c.tar.xz\r\n",
      "a_b_\u0000.tar.xz",
      ".._b_c.tar.xz",
    ]
  ) {
    assertInvalid(() => ArtifactName.parse(bad), "artifact");
    assert.equal(ArtifactName.tryParse(bad), undefined);
  }
  assertInvalid(() => ArtifactName.parse("readme.txt"), "artifact file name", `"readme.txt"`);
  assertInvalid(() => ArtifactName.parse(`${"a".repeat(250)}_b_c.tar.xz`), "255");
});

Deno.test("new ArtifactName(): rejects parts that would not round-trip", () => {
  const good = { name: "a", component: "lib", target: "generic" };
  for (const field of ["name", "component", "target"]) {
    for (const bad of ["", "a_b", "a/b", "..", "a\n"]) {
      assertInvalid(
        () => new ArtifactName({ ...good, [field]: bad }),
        `artifact ${field}`,
        JSON.stringify(bad),
      );
    }
  }
  assertInvalid(
    () => new ArtifactName({ ...good, compression: "gz" as "xz" }),
    "compression",
    `"gz"`,
  );
});

Deno.test("ArtifactName.fileName: throws for a directory's name, without a compression", () => {
  const directory = ArtifactName.parseDirName("a_lib_gfx942");
  assertInvalid(() => directory.fileName, "compression");
  assert.equal(directory.withCompression("zst").sidecarName, "a_lib_gfx942.tar.zst.sha256sum");
  assert.equal(String(directory), "a_lib_gfx942");
  assertInvalid(() => ArtifactName.parseDirName("a_lib"), "artifact directory", `"a_lib"`);
});

Deno.test("ArtifactName.matchesTarget(): compares up to the first colon, ignoring case", () => {
  const artifact = ArtifactName.parse("rccl_test_gfx942:xnack+.tar.zst");
  assert.equal(artifact.baseTarget, "gfx942");
  for (const yes of ["gfx942", "GFX942", "gfx942:xnack-", "gfx942:sramecc+:xnack-"]) {
    assert(artifact.matchesTarget(yes), yes);
  }
  for (const no of ["gfx94", "gfx9420", "", "generic", ":gfx942"]) {
    assert(!artifact.matchesTarget(no), no);
  }
  assert(ArtifactName.parse("a_lib_gfx94X-dcgpu.tar.xz").matchesTarget("gfx94x-DCGPU"));
});

Deno.test("preferZst(): drops the .tar.xz and its checksum only where the same .tar.zst is there", () => {
  assert.deepEqual(
    preferZst([
      "a_lib_generic.tar.xz",
      "a_lib_generic.tar.xz.sha256sum",
      "a_lib_generic.tar.zst",
      "a_lib_generic.tar.zst.sha256sum",
      "a_dev_generic.tar.xz",
      "b_lib_generic.tar.zst",
      "index.html",
    ]),
    [
      "a_lib_generic.tar.zst",
      "a_lib_generic.tar.zst.sha256sum",
      "a_dev_generic.tar.xz",
      "b_lib_generic.tar.zst",
      "index.html",
    ],
  );
  assert.deepEqual(
    preferZst(["a_lib_generic.tar.xz", "a_lib_generic.tar.zst.sha256sum"]),
    ["a_lib_generic.tar.xz", "a_lib_generic.tar.zst.sha256sum"],
  );
});

Deno.test("COMPONENTS: the six of them", () => {
  assert.deepEqual(COMPONENTS, ["lib", "run", "dev", "dbg", "doc", "test"]);
});
