/** The choice of artifacts: by pattern, component, group and GPU. */

import assert from "node:assert/strict";
import { parseGpuFamilies } from "../../../src/layout/gpu_families.ts";
import {
  type ArtifactSelection,
  selectArtifacts,
} from "../../../src/operations/artifacts/select.ts";
import { throwsWith } from "../../support/errors.ts";

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

const choose = (selection: ArtifactSelection) => selectArtifacts(NAMES, selection).join(" ");

Deno.test("selectArtifacts(): all of them, .tar.zst where both compressions are there", () => {
  assert.deepEqual(
    selectArtifacts(NAMES, {}),
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
  throwsWith(() => choose({ include: ["blas_lib"] }), "not_found", "'blas_lib'");
});

Deno.test("selectArtifacts(): GPUs match by what stands before the colon, in any case", () => {
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

Deno.test("selectArtifacts(): a family is its GPUs too, where that is asked for", () => {
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
  throwsWith(
    () => choose({ amdgpuTargets: ["gfx94X-dcgp"], expandFamilies: true }),
    "invalid",
    "gfx94X-dcgpu",
  );
});

Deno.test("selectArtifacts(): what chooses nothing is an error that names it and tells what there is", () => {
  throwsWith(() => choose({ include: ["base_*", "nope_*"] }), "not_found", "'nope_*'");
  throwsWith(
    () => choose({ artifactGroups: ["gfx110X-all"] }),
    "not_found",
    "gfx110X-all",
    "gfx94X",
  );
  throwsWith(() => choose({ components: ["libs"] }), "not_found", "libs", "dev, lib, run, test");
  throwsWith(() => choose({ exclude: ["*"] }), "not_found", "None of the 7");
  throwsWith(() => choose({ include: ["fft_*"], components: ["dev"] }), "not_found", "None of");
  throwsWith(() => choose({ amdgpuTargets: [""] }), "invalid", "GPU target");
  throwsWith(() => choose({ include: ["../x"] }), "invalid", "../x");
});

Deno.test("selectArtifacts(): a pattern whose matches are excluded is no pattern without matches", () => {
  assert.equal(
    choose({ include: ["fft_*", "blas_*"], exclude: ["blas_*"] }),
    "fft_lib_gfx1100.tar.xz",
  );
});
