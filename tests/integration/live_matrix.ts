/**
 * The live system's commands beside ours: what each is given, and where the two differ on purpose.
 * docs/live-tools.md has the same table for people; `live_matrix_test.ts` runs every row.
 *
 * @module
 */

/** A command of the live tools and ours for the same job. */
export interface MatrixRow {
  /** The live command. */
  readonly live: string;
  /** Ours, after `run-outputs`. */
  readonly ours: string;
  /** What the run has. Default: {@linkcode RUN_FILES}. */
  readonly run?: readonly string[];
  /** The environment of both. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where they differ on purpose. */
  readonly differs?: {
    /** What ours does instead, for the table. */
    readonly how: string;
    /** Its exit code, if it is another one. */
    readonly code?: number;
    /** What it chooses or writes beside the live command's files. */
    readonly more?: readonly string[];
    /** What it leaves out of them. */
    readonly less?: readonly string[];
  };
}

/** The archives of a run: of families and of GPUs, in both compressions. */
export const RUN_FILES: readonly string[] = [
  "blas_lib_gfx94X-dcgpu.tar.zst",
  "blas_test_gfx94X-dcgpu.tar.xz",
  "core_dbg_generic.tar.zst",
  "core_dev_generic.tar.zst",
  "core_lib_generic.tar.zst",
  "fft_lib_gfx1100.tar.zst",
  "fft_lib_gfx942.tar.zst",
  "rccl_lib_gfx950.tar.zst",
  "sysdeps_lib_generic.tar.xz",
  "sysdeps-extra_lib_generic.tar.xz",
];

const BOTH = ["core_lib_generic.tar.xz", "core_lib_generic.tar.zst"];
const FIRST_STAGE = ["core_lib_generic.tar.zst", "sysdeps_lib_generic.tar.xz"];
const NO_MATCH = { how: "exit 3 instead of 1", code: 3 };

/** Choosing from a run: the same files. */
const FETCH_ARTIFACTS: readonly MatrixRow[] = [
  { live: "fetch_artifacts.py --run-id 123", ours: "fetch" },
  {
    live: "fetch_artifacts.py --run-id 123 --artifact-group gfx94X-dcgpu",
    ours: "fetch --artifact-group gfx94X-dcgpu",
  },
  {
    live: "fetch_artifacts.py --run-id 123 --artifact-group gfx94X-dcgpu --amdgpu-targets gfx942",
    ours: "fetch --artifact-group gfx94X-dcgpu --amdgpu-targets gfx942",
  },
  {
    live: "fetch_artifacts.py --run-id 123 --amdgpu-targets 'gfx942, gfx1100,'",
    ours: "fetch --amdgpu-targets 'gfx942, gfx1100,'",
  },
  {
    live: "fetch_artifacts.py --run-id 123 --artifact-group '' --amdgpu-targets ''",
    ours: "fetch --artifact-group '' --amdgpu-targets ''",
  },
  {
    live: "fetch_artifacts.py 'core|fft' blas_ --run-id 123 --exclude _dbg_ _test_",
    ours: "fetch --regex 'core|fft' blas_ --exclude _dbg_ --exclude _test_",
  },
  {
    live: "fetch_artifacts.py '^sysdeps_' 'miopen.*' --run-id 123",
    ours: "fetch --regex --allow-no-match '^sysdeps_' 'miopen.*'",
  },
  {
    live: "fetch_artifacts.py '_(lib|dev)_generic' --run-id 123 --artifact-group gfx942",
    ours: "fetch --regex '_(lib|dev)_generic' --artifact-group gfx942",
  },
  {
    live: "fetch_artifacts.py 'miopen.*' --run-id 123",
    ours: "fetch --regex --allow-no-match 'miopen.*'",
    differs: NO_MATCH,
  },
  {
    live: "fetch_artifacts.py --run-id 123 --artifact-group gfx94X-dcgpu",
    ours: "fetch --artifact-group gfx94X-dcgpu",
    run: FIRST_STAGE,
  },
  {
    live: "fetch_artifacts.py --run-id 123 --artifact-group gfx110X-all",
    ours: "fetch --artifact-group gfx110X-all",
    differs: {
      how: "exit 3: the run has other GPUs, but none of the group",
      code: 3,
      less: RUN_FILES.filter((name) => name.includes("_generic.")),
    },
  },
  {
    live: "fetch_artifacts.py core_lib --run-id 123",
    ours: "fetch --regex core_lib",
    run: BOTH,
    differs: { how: "the `.tar.zst` alone", less: ["core_lib_generic.tar.xz"] },
  },
  {
    live: "fetch_artifacts.py --run-id 123 --amdgpu-targets gfx942",
    ours: "fetch --amdgpu-targets gfx942",
    run: ["core_lib_generic.tar.zst", "rccl_lib_gfx942:xnack+.tar.zst"],
    differs: {
      how: "also `gfx942:xnack+`: only the part before `:` counts",
      more: ["rccl_lib_gfx942:xnack+.tar.zst"],
    },
  },
];

const INDEX = "index.html";
const TOPOLOGY = "--topology BUILD_TOPOLOGY.toml";

const ARTIFACT_MANAGER: readonly MatrixRow[] = [
  {
    live: `artifact_manager.py list-stages ${TOPOLOGY}`,
    ours: `stages ${TOPOLOGY}`,
  },
  ...["foundation", "maths", "comms", "media"].map((stage) => ({
    live: `artifact_manager.py info --stage ${stage} ${TOPOLOGY}`,
    ours: `stages ${stage} ${TOPOLOGY}`,
  })),
  {
    live: `artifact_manager.py info --stage math ${TOPOLOGY}`,
    ours: `stages math ${TOPOLOGY}`,
    differs: { how: "exit 2 instead of 1", code: 2 },
  },
  {
    live: "artifact_manager.py fetch --stage all --amdgpu-families 'gfx94X-dcgpu;gfx1100' " +
      "--output-dir build",
    ours: "fetch --artifact-group 'gfx94X-dcgpu;gfx1100'",
  },
  {
    live: "artifact_manager.py fetch --amdgpu-families gfx94X-dcgpu --expand-family-to-targets " +
      "--output-dir build",
    ours: "fetch --artifact-group gfx94X-dcgpu --expand-families",
  },
  {
    live: "artifact_manager.py fetch --amdgpu-families 'gfx94X-dcgpu;gfx110X-all' " +
      "--expand-family-to-targets --output-dir build",
    ours: "fetch --artifact-group 'gfx94X-dcgpu;gfx110X-all' --expand-families",
  },
  {
    live: "artifact_manager.py fetch --amdgpu-families gfx94X-dcgpu --amdgpu-targets gfx942 " +
      "--output-dir build",
    ours: "fetch --artifact-group gfx94X-dcgpu --amdgpu-targets gfx942",
  },
  {
    live: "artifact_manager.py fetch --generic-only --output-dir build",
    ours: "fetch '*_generic.*'",
  },
  {
    live: "artifact_manager.py fetch --generic-only --exclude-components 'dbg,dev' " +
      "--output-dir build",
    ours: "fetch '*_generic.*' --components lib,run,doc,test",
    differs: {
      how: "exit 3: the run has no `doc`; name the components that it has",
      code: 3,
      less: ["*"],
    },
  },
  {
    live: "artifact_manager.py fetch --generic-only --exclude-components 'dbg,dev' " +
      "--output-dir build",
    ours: "fetch '*_generic.*' --exclude '*_dbg_*,*_dev_*'",
  },
  {
    live: "artifact_manager.py fetch --generic-only --exclude-artifacts sysdeps --output-dir build",
    ours: "fetch '*_generic.*' --exclude 'sysdeps_*'",
  },
  {
    live: "artifact_manager.py fetch --generic-only --output-dir build",
    ours: "fetch '*_generic.*'",
    run: BOTH,
  },
  {
    live: `artifact_manager.py fetch --stage maths --amdgpu-families gfx94X-dcgpu ` +
      `--output-dir build --bootstrap`,
    ours: `fetch --stage maths ${TOPOLOGY} --artifact-group gfx94X-dcgpu --bootstrap`,
  },
  {
    live: "artifact_manager.py fetch --stage comms --amdgpu-targets gfx942 --output-dir build",
    ours: `fetch --stage comms ${TOPOLOGY} --amdgpu-targets gfx942`,
  },
  {
    live: "artifact_manager.py fetch --stage foundation --output-dir build",
    ours: `fetch --stage foundation ${TOPOLOGY}`,
  },
  {
    live: "artifact_manager.py fetch --stage math --output-dir build",
    ours: `fetch --stage math ${TOPOLOGY}`,
    differs: { how: "exit 2 instead of 1", code: 2 },
  },
  {
    live: "artifact_manager.py copy --source-run-id 123 --stage maths,foundation " +
      "--amdgpu-families gfx94X-dcgpu",
    ours: `copy --source-run-id 123 --stage maths,foundation ${TOPOLOGY} ` +
      "--artifact-group gfx94X-dcgpu",
    differs: { how: "their checksum files too", more: ["*.sha256sum"] },
  },
  {
    live: "artifact_manager.py push --stage maths --build-dir build",
    ours: `upload artifacts build/artifacts --stage maths ${TOPOLOGY}`,
    differs: { how: "missing checksum files, an index page", more: ["*.sha256sum", INDEX] },
  },
  {
    live: "artifact_manager.py push --stage foundation --build-dir build",
    ours: `upload artifacts build/artifacts --stage foundation ${TOPOLOGY}`,
    differs: { how: "missing checksum files, an index page", more: ["*.sha256sum", INDEX] },
  },
];

const FIND: readonly MatrixRow[] = [
  {
    live: "find_artifacts_for_commit.py --commit SHA --artifact-group gfx94X-dcgpu",
    ours: "find --commit SHA --artifact-group gfx94X-dcgpu",
    run: [INDEX, ...RUN_FILES],
  },
  {
    live: "find_artifacts_for_commit.py --commit SHA --artifact-group gfx94X-dcgpu gfx1100",
    ours: "find --commit SHA --artifact-group gfx94X-dcgpu,gfx1100",
    run: [INDEX, ...RUN_FILES],
  },
  {
    live: "find_artifacts_for_commit.py --commit SHA --artifact-group gfx94X-dcgpu",
    ours: "find --commit SHA --artifact-group gfx94X-dcgpu",
    run: [INDEX, "core_lib_generic.tar.zst", "fft_lib_gfx942.tar.zst"],
  },
  {
    live: "find_artifacts_for_commit.py --commit SHA --artifact-group gfx94X-dcgpu",
    ours: "find --commit SHA --artifact-group gfx94X-dcgpu",
    run: [],
    differs: NO_MATCH,
  },
  {
    live: "find_artifacts_for_commit.py --commit SHA --artifact-group gfx120X-all",
    ours: "find --commit SHA --artifact-group gfx120X-all",
    run: [INDEX, ...RUN_FILES],
    differs: {
      how: "exit 3: an index page is no proof, the archives of the group are",
      code: 3,
      less: ["gfx120X-all"],
    },
  },
  {
    live: "find_artifacts_for_commit.py --commit SHA --artifact-group gfx94X-dcgpu",
    ours: "find --commit SHA --artifact-group gfx94X-dcgpu",
    run: RUN_FILES,
    differs: { how: "found without an index page", code: 0, more: ["gfx94X-dcgpu"] },
  },
];

const PAGES = [INDEX, "*/index.html"];
const SUMMARY = "logs/*/comp-summary.*";
const BUILD = "--artifact-group gfx94X-dcgpu --build-dir build";

const UPLOADS: readonly MatrixRow[] = [
  {
    live: `post_build_upload.py --run-id 123 ${BUILD} --job-status success`,
    ours: `upload build ${BUILD} --job-status success`,
    differs: {
      how: "directories are packed; missing checksum files, index pages",
      more: [
        ...PAGES,
        "*.sha256sum",
        "blas_lib_gfx94X-dcgpu.tar.zst",
        "core_lib_generic.tar.zst",
      ],
    },
  },
  {
    live: `post_build_upload.py --run-id 123 ${BUILD} --job-status failure`,
    ours: `upload build ${BUILD} --job-status failure`,
    differs: {
      how: "the artifacts that there are too, but no part of the outputs manifest; index pages",
      more: [...PAGES, "*.tar.zst", "*.tar.xz", "*.sha256sum"],
    },
  },
  {
    live: "post_stage_upload.py --run-id 123 --stage math-libs --amdgpu-family gfx1151 " +
      "--build-dir build",
    ours: "upload stage --stage math-libs --amdgpu-family gfx1151 --build-dir build",
    differs: { how: "`comp-summary` beside the logs too; index pages", more: [...PAGES, SUMMARY] },
  },
  {
    live: "post_stage_upload.py --run-id 123 --stage compiler-runtime --build-dir build",
    ours: "upload stage --stage compiler-runtime --build-dir build",
    differs: { how: "`comp-summary` beside the logs too; index pages", more: [...PAGES, SUMMARY] },
  },
  {
    live: "upload_python_packages.py --input-packages-dir wheels --artifact-group gfx94X-dcgpu " +
      "--run-id 123",
    ours: "upload python wheels --artifact-group gfx94X-dcgpu",
    differs: { how: "index pages, `simple/` too", more: PAGES },
  },
  {
    live: "upload_python_packages.py --input-packages-dir flat --multiarch --run-id 123",
    ours: "upload python flat --multiarch",
    differs: { how: "index pages, `simple/` too", more: PAGES },
  },
  {
    live: "upload_python_packages.py --input-packages-dir families --multiarch --run-id 123",
    ours: "upload python families --multiarch",
    differs: { how: "index pages, `simple/` too", more: PAGES },
  },
  {
    live: "upload_tarballs.py --input-tarballs-dir tarballs --run-id 123 --platform linux",
    ours: "upload tarballs tarballs",
    differs: { how: "index pages", more: PAGES },
  },
  {
    live: "upload_package_repo.py --pkg-type deb --run-id 123 --package-dir debs",
    ours: "upload packages debs --pkg-type deb",
    differs: {
      how: "both lists under their hashes too; index pages",
      more: [...PAGES, "*/by-hash/*"],
    },
  },
  {
    live: "upload_package_repo.py --pkg-type rpm --run-id 123 --package-dir rpms",
    ours: "upload packages rpms --pkg-type rpm",
    differs: {
      how: "metadata named by their hashes; index pages",
      more: [...PAGES, "*/repodata/*-*.xml.gz"],
    },
  },
  {
    live: "upload_test_report_script.py --run-id 123 --amdgpu-family gfx94X-dcgpu " +
      "--report-path report --log-destination logs/gfx94X-dcgpu " +
      "--index-file-name index_rccl.html",
    ours: "upload test-report report --to gfx94X-dcgpu --index-file-name index_rccl.html",
    differs: { how: "index pages", more: PAGES },
  },
  {
    live: "upload_pytorch_manifest.py --dist-dir wheels --run-id 123 --platform linux " +
      "--amdgpu-family gfx94X-dcgpu --pytorch-git-ref release/2.9",
    ours: "upload pytorch-manifest torch.json --amdgpu-family gfx94X-dcgpu --ref release/2.9",
    differs: { how: "index pages", more: PAGES },
  },
];

const BUCKETS: readonly MatrixRow[] = [
  { live: "write_artifacts_bucket_info.py --release-type ''", ours: "bucket --release-type ''" },
  ...["dev", "nightly", "prerelease"].map((type) => ({
    live: `write_artifacts_bucket_info.py --release-type ${type}`,
    ours: `bucket --release-type ${type}`,
  })),
  {
    live: "write_artifacts_bucket_info.py",
    ours: "bucket",
    env: { GITHUB_REPOSITORY: "ROCm/rocm-libraries" },
  },
];

/** All rows, by heading. */
export const MATRIX: Readonly<Record<string, readonly MatrixRow[]>> = {
  "`fetch_artifacts.py`": FETCH_ARTIFACTS,
  "`artifact_manager.py`": ARTIFACT_MANAGER,
  "`find_artifacts_for_commit.py`": FIND,
  "Uploads": UPLOADS,
  "`write_artifacts_bucket_info.py`": BUCKETS,
};
