/**
 * The outputs of a run by name, for `run-outputs path KIND [ARGS…]`: name, arguments and location
 * of each kind.
 *
 * @module
 */

import type { OutputLocation } from "./output_location.ts";
import type { LogGroup, NativePackageType, OutputPaths, SummaryFormat } from "./output_paths.ts";

/** An argument of a kind. */
export interface PathKindArgument {
  /** Its name, in kebab case. */
  readonly name: string;
  /** Whether it is required. Required arguments come first. */
  readonly required: boolean;
  /** A description of a few words. */
  readonly summary: string;
}

/** An output with a name. */
export interface PathKind {
  /** Its name, in kebab case, after the method of {@linkcode OutputPaths}. */
  readonly name: string;
  /** A description of a few words. */
  readonly summary: string;
  /** Its arguments. */
  readonly args: readonly PathKindArgument[];
  /** Example arguments. */
  readonly example: readonly string[];
  /**
   * Returns the location.
   *
   * @param root The run.
   * @param args Values for `args`.
   * @returns The location.
   * @throws {RunOutputsError} `invalid`, naming the argument and its value.
   */
  locate(root: OutputPaths, args: readonly string[]): OutputLocation;
}

const arg = (name: string, summary: string): PathKindArgument => ({
  name,
  required: true,
  summary,
});
const optional = (name: string, summary: string): PathKindArgument => ({
  name,
  required: false,
  summary,
});

const ARTIFACT_GROUP = arg("artifact-group", "artifact group, like gfx94X-dcgpu");
const GROUP = arg("group", "artifact group, or stage of a multi-arch build");
const STAGE_FAMILY = optional("amdgpu-family", "GPU family, for stages that are built per family");
const ARCHIVE = arg("file-name", "file name of the archive");
const PACKAGE_TYPE = arg("type", "deb or rpm");
const FORMAT = arg("format", "html or md");
const SUBFOLDER = arg("subfolder", "path relative to the logs");

const ARTIFACT_EXAMPLE = ["blas_lib_gfx94X-dcgpu.tar.zst"];
const STAGE_EXAMPLE = ["math-libs", "gfx1151"];

/** Every output with a name. */
export const PATH_KINDS: readonly PathKind[] = Object.freeze([
  kind("root", "directory of all outputs", [], [], (root) => root.root()),
  kind(
    "file",
    "any file",
    [arg("path", "path relative to the run")],
    ["logs/gfx94X-dcgpu/build.log"],
    (root, [path]) => root.file(path),
  ),
  kind("run-index", "index page of the run", [], [], (root) => root.runIndex()),
  kind("artifacts-dir", "directory of the artifacts", [], [], (root) => root.artifactsDir()),
  kind(
    "artifact",
    "artifact archive",
    [ARCHIVE],
    ARTIFACT_EXAMPLE,
    (root, [name]) => root.artifact(name),
  ),
  kind(
    "artifact-sidecar",
    "checksum of an artifact archive",
    [ARCHIVE],
    ARTIFACT_EXAMPLE,
    (root, [name]) => root.artifactSidecar(name),
  ),
  kind(
    "artifact-index",
    "page that lists the artifacts",
    [optional("artifact-group", "artifact group, for its page before April 2026")],
    [],
    (root, [group]) => root.artifactIndex(group),
  ),
  kind("logs-dir", "directory of all logs", [], [], (root) => root.logsDir()),
  kind("log-root-index", "page that lists all logs", [], [], (root) => root.logRootIndex()),
  kind(
    "log-dir",
    "directory of a group's logs",
    [GROUP, STAGE_FAMILY],
    ["gfx94X-dcgpu"],
    (root, [group, family]) => root.logDir(logs(group, family)),
  ),
  kind(
    "log-stage-dir",
    "directory of a multi-arch stage's logs",
    [arg("stage", "stage, like math-libs"), STAGE_FAMILY],
    STAGE_EXAMPLE,
    (root, [stage, family]) => root.logStageDir(stage, family),
  ),
  kind(
    "log-file",
    "log",
    [GROUP, arg("log-path", "path relative to the group's logs")],
    ["gfx94X-dcgpu", "build.log"],
    (root, [group, path]) => root.logFile(group, path),
  ),
  kind(
    "log-index",
    "page that lists a group's logs",
    [GROUP, STAGE_FAMILY],
    ["gfx94X-dcgpu"],
    (root, [group, family]) => root.logIndex(logs(group, family)),
  ),
  kind(
    "ninja-logs",
    "archive of ninja's logs",
    [GROUP, STAGE_FAMILY],
    STAGE_EXAMPLE,
    (root, [group, family]) => root.ninjaLogs(logs(group, family)),
  ),
  kind(
    "ccache-logs",
    "archive of ccache's logs",
    [GROUP, STAGE_FAMILY],
    STAGE_EXAMPLE,
    (root, [group, family]) => root.ccacheLogs(logs(group, family)),
  ),
  kind(
    "build-observability",
    "build time report",
    [GROUP, STAGE_FAMILY],
    ["gfx94X-dcgpu"],
    (root, [group, family]) => root.buildObservability(logs(group, family)),
  ),
  kind(
    "build-time-analysis",
    "build time report under its earlier name",
    [GROUP, STAGE_FAMILY],
    ["gfx94X-dcgpu"],
    (root, [group, family]) => root.buildTimeAnalysis(logs(group, family)),
  ),
  kind(
    "comp-summary",
    "build profiler's summary, copy for direct links",
    [GROUP, FORMAT, STAGE_FAMILY],
    ["gfx94X-dcgpu", "html"],
    (root, [group, format, family]) =>
      root.compSummary(logs(group, family), format as SummaryFormat),
  ),
  kind(
    "build-prof-summary",
    "build profiler's summary, original",
    [GROUP, FORMAT, STAGE_FAMILY],
    ["gfx94X-dcgpu", "md"],
    (root, [group, format, family]) =>
      root.buildProfSummary(logs(group, family), format as SummaryFormat),
  ),
  kind(
    "test-report-dir",
    "directory of a test's report",
    [SUBFOLDER],
    ["test/hipblas"],
    (root, [subfolder]) => root.testReportDir(subfolder),
  ),
  kind(
    "test-report",
    "file of a test's report",
    [SUBFOLDER, arg("file-name", "file name")],
    ["test/hipblas", "report.html"],
    (root, [subfolder, name]) => root.testReport(subfolder, name),
  ),
  kind("manifests-dir", "directory of the manifests", [], [], (root) => root.manifestsDir()),
  kind("manifest-root", "manifest of the whole run", [], [], (root) => root.manifestRoot()),
  kind("manifests-index", "page that lists the manifests", [], [], (root) => root.manifestsIndex()),
  kind(
    "manifest-dir",
    "directory of a group's manifest",
    [ARTIFACT_GROUP],
    ["gfx94X-dcgpu"],
    (root, [group]) => root.manifestDir(group),
  ),
  kind(
    "manifest",
    "manifest of a group",
    [ARTIFACT_GROUP],
    ["gfx94X-dcgpu"],
    (root, [group]) => root.manifest(group),
  ),
  kind(
    "pytorch-manifest",
    "manifest of a PyTorch build",
    [
      arg("amdgpu-family", "GPU family"),
      arg("ref", "git ref that was built"),
      optional("python-version", "Python version, like 3.12, for the name of earlier jobs"),
    ],
    ["gfx94X-dcgpu", "release/2.9"],
    (root, [amdgpuFamily, ref, pythonVersion]) =>
      root.pytorchManifest({ amdgpuFamily, pythonVersion, ref }),
  ),
  kind(
    "outputs-manifest-dir",
    "directory of the outputs manifests",
    [],
    [],
    (root) => root.outputsManifestDir(),
  ),
  kind(
    "outputs-manifest",
    "outputs manifest of one uploading job",
    [arg("part", "part's name")],
    ["build-gfx94X-dcgpu"],
    (root, [part]) => root.outputsManifest(part),
  ),
  kind(
    "expected-parts",
    "list of the run's expected parts",
    [],
    [],
    (root) => root.expectedParts(),
  ),
  kind(
    "python-packages",
    "directory of the Python packages",
    [optional("artifact-group", "artifact group; none in multi-arch runs")],
    ["gfx110X-all"],
    (root, [group]) => root.pythonPackages(group),
  ),
  kind(
    "python-index",
    "page that pip reads",
    [optional("artifact-group", "artifact group; none in multi-arch runs")],
    ["gfx110X-all"],
    (root, [group]) => root.pythonIndex(group),
  ),
  kind(
    "python-simple-index",
    "page of pip's simple index",
    [
      optional("artifact-group", "artifact group; '' in multi-arch runs"),
      optional("project", "project's name; the list of projects if not given"),
    ],
    ["gfx110X-all", "rocm"],
    (root, [group, project]) => root.pythonSimpleIndex(group, project),
  ),
  kind(
    "native-linux-packages",
    "APT or DNF repository",
    [PACKAGE_TYPE],
    ["deb"],
    (root, [type]) => root.nativeLinuxPackages(type as NativePackageType),
  ),
  kind(
    "native-linux-packages-index",
    "page that lists a package repository's files",
    [PACKAGE_TYPE],
    ["deb"],
    (root, [type]) => root.nativeLinuxPackagesIndex(type as NativePackageType),
  ),
  kind(
    "native-linux-packages-log-dir",
    "directory of the packaging's logs",
    [PACKAGE_TYPE],
    ["deb"],
    (root, [type]) => root.nativeLinuxPackagesLogDir(type as NativePackageType),
  ),
  kind(
    "native-linux-packages-log-index",
    "page that lists the packaging's logs",
    [PACKAGE_TYPE],
    ["rpm"],
    (root, [type]) => root.nativeLinuxPackagesLogIndex(type as NativePackageType),
  ),
  kind("tarballs", "directory of the tarballs", [], [], (root) => root.tarballs()),
  kind("tarballs-index", "page that lists the tarballs", [], [], (root) => root.tarballsIndex()),
  kind(
    "tarball",
    "tarball of the whole distribution",
    [arg("file-name", "file name")],
    ["therock-dist-linux-multiarch-7.13.0.tar.gz"],
    (root, [name]) => root.tarball(name),
  ),
  kind(
    "retention-summary",
    "summary of the run, a cache",
    [],
    [],
    (root) => root.retentionSummary(),
  ),
  kind(
    "retention-dir",
    "directory of the run's pins",
    [],
    [],
    (root) => root.retentionDir(),
  ),
  kind(
    "retention-pin",
    "pin that prevents the run's deletion",
    [arg("name", "pin's name")],
    ["release-7.13"],
    (root, [name]) => root.retentionPin(name),
  ),
]);

function kind(
  name: string,
  summary: string,
  args: readonly PathKindArgument[],
  example: readonly string[],
  locate: PathKind["locate"],
): PathKind {
  return Object.freeze({ name, summary, args, example, locate });
}

/** A group's logs have the path of a generic stage's logs: `logs/{group}/`. */
function logs(group: string, amdgpuFamily: string | undefined): LogGroup {
  return amdgpuFamily === undefined ? group : { stage: group, amdgpuFamily };
}
