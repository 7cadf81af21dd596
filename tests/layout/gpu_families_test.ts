import { strict as assert } from "node:assert";
import { expandFamily, parseGpuFamilies } from "../../src/layout/gpu_families.ts";
import { GPU_FAMILIES } from "../../src/layout/gpu_families_data.ts";
import { assertInvalid, conformance } from "./support.ts";

const parse = (text: string) => Object.fromEntries(parseGpuFamilies(text, "targets.cmake"));

Deno.test("GPU_FAMILIES: content and order of the conformance file", () => {
  const expected = Object.entries(conformance<Record<string, string[]>>("families"));
  assert.equal(expected.length, 53);
  assert.deepEqual([...GPU_FAMILIES], expected);
});

Deno.test("parseGpuFamilies(): returns the built-in map for its source", () => {
  const families = new Map<string, string[]>();
  for (const [family, gpus] of GPU_FAMILIES) {
    for (const gpu of gpus) families.set(gpu, [...families.get(gpu) ?? [], family]);
  }
  // Any order of the GPUs that agrees with that of every family gives the same map.
  const gpus = [...families.keys()].sort((a, b) =>
    parseInt(a.slice(3), 16) - parseInt(b.slice(3), 16)
  );
  const text = gpus.map((gpu) =>
    `therock_add_amdgpu_target(${gpu} "A GPU" FAMILY ${
      families.get(gpu)!.filter((family) => family !== gpu).join(" ")
    })\n`
  ).join("");
  assert.deepEqual([...parseGpuFamilies(text, "x")], [...GPU_FAMILIES]);
});

Deno.test("parseGpuFamilies(): reads calls over lines, among comments and other commands", () => {
  assert.deepEqual(
    parse(`
# therock_add_amdgpu_target(gfx1 "no" FAMILY f)
#[[ therock_add_amdgpu_target(gfx2 "no" FAMILY f)
]]
#[==[ ]] therock_add_amdgpu_target(gfx3 "no" FAMILY f) ]==]
function(therock_add_amdgpu_target gfx_target product_name)
  cmake_parse_arguments(PARSE_ARGV 2 ARG "" "" "FAMILY;EXCLUDE_TARGET_PROJECTS")
  message(STATUS "therock_add_amdgpu_target(gfx4 \\"no\\" FAMILY f)")
  set(x [[therock_add_amdgpu_target(gfx5 "no" FAMILY f)]])
endfunction()
if((A AND B) OR "\${C}")
Therock_Add_AMDGPU_Target (gfx942 "MI300A/MI300X (CDNA) # FAMILY none" # a comment )
  FAMILY
    dcgpu-all  # more )
    "gfx94X-all"
    gfx94X-dcgpu;later #[[ one ]] other
  EXCLUDE_TARGET_PROJECTS a b)
endif()
therock_add_amdgpu_target(gfx950 "MI350" EXCLUDE_TARGET_PROJECTS a FAMILY dcgpu-all)
therock_add_amdgpu_target(gfx90c APU FAMILY igpu-all)therock_add_amdgpu_target(gfx1 GPU)
`),
    {
      "dcgpu-all": ["gfx942", "gfx950"],
      "gfx1": ["gfx1"],
      "gfx90c": ["gfx90c"],
      "gfx942": ["gfx942"],
      "gfx94X-all": ["gfx942"],
      "gfx94X-dcgpu": ["gfx942"],
      "gfx950": ["gfx950"],
      "igpu-all": ["gfx90c"],
      "later": ["gfx942"],
      "other": ["gfx942"],
    },
  );
});

Deno.test("parseGpuFamilies(): Windows line ends and a byte order mark are accepted", () => {
  assert.deepEqual(
    parse('\ufefftherock_add_amdgpu_target(gfx942 "MI300" # x\r\n  FAMILY a\r\n  b)\r\n'),
    { a: ["gfx942"], b: ["gfx942"], gfx942: ["gfx942"] },
  );
});

Deno.test("parseGpuFamilies(): a family listed twice, or called like its GPU, has it once", () => {
  assert.deepEqual(parse(`therock_add_amdgpu_target(gfx1 "x" FAMILY a a gfx1 FAMILY a)`), {
    a: ["gfx1"],
    gfx1: ["gfx1"],
  });
});

Deno.test("parseGpuFamilies(): product names and quoted text are not keywords", () => {
  assert.deepEqual(parse(`therock_add_amdgpu_target(gfx1 FAMILY a FAMILY b "QUOTED" c)`), {
    QUOTED: ["gfx1"],
    b: ["gfx1"],
    c: ["gfx1"],
    gfx1: ["gfx1"],
  });
});

Deno.test("parseGpuFamilies(): errors name the file and the line", () => {
  const cases: [string, number, string][] = [
    [`\n\ntherock_add_amdgpu_target()`, 3, "GPU"],
    [`\ntherock_add_amdgpu_target(\${GPU} "x" FAMILY a)`, 2, "${GPU}"],
    [`therock_add_amdgpu_target(gfx1 "x" FAMILY a\n  b/c)`, 2, "b/c"],
    [`therock_add_amdgpu_target(gfx1 "x")\ntherock_add_amdgpu_target(gfx1 "x")`, 2, "line 1"],
    [`set(a)\ntherock_add_amdgpu_target(gfx1 "x"\n FAMILY a`, 2, "no end"],
    [`set(a)\n\nset(b "x)\n`, 3, "string"],
    [`\n#[[ x`, 2, "comment"],
  ];
  for (const [text, line, message] of cases) {
    assertInvalid(
      () => parseGpuFamilies(text, "some/targets.cmake"),
      "some/targets.cmake",
      `line ${line}`,
      message,
    );
  }
});

Deno.test("parseGpuFamilies(): a file without any target is an error", () => {
  for (
    const text of [
      "",
      "set(a b)",
      "# therock_add_amdgpu_target(gfx1 x FAMILY a)",
      "therock_add_amdgpu_target",
    ]
  ) {
    assertInvalid(
      () => parseGpuFamilies(text, "empty.cmake"),
      "empty.cmake",
      "therock_add_amdgpu_target",
    );
  }
});

Deno.test("expandFamily(): the GPUs of a family, of a GPU, in any case", () => {
  assert.deepEqual(expandFamily("gfx110X-dgpu"), ["gfx1100", "gfx1101", "gfx1102"]);
  assert.deepEqual(expandFamily("gfx942"), ["gfx942"]);
  assert.deepEqual(expandFamily("GFX94x-DCGPU"), ["gfx942"]);
  assert.deepEqual(expandFamily("a", new Map([["a", ["gfx1"]]])), ["gfx1"]);
});

Deno.test("expandFamily(): hands out a copy", () => {
  expandFamily("gfx942").push("gfx0");
  assert.deepEqual(expandFamily("gfx942"), ["gfx942"]);
});

Deno.test("expandFamily(): an unknown family suggests the nearest one", () => {
  assertInvalid(() => expandFamily("gfx94X-dgpu"), "GPU family", `"gfx94X-dgpu"`, "gfx94X-dcgpu");
  assertInvalid(() => expandFamily("constructor"), "constructor");
});
