/**
 * The layout: which output stands where below a run's prefix. Every path of a run is made here,
 * and nowhere else.
 *
 * @module
 */

import { invalid } from "../errors/error.ts";
import type { OutputLocation } from "./output_location.ts";
import { checkKey, checkSegment } from "./validate.ts";

/**
 * Which layout a run uses: `flat` has the artifacts at the root, `typed` below `artifacts/`.
 * All else is the same.
 */
export type Layout = "flat" | "typed";

/** The system a run builds for. */
export type Platform = "linux" | "windows";

/** The package formats of native Linux packages. */
export type NativePackageType = "deb" | "rpm";

/** The formats of a build profiler's summary. */
export type SummaryFormat = "html" | "md";

/** A stage of a multi-arch build, as the owner of a directory of logs. */
export interface StageLogs {
  /** The stage, like `math-libs`. */
  readonly stage: string;
  /** The GPU family the stage was built for; none or empty for a generic stage. */
  readonly amdgpuFamily?: string;
}

/** Whose logs: an artifact group's (single-stage builds), or a stage's (multi-arch builds). */
export type LogGroup = string | StageLogs;

/** What names a PyTorch manifest. */
export interface PytorchManifestName {
  /** The GPU family, like `gfx94X-dcgpu`. */
  readonly amdgpuFamily: string;
  /** The git ref that was built, like `release/2.9`; each `/` becomes `-`. */
  readonly ref: string;
  /**
   * The Python version, like `3.12`, for the name that earlier jobs used; a leading `py` is dropped.
   */
  readonly pythonVersion?: string;
}

/**
 * A method for every output of a run; {@linkcode RunOutputRoot} says of which run.
 *
 * Each returns a location inside the run's prefix, whether or not there is anything, and throws a
 * {@linkcode RunOutputsError} `invalid` that names the argument and its value where that is not a
 * name, or not a relative path where one is asked for.
 */
export abstract class OutputPaths {
  /** Which layout the run uses. */
  abstract readonly layout: Layout;

  /** The system the run builds for; nothing if it is not known. */
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
   * The page that says what the run has: `index.html` at its root. In the flat layout this is the
   * page of the artifacts as well.
   */
  runIndex(): OutputLocation {
    return this.root().join("index.html");
  }

  /** The directory of the artifacts: the root in the flat layout, `artifacts/` in the typed. */
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
   * The checksum of an artifact: `{fileName}.sha256sum` beside it.
   *
   * @param fileName The archive's file name, not the checksum's.
   */
  artifactSidecar(fileName: string): OutputLocation {
    checkSegment("artifact file name", fileName);
    return this.artifactsDir().join(`${fileName}.sha256sum`);
  }

  /**
   * The page that lists the artifacts: `index.html`.
   *
   * @param artifactGroup The artifact group, for its page of before April 2026:
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

  /** The page that lists the logs of all groups or stages: `logs/index.html`. */
  logRootIndex(): OutputLocation {
    return this.logsDir().join("index.html");
  }

  /**
   * The directory of one group's or stage's logs: `logs/{group}/` or as
   * {@linkcode OutputPaths.logStageDir} tells.
   *
   * @param group Whose logs.
   */
  logDir(group: LogGroup): OutputLocation {
    if (typeof group === "object" && group !== null) {
      return this.logStageDir(group.stage, group.amdgpuFamily);
    }
    return this.logsDir().join(checkSegment("artifact group", group));
  }

  /**
   * The directory of a multi-arch stage's logs: `logs/{stage}/`, or `logs/{stage}/{amdgpuFamily}/`.
   *
   * @param stage The stage, like `math-libs`.
   * @param amdgpuFamily The GPU family; none or empty for a generic stage.
   */
  logStageDir(stage: string, amdgpuFamily?: string): OutputLocation {
    const dir = this.logsDir().join(checkSegment("stage", stage));
    if (amdgpuFamily === undefined || amdgpuFamily === "") return dir;
    return dir.join(checkSegment("amdgpu family", amdgpuFamily));
  }

  /**
   * A log.
   *
   * @param group Whose log.
   * @param path The path relative to {@linkcode OutputPaths.logDir}.
   */
  logFile(group: LogGroup, path: string): OutputLocation {
    return this.logDir(group).join(checkRelative("log path", path));
  }

  /**
   * The page that lists one group's or stage's logs: `index.html` in its directory.
   *
   * @param group Whose logs.
   */
  logIndex(group: LogGroup): OutputLocation {
    return this.logDir(group).join("index.html");
  }

  /**
   * The archive of ninja's logs: `ninja_logs.tar.gz`.
   *
   * @param group Whose logs.
   */
  ninjaLogs(group: LogGroup): OutputLocation {
    return this.logDir(group).join("ninja_logs.tar.gz");
  }

  /**
   * The archive of ccache's logs, the only form they are uploaded in: `ccache_logs.tar.zst`.
   *
   * @param group Whose logs.
   */
  ccacheLogs(group: LogGroup): OutputLocation {
    return this.logDir(group).join("ccache_logs.tar.zst");
  }

  /**
   * The report on where a build's time went: `build_observability.html`.
   *
   * @param group Whose build.
   */
  buildObservability(group: LogGroup): OutputLocation {
    return this.logDir(group).join("build_observability.html");
  }

  /**
   * The earlier name of {@linkcode OutputPaths.buildObservability}: `build_time_analysis.html`.
   *
   * @param group Whose build.
   */
  buildTimeAnalysis(group: LogGroup): OutputLocation {
    return this.logDir(group).join("build_time_analysis.html");
  }

  /**
   * The copy of {@linkcode OutputPaths.buildProfSummary} that links point to:
   * `comp-summary.{format}` directly among the logs.
   *
   * @param group Whose build.
   * @param format The format.
   */
  compSummary(group: LogGroup, format: SummaryFormat): OutputLocation {
    return this.logDir(group).join(`comp-summary.${checkFormat(format)}`);
  }

  /**
   * The build profiler's summary where it writes it: `therock-build-prof/comp-summary.{format}`.
   *
   * @param group Whose build.
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

  /** The page that lists the manifests: `manifests/index.html`. */
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
   * A PyTorch build's manifest: `manifests/{amdgpuFamily}/therock-manifest_torch_{platform}_{ref}.json`,
   * of earlier jobs `…/therock-manifest_torch_py{pythonVersion}_{ref}.json`.
   *
   * @param name What names it; with a Python version, the earlier name.
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
   * @param part The part's name. `therock_manifest` is refused: that is the path of the manifest
   * of an artifact group called `outputs`; so is `expected`, see
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
   * @param artifactGroup The artifact group; none or empty for multi-arch runs.
   */
  pythonPackages(artifactGroup?: string): OutputLocation {
    const dir = this.root().join("python");
    if (artifactGroup === undefined || artifactGroup === "") return dir;
    return dir.join(checkSegment("artifact group", artifactGroup));
  }

  /**
   * The page that pip reads: `index.html` among the packages.
   *
   * @param artifactGroup As for {@linkcode OutputPaths.pythonPackages}.
   */
  pythonIndex(artifactGroup?: string): OutputLocation {
    return this.pythonPackages(artifactGroup).join("index.html");
  }

  /**
   * A page of pip's simple index (PEP 503): `simple/index.html` among the packages, or
   * `simple/{project}/index.html`.
   *
   * @param artifactGroup As for {@linkcode OutputPaths.pythonPackages}.
   * @param project A project's name in its normal form; the list of projects if not given.
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
   * The page that lists the files of an APT or DNF repository: `packages/{type}/index.html`.
   *
   * @param type The package format.
   */
  nativeLinuxPackagesIndex(type: NativePackageType): OutputLocation {
    return this.nativeLinuxPackages(type).join("index.html");
  }

  /**
   * The directory of the packaging's logs: `logs/packaging/{type}/`.
   *
   * @param type The package format.
   */
  nativeLinuxPackagesLogDir(type: NativePackageType): OutputLocation {
    return this.logsDir().join(`packaging/${checkPackageType(type)}`);
  }

  /**
   * The page that lists the packaging's logs: `logs/packaging/{type}/index.html`.
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

  /** The page that lists the tarballs: `tarballs/index.html`. */
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

  /** The record of why and how long a run is kept: `retention-summary.json`. */
  retentionSummary(): OutputLocation {
    return this.root().join("retention-summary.json");
  }
}

function checkRelative(field: string, path: string): string {
  if (checkKey(field, path) === "") throw invalid(field, path, "at least one name");
  return path;
}

/** Without its leading `py`. */
function checkPythonVersion(version: string): string {
  const bare = checkSegment("python version", version).replace(/^py/, "");
  if (/^\d/.test(bare)) return bare;
  throw invalid("python version", version, "one like 3.12");
}

function checkFormat(format: string): string {
  if (format === "html" || format === "md") return format;
  throw invalid("summary format", format, "html or md");
}

function checkPackageType(type: string): string {
  if (type === "deb" || type === "rpm") return type;
  throw invalid("package type", type, "deb or rpm");
}
