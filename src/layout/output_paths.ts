/**
 * The layout: where each output is below a run's prefix. Every path below a prefix is computed here;
 * the prefix itself in `run_output_root.ts`.
 *
 * @module
 */

import { invalid } from "../errors/error.ts";
import type { OutputLocation } from "./output_location.ts";
import { checkFormat, checkPackageType, checkPythonVersion } from "./path_arguments.ts";
import { checkKey, checkSegment } from "./validate.ts";

/**
 * The layout of a run: `flat` has the artifacts at the root, `typed` below `artifacts/`. Everything
 * else is the same.
 */
export type Layout = "flat" | "typed";

/** The platform that a run builds for. */
export type Platform = "linux" | "windows";

/** The package formats of native Linux packages. */
export type NativePackageType = "deb" | "rpm";

/** The formats of a build profiler's summary. */
export type SummaryFormat = "html" | "md";

/** A stage of a multi-arch build, as the owner of a log directory. */
export interface StageLogs {
  /** The stage, like `math-libs`. */
  readonly stage: string;
  /** The GPU family that the stage was built for; missing or empty for a generic stage. */
  readonly amdgpuFamily?: string;
}

/** The owner of logs: an artifact group (single-stage builds), or a stage (multi-arch builds). */
export type LogGroup = string | StageLogs;

/** What the name of a PyTorch manifest consists of. */
export interface PytorchManifestName {
  /** The GPU family, like `gfx94X-dcgpu`. */
  readonly amdgpuFamily: string;
  /** The git ref that was built, like `release/2.9`; each `/` becomes `-`. */
  readonly ref: string;
  /**
   * The Python version, such as `3.12`, for the name that earlier jobs used; a leading `py` is
   * dropped.
   */
  readonly pythonVersion?: string;
}

/**
 * A method for every output of a run. {@linkcode RunOutputRoot} adds the run.
 *
 * Each returns a location inside the run's prefix, whether or not it exists, and throws a
 * {@linkcode RunOutputsError} `invalid` with argument and value for an invalid name or relative
 * path.
 */
export abstract class OutputPaths {
  /** The layout of the run. */
  abstract readonly layout: Layout;

  /** The platform that the run builds for; missing if it is not known. */
  abstract readonly platform: Platform | undefined;

  /** The run's prefix: the directory of all its outputs. */
  abstract root(): OutputLocation;

  /**
   * Any file of the run.
   *
   * @param relativePath The path relative to the run's prefix, its names joined by `/`.
   */
  file(relativePath: string): OutputLocation {
    return this.root().join(checkRelative("path", relativePath));
  }

  /**
   * The index page of the run: `index.html` at its root. In the flat layout it is the page of the
   * artifacts too.
   */
  runIndex(): OutputLocation {
    return this.root().join("index.html");
  }

  /**
   * The directory of the artifacts: the root in the flat layout, `artifacts/` in the typed layout.
   */
  artifactsDir(): OutputLocation {
    return this.layout === "typed" ? this.root().join("artifacts") : this.root();
  }

  /**
   * An artifact: `{name}_{component}_{target}.tar.zst` or `.tar.xz`.
   *
   * @param fileName The archive's file name.
   */
  artifact(fileName: string): OutputLocation {
    return this.artifactsDir().join(checkSegment("artifact file name", fileName));
  }

  /**
   * The checksum file of an artifact: `{fileName}.sha256sum` beside it.
   *
   * @param fileName The archive's file name, not that of the checksum file.
   */
  artifactSidecar(fileName: string): OutputLocation {
    checkSegment("artifact file name", fileName);
    return this.artifactsDir().join(`${fileName}.sha256sum`);
  }

  /**
   * The index page of the artifacts: `index.html`.
   *
   * @param artifactGroup The artifact group, for its page before April 2026:
   * `index-{artifactGroup}.html`.
   */
  artifactIndex(artifactGroup?: string): OutputLocation {
    if (artifactGroup === undefined) return this.artifactsDir().join("index.html");
    checkSegment("artifact group", artifactGroup);
    return this.artifactsDir().join(`index-${artifactGroup}.html`);
  }

  /** The directory of all logs: `logs/`. */
  logsDir(): OutputLocation {
    return this.root().join("logs");
  }

  /** The index page of all logs: `logs/index.html`. */
  logRootIndex(): OutputLocation {
    return this.logsDir().join("index.html");
  }

  /**
   * The log directory of one group or stage: `logs/{group}/`, or
   * {@linkcode OutputPaths.logStageDir}.
   *
   * @param group The group or stage.
   */
  logDir(group: LogGroup): OutputLocation {
    if (typeof group === "object" && group !== null) {
      return this.logStageDir(group.stage, group.amdgpuFamily);
    }
    return this.logsDir().join(checkSegment("artifact group", group));
  }

  /**
   * The log directory of a multi-arch stage: `logs/{stage}/`, or `logs/{stage}/{amdgpuFamily}/`.
   *
   * @param stage The stage, like `math-libs`.
   * @param amdgpuFamily The GPU family; missing or empty for a generic stage.
   */
  logStageDir(stage: string, amdgpuFamily?: string): OutputLocation {
    const dir = this.logsDir().join(checkSegment("stage", stage));
    if (amdgpuFamily === undefined || amdgpuFamily === "") return dir;
    return dir.join(checkSegment("amdgpu family", amdgpuFamily));
  }

  /**
   * A log.
   *
   * @param group The group or stage.
   * @param path The path relative to {@linkcode OutputPaths.logDir}.
   */
  logFile(group: LogGroup, path: string): OutputLocation {
    return this.logDir(group).join(checkRelative("log path", path));
  }

  /**
   * The index page of one group's or stage's logs: `index.html` in its directory.
   *
   * @param group The group or stage.
   */
  logIndex(group: LogGroup): OutputLocation {
    return this.logDir(group).join("index.html");
  }

  /**
   * The archive of ninja's logs: `ninja_logs.tar.gz`.
   *
   * @param group The group or stage.
   */
  ninjaLogs(group: LogGroup): OutputLocation {
    return this.logDir(group).join("ninja_logs.tar.gz");
  }

  /**
   * The archive of ccache's logs, which are only uploaded in this form: `ccache_logs.tar.zst`.
   *
   * @param group The group or stage.
   */
  ccacheLogs(group: LogGroup): OutputLocation {
    return this.logDir(group).join("ccache_logs.tar.zst");
  }

  /**
   * The report on build times: `build_observability.html`.
   *
   * @param group The group or stage.
   */
  buildObservability(group: LogGroup): OutputLocation {
    return this.logDir(group).join("build_observability.html");
  }

  /**
   * The earlier name of {@linkcode OutputPaths.buildObservability}: `build_time_analysis.html`.
   *
   * @param group The group or stage.
   */
  buildTimeAnalysis(group: LogGroup): OutputLocation {
    return this.logDir(group).join("build_time_analysis.html");
  }

  /**
   * The copy of {@linkcode OutputPaths.buildProfSummary} that links refer to:
   * `comp-summary.{format}` at the top of the logs.
   *
   * @param group The group or stage.
   * @param format The format.
   */
  compSummary(group: LogGroup, format: SummaryFormat): OutputLocation {
    return this.logDir(group).join(`comp-summary.${checkFormat(format)}`);
  }

  /**
   * The build profiler's summary at its original path: `therock-build-prof/comp-summary.{format}`.
   *
   * @param group The group or stage.
   * @param format The format.
   */
  buildProfSummary(group: LogGroup, format: SummaryFormat): OutputLocation {
    return this.logDir(group).join(`therock-build-prof/comp-summary.${checkFormat(format)}`);
  }

  /**
   * The directory of a test's report: `logs/{subfolder}/`.
   *
   * @param subfolder A path relative to the logs.
   */
  testReportDir(subfolder: string): OutputLocation {
    return this.logsDir().join(checkRelative("test report subfolder", subfolder));
  }

  /**
   * A file of a test's report, like its index page.
   *
   * @param subfolder A path relative to the logs.
   * @param fileName The file's name.
   */
  testReport(subfolder: string, fileName: string): OutputLocation {
    return this.testReportDir(subfolder).join(checkSegment("test report file name", fileName));
  }

  /** The directory of all manifests: `manifests/`. */
  manifestsDir(): OutputLocation {
    return this.root().join("manifests");
  }

  /** The manifest of a whole multi-arch run: `manifests/therock_manifest.json`. */
  manifestRoot(): OutputLocation {
    return this.manifestsDir().join("therock_manifest.json");
  }

  /** The index page of the manifests: `manifests/index.html`. */
  manifestsIndex(): OutputLocation {
    return this.manifestsDir().join("index.html");
  }

  /**
   * The directory of one group's manifest: `manifests/{artifactGroup}/`.
   *
   * @param artifactGroup The artifact group.
   */
  manifestDir(artifactGroup: string): OutputLocation {
    return this.manifestsDir().join(checkSegment("artifact group", artifactGroup));
  }

  /**
   * One group's manifest: `manifests/{artifactGroup}/therock_manifest.json`.
   *
   * @param artifactGroup The artifact group.
   */
  manifest(artifactGroup: string): OutputLocation {
    return this.manifestDir(artifactGroup).join("therock_manifest.json");
  }

  /**
   * A PyTorch build's manifest:
   * `manifests/{amdgpuFamily}/therock-manifest_torch_{platform}_{ref}.json`, of earlier jobs
   * `…/therock-manifest_torch_py{pythonVersion}_{ref}.json`.
   *
   * @param name What the name consists of; with a Python version, the earlier name.
   */
  pytorchManifest({ amdgpuFamily, pythonVersion, ref }: PytorchManifestName): OutputLocation {
    const family = checkSegment("amdgpu family", amdgpuFamily);
    const of = pythonVersion === undefined
      ? this.platform
      : `py${checkPythonVersion(pythonVersion)}`;
    if (of === undefined) throw invalid("platform", of, "that of a run");
    const name = checkSegment("ref", checkRelative("ref", ref).replaceAll("/", "-"));
    return this.manifestsDir().join(`${family}/therock-manifest_torch_${of}_${name}.json`);
  }

  /** The directory of the outputs manifests: `manifests/outputs/`. */
  outputsManifestDir(): OutputLocation {
    return this.manifestsDir().join("outputs");
  }

  /**
   * The outputs manifest of one uploading job: `manifests/outputs/{part}.json`.
   *
   * @param part The part's name. Two names are rejected: `therock_manifest`, which is the manifest
   * of an artifact group called `outputs`, and `expected`, see
   * {@linkcode OutputPaths.expectedParts}.
   */
  outputsManifest(part: string): OutputLocation {
    checkSegment("part", part);
    if (part === "therock_manifest" || part === "expected") {
      throw invalid("part", part, "a name that no other file of that directory has");
    }
    return this.outputsManifestDir().join(`${part}.json`);
  }

  /** The list of the parts that a complete run has: `manifests/outputs/expected.json`. */
  expectedParts(): OutputLocation {
    return this.outputsManifestDir().join("expected.json");
  }

  /**
   * The directory of Python packages: `python/{artifactGroup}/`, or `python/` in multi-arch runs.
   *
   * @param artifactGroup The artifact group; missing or empty for multi-arch runs.
   */
  pythonPackages(artifactGroup?: string): OutputLocation {
    const dir = this.root().join("python");
    if (artifactGroup === undefined || artifactGroup === "") return dir;
    return dir.join(checkSegment("artifact group", artifactGroup));
  }

  /**
   * The page for pip: `index.html` in the directory of the packages.
   *
   * @param artifactGroup As for {@linkcode OutputPaths.pythonPackages}.
   */
  pythonIndex(artifactGroup?: string): OutputLocation {
    return this.pythonPackages(artifactGroup).join("index.html");
  }

  /**
   * A page of pip's simple index (PEP 503): `simple/index.html` in the directory of the packages,
   * or `simple/{project}/index.html`.
   *
   * @param artifactGroup As for {@linkcode OutputPaths.pythonPackages}.
   * @param project The normalized name of a project. Default: the list of projects.
   */
  pythonSimpleIndex(artifactGroup?: string, project?: string): OutputLocation {
    const dir = this.pythonPackages(artifactGroup).join("simple");
    if (project === undefined) return dir.join("index.html");
    return dir.join(checkSegment("project", project)).join("index.html");
  }

  /**
   * The directory of an APT or DNF repository: `packages/{type}/`.
   *
   * @param type The package format.
   */
  nativeLinuxPackages(type: NativePackageType): OutputLocation {
    return this.root().join(`packages/${checkPackageType(type)}`);
  }

  /**
   * The index page of an APT or DNF repository: `packages/{type}/index.html`.
   *
   * @param type The package format.
   */
  nativeLinuxPackagesIndex(type: NativePackageType): OutputLocation {
    return this.nativeLinuxPackages(type).join("index.html");
  }

  /**
   * The directory of the packaging logs: `logs/packaging/{type}/`.
   *
   * @param type The package format.
   */
  nativeLinuxPackagesLogDir(type: NativePackageType): OutputLocation {
    return this.logsDir().join(`packaging/${checkPackageType(type)}`);
  }

  /**
   * The index page of the packaging logs: `logs/packaging/{type}/index.html`.
   *
   * @param type The package format.
   */
  nativeLinuxPackagesLogIndex(type: NativePackageType): OutputLocation {
    return this.nativeLinuxPackagesLogDir(type).join("index.html");
  }

  /** The directory of the tarballs: `tarballs/`. */
  tarballs(): OutputLocation {
    return this.root().join("tarballs");
  }

  /** The index page of the tarballs: `tarballs/index.html`. */
  tarballsIndex(): OutputLocation {
    return this.tarballs().join("index.html");
  }

  /**
   * A tarball: `tarballs/{fileName}`.
   *
   * @param fileName The file's name, like `therock-dist-linux-multiarch-7.13.0.tar.gz`.
   */
  tarball(fileName: string): OutputLocation {
    return this.tarballs().join(checkSegment("tarball file name", fileName));
  }

  /** The directory of the records that decide whether the run is kept: `manifests/retention/`. */
  retentionDir(): OutputLocation {
    return this.manifestsDir().join("retention");
  }

  /**
   * A pin, which prevents the deletion of the run: `manifests/retention/{name}.pin.json`.
   *
   * @param name The pin's name.
   */
  retentionPin(name: string): OutputLocation {
    return this.retentionDir().join(`${checkSegment("pin name", name)}.pin.json`);
  }

  /** The summary of the run, which can be derived from its other files: `retention-summary.json`. */
  retentionSummary(): OutputLocation {
    return this.root().join("retention-summary.json");
  }
}

function checkRelative(field: string, path: string): string {
  if (checkKey(field, path) === "") throw invalid(field, path, "at least one name");
  return path;
}
