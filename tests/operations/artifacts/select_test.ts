/** The choice of artifacts: by pattern, component, group and GPU. */

import assert from "node:assert/strict";
import { parseGpuFamilies } from "../../../src/layout/gpu_families.ts";
import { linearPattern } from "../../../src/operations/artifacts/linear_pattern.ts";
import { selectArtifacts } from "../../../src/operations/artifacts/select.ts";
import type { ArtifactSelection } from "../../../src/operations/artifacts/selection.ts";
import { errorOf, throwsWith } from "../../support/errors.ts";

const NAMES = [
  "base_lib_generic.tar.zst",
  "base_run_generic.tar.xz",
  "base_run_generic.tar.zst",
  "blas_dev_gfx94X-dcgpu.tar.zst",
  "blas_lib_gfx94X-dcgpu.tar.zst",
  "fft_lib_gfx1100.tar.xz",
  "rccl_test_gfx942:xnack+.tar.zst",
  "rccl_test_gfx942:xnack-.tar.zst",
];

const choose = (selection: ArtifactSelection) => selectArtifacts(NAMES, selection).names.join(" ");

Deno.test("selectArtifacts(): all of them, .tar.zst where both compressions are there", () => {
  assert.deepEqual(
    selectArtifacts(NAMES, {}).names,
    NAMES.filter((n) => n !== "base_run_generic.tar.xz"),
  );
});

Deno.test("selectArtifacts(): a group is its target and what is generic", () => {
  assert.equal(
    choose({ artifactGroups: ["gfx94X-dcgpu"] }),
    "base_lib_generic.tar.zst base_run_generic.tar.zst blas_dev_gfx94X-dcgpu.tar.zst " +
      "blas_lib_gfx94X-dcgpu.tar.zst",
  );
  assert.equal(
    choose({ artifactGroups: ["generic"] }),
    "base_lib_generic.tar.zst base_run_generic.tar.zst",
  );
});

Deno.test("selectArtifacts(): a pattern may be an artifact's name, without the archive's ending", () => {
  assert.equal(
    choose({ include: ["blas_lib_gfx94X-dcgpu", "fft_*_gfx1100"] }),
    "blas_lib_gfx94X-dcgpu.tar.zst fft_lib_gfx1100.tar.xz",
  );
  assert.equal(
    choose({ include: ["b*_lib_*"], exclude: ["*_generic"] }),
    "blas_lib_gfx94X-dcgpu.tar.zst",
  );
  assert.equal(choose({ include: ["blas_lib"] }), "blas_lib_gfx94X-dcgpu.tar.zst");
  assert.equal(
    choose({ include: ["rccl_test", "base_run"], exclude: ["rccl_test_gfx942:xnack-"] }),
    "base_run_generic.tar.zst rccl_test_gfx942:xnack+.tar.zst",
  );
  assert.equal(
    choose({ exclude: ["rccl_test", "base_run", "blas_dev"] }),
    "base_lib_generic.tar.zst blas_lib_gfx94X-dcgpu.tar.zst fft_lib_gfx1100.tar.xz",
  );
  throwsWith(() => choose({ include: ["*_libs"] }), "not_found", "'*_libs'");
});

Deno.test("selectArtifacts(): GPUs match by the part before the colon, ignoring case", () => {
  for (const target of ["gfx942", "GFX942", "gfx942:xnack+", "gfx942:sramecc-"]) {
    assert.equal(
      choose({ amdgpuTargets: [target], components: ["test"] }),
      "rccl_test_gfx942:xnack+.tar.zst rccl_test_gfx942:xnack-.tar.zst",
    );
  }
});

Deno.test("selectArtifacts(): several groups and targets add up", () => {
  assert.equal(
    choose({ artifactGroups: ["gfx94X-dcgpu"], amdgpuTargets: ["gfx1100"], components: ["lib"] }),
    "base_lib_generic.tar.zst blas_lib_gfx94X-dcgpu.tar.zst fft_lib_gfx1100.tar.xz",
  );
});

Deno.test("selectArtifacts(): a family includes its GPUs, if requested", () => {
  const components = ["test", "dev"];
  assert.equal(
    choose({ artifactGroups: ["gfx94X-dcgpu"], expandFamilies: true, components }),
    "blas_dev_gfx94X-dcgpu.tar.zst rccl_test_gfx942:xnack+.tar.zst " +
      "rccl_test_gfx942:xnack-.tar.zst",
  );
  const families = parseGpuFamilies(
    'therock_add_amdgpu_target(gfx1100 "RX 7900" FAMILY mine)',
    "families.cmake",
  );
  assert.equal(
    choose({ amdgpuTargets: ["mine"], expandFamilies: true, families, components: ["lib"] }),
    "base_lib_generic.tar.zst fft_lib_gfx1100.tar.xz",
  );
  const unknown = { amdgpuTargets: ["gfx94X-dcgp", "mine"], components: ["lib"] };
  assert.equal(
    choose({ ...unknown, expandFamilies: true, families }),
    "base_lib_generic.tar.zst fft_lib_gfx1100.tar.xz",
    "a family that is not known is not expanded",
  );
});

Deno.test("selectArtifacts(): a value that selects nothing is an error with the existing values", () => {
  throwsWith(() => choose({ include: ["base_*", "nope_*"] }), "not_found", "'nope_*'");
  throwsWith(
    () => choose({ artifactGroups: ["gfx110X-all"] }),
    "not_found",
    "gfx110X-all",
    "gfx94X",
  );
  const typos = { artifactGroups: ["gfx94x-dgpu", "gfx110x-al"] };
  throwsWith(() => choose(typos), "not_found", "did you mean gfx110X-all, gfx94X-dcgpu?");
  throwsWith(
    () => choose({ components: ["libs"] }),
    "not_found",
    "the component libs: there are dev, lib, run, test (usual: lib, run, dev, dbg, doc, test); " +
      "did you mean lib?",
  );
  throwsWith(() => choose({ components: ["docs"] }), "not_found", "did you mean doc?");
  const { message } = errorOf(() => choose({ components: ["doc"] }));
  assert.equal(message, "No artifact has the component doc: there are dev, lib, run, test");
  throwsWith(() => choose({ exclude: ["*"] }), "not_found", "--exclude leaves none of the 7");
  const left = { include: ["fft_*"], exclude: ["*_gfx1100"] };
  throwsWith(() => choose(left), "not_found", "--exclude leaves none of the 1 artifacts");
  throwsWith(() => choose({ include: ["fft_*"], components: ["dev"] }), "not_found", "None of");
  throwsWith(() => choose({ amdgpuTargets: [""] }), "invalid", "GPU target");
  throwsWith(() => choose({ include: ["../x"] }), "invalid", "../x");
});

Deno.test("selectArtifacts(): a component that is not a usual one is selected, and suggested", () => {
  const names = ["bar_mycomp_generic.tar.zst", "bar_lib_generic.tar.zst"];
  assert.deepEqual(selectArtifacts(names, { components: ["mycomp"] }).names, [names[0]]);
  throwsWith(
    () => selectArtifacts(names, { components: ["mycmp"] }),
    "not_found",
    "did you mean mycomp?",
  );
});

Deno.test("selectArtifacts(): a pattern whose matches are all excluded does not count as unmatched", () => {
  assert.equal(
    choose({ include: ["fft_*", "blas_*"], exclude: ["blas_*"] }),
    "fft_lib_gfx1100.tar.xz",
  );
});

/** One row: what is asked for, and what it has to choose, or a text of the error. */
type Row = readonly [string, ArtifactSelection, readonly string[], string, RegExp?];

const SPLIT = ["core_lib_generic.tar.zst", "blas_lib_gfx942.tar.zst", "fft_lib_gfx1100.tar.zst"];
const ASAN = ["core_lib_generic.tar.zst", "blas_lib_gfx950-dcgpu.tar.zst"];
const FIRST = ["core_lib_generic.tar.zst", "core_dev_generic.tar.zst"];

/**
 * The rules of the live tools. Each source is a sentence of "Contracts of the live tools, Selection"
 * (August 2026) or of "Outputs under the prefix".
 */
const RULES: readonly Row[] = [
  [
    "Something requested that has no archive is no error",
    { artifactGroups: ["gfx942", "gfx1201"] },
    SPLIT,
    "core_lib_generic blas_lib_gfx942",
    /No artifact is for gfx1201/,
  ],
  [
    "Something requested that has no archive is no error: a first stage has generic ones alone",
    { artifactGroups: ["gfx94X-dcgpu"], amdgpuTargets: ["gfx942"] },
    FIRST,
    "core_lib_generic core_dev_generic",
    /gfx94X-dcgpu or gfx942: the run has only generic ones/,
  ],
  [
    "An artifact matches if its target, before the first `:`, is one of all those names",
    { artifactGroups: ["gfx94X-dcgpu"], amdgpuTargets: ["GFX942:xnack+"] },
    SPLIT,
    "core_lib_generic blas_lib_gfx942",
  ],
  [
    "expansion of families to GPUs on request",
    { artifactGroups: ["gfx94X-dcgpu"], expandFamilies: true },
    SPLIT,
    "core_lib_generic blas_lib_gfx942",
  ],
  [
    "expansion of families to GPUs on request: not otherwise",
    { artifactGroups: ["gfx94X-dcgpu"] },
    SPLIT,
    "not_found: gfx94X-dcgpu, gfx1100, --expand-families takes those for gfx942",
  ],
  [
    "A group can be a family with a variant, archives carry the plain family",
    { artifactGroups: ["gfx950-dcgpu-asan"] },
    ASAN,
    "core_lib_generic blas_lib_gfx950-dcgpu",
  ],
  [
    "A group can be a family with a variant, archives carry GPUs",
    { artifactGroups: ["gfx950-dcgpu-asan"], amdgpuTargets: ["gfx950"] },
    ["core_lib_generic.tar.zst", "blas_lib_gfx950.tar.zst"],
    "core_lib_generic blas_lib_gfx950",
  ],
  [
    "A group can be a family with a variant, expanded",
    { artifactGroups: ["gfx950-dcgpu-asan"], expandFamilies: true },
    ["core_lib_generic.tar.zst", "blas_lib_gfx950.tar.zst"],
    "core_lib_generic blas_lib_gfx950",
  ],
  [
    "each with `generic`",
    { artifactGroups: ["generic"] },
    SPLIT,
    "core_lib_generic",
  ],
  [
    "Generic archives alone don't prove a group, where they are asked for too",
    { artifactGroups: ["generic", "gfx1201"] },
    SPLIT,
    "not_found: gfx1201",
  ],
  [
    "An artifact is for one GPU, not for the others of its family",
    { amdgpuTargets: ["gfx950"] },
    ["blas_lib_gfx942.tar.zst"],
    "not_found: gfx950, gfx942",
  ],
  [
    "requireEach: each of all",
    { artifactGroups: ["gfx942"], amdgpuTargets: ["gfx1100"], requireEach: true },
    SPLIT,
    "core_lib_generic blas_lib_gfx942 fft_lib_gfx1100",
  ],
  [
    "requireEach: each of all, one is not there",
    { artifactGroups: ["gfx94X-dcgpu", "gfx1201"], amdgpuTargets: ["gfx942"], requireEach: true },
    SPLIT,
    "not_found: for gfx1201: there are",
  ],
  [
    "requireEach: a target given beside a group stands for it: one of them has to be there",
    {
      artifactGroups: ["gfx94X-dcgpu", "gfx110X-all"],
      amdgpuTargets: ["gfx942", "gfx1100"],
      requireEach: true,
    },
    SPLIT,
    "core_lib_generic blas_lib_gfx942 fft_lib_gfx1100",
  ],
  [
    "requireEach: generic archives alone prove nothing",
    { artifactGroups: ["gfx94X-dcgpu"], requireEach: true },
    FIRST,
    "not_found: gfx94X-dcgpu",
  ],
];

for (const [rule, selection, names, expected, note] of RULES) {
  Deno.test(`selectArtifacts(): ${rule}`, () => {
    const select = () => selectArtifacts(names, selection);
    if (expected.startsWith("not_found: ")) {
      const texts = expected.slice("not_found: ".length).split(", ");
      return throwsWith(select, "not_found", ...texts);
    }
    const chosen = select();
    const fileNames = expected.split(" ").map((name) => `${name}.tar.zst`);
    assert.deepEqual(chosen.names.toSorted(), fileNames.toSorted());
    assert.equal(chosen.notes.length, note === undefined ? 0 : 1, chosen.notes.join());
    if (note !== undefined) assert.match(chosen.notes[0], note);
  });
}

/** What of these a stage that needs the names is given. */
const STAGES:
  readonly (readonly [string, readonly string[], ArtifactSelection, string, RegExp?])[] = [
    [
      "all components and targets of a name",
      ["blas", "base"],
      {},
      "base_lib_generic base_run_generic blas_dev_gfx94X-dcgpu blas_lib_gfx94X-dcgpu",
    ],
    ["the run need not have all of them", ["fft", "later"], {}, "fft_lib_gfx1100"],
    ["a name is not the beginning of another one", ["bl", "fft"], {}, "fft_lib_gfx1100"],
    [
      "the run has none of them",
      ["later", "la"],
      {},
      "not_found: none of the artifacts la, later, base, blas, fft, rccl",
    ],
    ["none at all", [], {}, "not_found: None of the 7"],
    [
      "beside a group",
      ["base", "blas", "fft"],
      { artifactGroups: ["gfx94X-dcgpu"] },
      "base_lib_generic base_run_generic blas_dev_gfx94X-dcgpu blas_lib_gfx94X-dcgpu",
    ],
    [
      "beside components",
      ["base", "blas"],
      { components: ["lib"] },
      "base_lib_generic blas_lib_gfx94X-dcgpu",
    ],
    [
      "a component that only others have",
      ["fft"],
      { components: ["dev"] },
      "not_found: None of the 7",
    ],
    [
      "beside patterns",
      ["base", "blas"],
      { include: ["*_lib_*"], exclude: ["base_*"] },
      "blas_lib_gfx94X-dcgpu",
    ],
    ["a pattern that only others match is no mistyped one", ["base"], {
      include: ["base_lib", "fft_*"],
    }, "base_lib_generic"],
    [
      "generic ones alone, though others have other GPUs",
      ["base"],
      { artifactGroups: ["gfx120X-all"] },
      "base_lib_generic base_run_generic",
      /gfx120X-all: the stage has only generic ones/,
    ],
    ["a group that none of them is for, though others are", ["base", "fft"], {
      artifactGroups: ["gfx94X-dcgpu"],
    }, "not_found: gfx94X-dcgpu, generic, gfx1100"],
    ["requireEach: others show that the run has the group", ["base"], {
      artifactGroups: ["gfx94X-dcgpu"],
      requireEach: true,
    }, "base_lib_generic base_run_generic"],
    ["requireEach: no other has the group", ["base"], {
      artifactGroups: ["gfx120X-all"],
      requireEach: true,
    }, "not_found: gfx120X-all"],
    ["requireEach: the stage's own have to be for the group", ["base", "fft"], {
      artifactGroups: ["gfx94X-dcgpu"],
      requireEach: true,
    }, "not_found: gfx94X-dcgpu"],
  ];

for (const [rule, artifactNames, selection, expected, note] of STAGES) {
  Deno.test(`selectArtifacts(): by artifact names: ${rule}`, () => {
    const select = () =>
      selectArtifacts(NAMES, { ...selection, artifactNames: new Set(artifactNames) });
    if (expected.startsWith("not_found: ")) {
      return throwsWith(select, "not_found", ...expected.slice("not_found: ".length).split(", "));
    }
    const { names, notes } = select();
    assert.equal(names.map((name) => name.replace(/\.tar\..*/, "")).join(" "), expected);
    assert.equal(notes.length, note === undefined ? 0 : 1, notes.join());
    if (note !== undefined) assert.match(notes[0], note);
  });
}

Deno.test("selectArtifacts(): patterns that are searched, not anchored, in both names", () => {
  const search = (...texts: string[]) => texts.map((text) => linearPattern(text));
  assert.equal(
    choose({ include: search("blas_(dev|lib)", "^fft"), exclude: search("dev_") }),
    "blas_lib_gfx94X-dcgpu.tar.zst fft_lib_gfx1100.tar.xz",
  );
  assert.equal(
    choose({ include: search("_generic$") }),
    "base_lib_generic.tar.zst base_run_generic.tar.zst",
  );
  assert.equal(choose({ include: [/^FFT/gi] }), "fft_lib_gfx1100.tar.xz");
  throwsWith(() => choose({ include: search("^blass") }), "not_found", "did you mean '^blas'?");
  throwsWith(() => linearPattern("(?=a)"), "invalid", "lookaround", "(?=");
  throwsWith(() => linearPattern("(a"), "invalid", "(a");
  throwsWith(() => linearPattern(""), "invalid");
});

Deno.test("selectArtifacts(): a searched pattern can't hang", () => {
  const names = [`${"a".repeat(200)}-_lib_generic.tar.zst`];
  // With backtracking this takes longer than the world has been there.
  const include = [linearPattern("^(a|a)*(a|aa)+$")];
  throwsWith(() => selectArtifacts(names, { include }), "not_found", "^(a|a)*");
});

Deno.test("selectArtifacts(): patterns may match nothing where that is allowed, but not all of them", () => {
  const include = ["nope_*", "fft_*", "blas_nope"];
  throwsWith(() => choose({ include }), "not_found", "'nope_*', 'blas_nope'");
  assert.equal(choose({ include, allowNoMatch: true }), "fft_lib_gfx1100.tar.xz");
  throwsWith(() => choose({ include: ["nope_*"], allowNoMatch: true }), "not_found", "None of");
});

Deno.test("selectArtifacts(): the error of a pattern names one that would match", () => {
  const rows = [
    ["blas", "blas_*"],
    ["*_lib", "*_lib_*"],
    ["blass_*", "blas_*"],
    ["fft_libs", "fft_lib"],
    ["base_run_generik.tar.zst", "base_run_generic.tar.zst"],
    ["94X", "*94X*"],
    ["rccl-test", "rccl_test"],
  ];
  for (const [pattern, meant] of rows) {
    throwsWith(
      () => choose({ include: [pattern] }),
      "not_found",
      `'${pattern}'`,
      `did you mean '${meant}'?`,
    );
    assert.notEqual(choose({ include: [meant] }), "");
  }
  const nothing = errorOf(() => choose({ include: ["something-else"] })).message;
  assert(!nothing.includes("did you mean"), nothing);
});
