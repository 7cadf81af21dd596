/**
 * Determines the kind of a run's file from its path: the inverse of the layout.
 *
 * The path alone is ambiguous: any `index.html` counts as an index page, even one of a test report;
 * any other HTML page among the logs counts as a report.
 *
 * @module
 */

import { ArtifactName } from "./artifact_name.ts";
import { invalid } from "../errors/error.ts";
import { checkKey } from "./validate.ts";

/**
 * The kind of a run's file.
 *
 * | kind | is |
 * |---|---|
 * | `artifact` | an archive `{name}_{component}_{target}.tar.{zst,xz}` |
 * | `checksum` | a `.sha256sum` beside its file |
 * | `index` | a page that lists others, pip's too |
 * | `log` | anything among the logs that is none of the others |
 * | `report` | an HTML page among the logs, a build profiler's summary |
 * | `manifest` | what was built from what: `manifests/` |
 * | `outputs-manifest` | what an upload wrote: `manifests/outputs/{part}.json`, `.incomplete` |
 * | `python` | a file of the Python packages |
 * | `package` | a file of an APT or DNF repository |
 * | `tarball` | a distribution of everything in one file |
 * | `retention` | `retention-summary.json`, and the pins in `manifests/retention/` |
 * | `other` | a file that the layout does not know |
 */
export type OutputKind =
  | "artifact"
  | "checksum"
  | "index"
  | "log"
  | "report"
  | "manifest"
  | "outputs-manifest"
  | "python"
  | "package"
  | "tarball"
  | "retention"
  | "other";

/** All kinds, in display order. */
export const OUTPUT_KINDS: readonly OutputKind[] = Object.freeze(
  [
    "artifact",
    "checksum",
    "index",
    "log",
    "report",
    "manifest",
    "outputs-manifest",
    "python",
    "package",
    "tarball",
    "retention",
    "other",
  ] as const,
);

/** The kind of all files below a directory, unless another rule applies. */
const DIRECTORIES: ReadonlyMap<string, OutputKind> = new Map([
  ["logs", "log"],
  ["manifests", "manifest"],
  ["python", "python"],
  ["packages", "package"],
  ["tarballs", "tarball"],
]);

/**
 * Determines the kind of a run's file.
 *
 * @param relativePath The file's path relative to the run's prefix, in either layout.
 * @returns Its kind.
 * @throws {RunOutputsError} `invalid`, if it is not a relative path.
 *
 * @example
 * ```ts
 * import { classify } from "@therock/run-outputs/layout";
 *
 * console.assert(classify("blas_lib_gfx94X.tar.xz") === "artifact");
 * console.assert(classify("logs/gfx94X-dcgpu/build.log") === "log");
 * ```
 */
export function classify(relativePath: string): OutputKind {
  if (checkKey("path", relativePath) === "") {
    throw invalid("path", relativePath, "a path relative to the run");
  }
  const names = relativePath.split("/");
  const name = names[names.length - 1];
  if (names.length === 1) {
    return name === "retention-summary.json" ? "retention" : artifactKind(name);
  }
  if (names[0] === "artifacts") return names.length === 2 ? artifactKind(name) : "other";

  const kind = DIRECTORIES.get(names[0]);
  if (kind === undefined) return "other";
  if (name.endsWith(".sha256sum")) return "checksum";
  if (name === "index.html") return "index";
  if (kind === "log" && isReport(names, name)) return "report";
  if (kind === "manifest" && isOutputsManifest(names, name)) return "outputs-manifest";
  if (kind === "manifest" && isRetention(names, name)) return "retention";
  return kind;
}

function artifactKind(name: string): OutputKind {
  if (name.endsWith(".sha256sum")) return "checksum";
  if (/^index(?:-.+)?\.html$/.test(name)) return "index";
  return ArtifactName.tryParse(name) === undefined ? "other" : "artifact";
}

function isReport(names: readonly string[], name: string): boolean {
  return name.endsWith(".html") || name === "comp-summary.md" ||
    names[names.length - 2] === "therock-build-prof";
}

function isRetention(names: readonly string[], name: string): boolean {
  // An artifact group can be called "retention" too.
  return names.length === 3 && names[1] === "retention" && name !== "therock_manifest.json";
}

function isOutputsManifest(names: readonly string[], name: string): boolean {
  // An artifact group can be called "outputs"; its manifest has a different name.
  return names.length === 3 && names[1] === "outputs" && /\.(?:json|incomplete)$/.test(name) &&
    name !== "therock_manifest.json";
}
