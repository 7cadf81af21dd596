/**
 * The names of artifacts: `{name}_{component}_{target}`, with `.tar.zst` or `.tar.xz` as archives.
 *
 * @module
 */

import { invalid } from "../errors/error.ts";
import { checkSegment } from "./validate.ts";

/** The compression of an archive. */
export type Compression = "zst" | "xz";

/** The components of a package, in display order. */
export const COMPONENTS: readonly string[] = Object.freeze([
  "lib",
  "run",
  "dev",
  "dbg",
  "doc",
  "test",
]);

/** The parts of an artifact's name. */
export interface ArtifactNameParts {
  /** What was built, such as `amd-llvm`. */
  readonly name: string;
  /** The component, usually one of {@linkcode COMPONENTS}. */
  readonly component: string;
  /** The target: `generic`, a family (`gfx94X-dcgpu`) or a GPU (`gfx942`, `gfx942:xnack+`). */
  readonly target: string;
  /** The compression of the archive; missing for a directory. */
  readonly compression?: Compression;
}

/**
 * The name of an artifact. Immutable.
 *
 * @example
 * ```ts
 * import { ArtifactName } from "@therock/run-outputs/layout";
 *
 * const artifact = ArtifactName.parse("rccl_test_gfx942:xnack+.tar.zst");
 * console.assert(artifact.component === "test" && artifact.baseTarget === "gfx942");
 * console.assert(artifact.sidecarName === "rccl_test_gfx942:xnack+.tar.zst.sha256sum");
 * ```
 */
export class ArtifactName implements ArtifactNameParts {
  /** What was built, such as `amd-llvm`. */
  readonly name: string;
  /** The component, usually one of {@linkcode COMPONENTS}. */
  readonly component: string;
  /** The target: `generic`, a family (`gfx94X-dcgpu`) or a GPU (`gfx942`, `gfx942:xnack+`). */
  readonly target: string;
  /** The compression of the archive; missing for a directory. */
  readonly compression?: Compression;

  /**
   * Creates a name.
   *
   * @param parts Its parts.
   * @throws {RunOutputsError} `invalid`: an empty part; a `_`, a separator or a control character
   * in a part; an unknown compression; or a file name longer than 255 bytes.
   */
  constructor(parts: ArtifactNameParts) {
    this.name = checkPart("artifact name", parts.name);
    this.component = checkPart("artifact component", parts.component);
    this.target = checkPart("artifact target", parts.target);
    this.compression = checkCompression(parts.compression);
    checkSegment(
      "artifact file name",
      this.compression === undefined ? this.dirName : this.fileName,
    );
    Object.freeze(this);
  }

  /**
   * Parses an archive's file name. One line break at the end is dropped, as in the lines of a
   * listing.
   *
   * @param text The file name, without a directory.
   * @returns The name.
   * @throws {RunOutputsError} `invalid`, if it is not the name of an artifact's archive.
   */
  static parse(text: string): ArtifactName {
    const match = /^([^_]+)_([^_]+)_([^_]+)\.tar\.(zst|xz)\n?$/.exec(text);
    if (match === null) {
      throw invalid("artifact file name", text, "NAME_COMPONENT_TARGET.tar.zst or .tar.xz");
    }
    const [, name, component, target, compression] = match;
    return new ArtifactName({
      name,
      component,
      target,
      compression: compression as Compression,
    });
  }

  /**
   * Parses an archive's file name, if it is one.
   *
   * @param text A file name.
   * @returns The name; `undefined` where {@linkcode ArtifactName.parse} throws.
   */
  static tryParse(text: string): ArtifactName | undefined {
    return attempt(() => ArtifactName.parse(text));
  }

  /**
   * Parses the name of an artifact directory. Don't pass the name of an archive or a checksum file:
   * its extension would become part of the target.
   *
   * @param text The directory's name.
   * @returns The name, without a compression.
   * @throws {RunOutputsError} `invalid`, if it is not the name of an artifact's directory.
   */
  static parseDirName(text: string): ArtifactName {
    const match = /^([^_]+)_([^_]+)_([^_]+)$/.exec(text);
    if (match === null) throw invalid("artifact directory", text, "NAME_COMPONENT_TARGET");
    const [, name, component, target] = match;
    return new ArtifactName({ name, component, target });
  }

  /**
   * Parses the name of an artifact directory, if it is one.
   *
   * @param text A directory's name.
   * @returns The name; `undefined` where {@linkcode ArtifactName.parseDirName} throws.
   */
  static tryParseDirName(text: string): ArtifactName | undefined {
    return attempt(() => ArtifactName.parseDirName(text));
  }

  /** The directory's name: `{name}_{component}_{target}`. */
  get dirName(): string {
    return `${this.name}_${this.component}_${this.target}`;
  }

  /**
   * The archive's file name: `{dirName}.tar.{compression}`.
   *
   * @throws {RunOutputsError} `invalid`, if this is the name of a directory, without a compression.
   */
  get fileName(): string {
    if (this.compression === undefined) throw invalid("compression", undefined, "zst or xz");
    return `${this.dirName}.tar.${this.compression}`;
  }

  /** The name of the checksum file: `{fileName}.sha256sum`. */
  get sidecarName(): string {
    return `${this.fileName}.sha256sum`;
  }

  /** The target up to its first `:`, without features like `xnack+`. */
  get baseTarget(): string {
    return baseOf(this.target);
  }

  /**
   * Whether this artifact is for a target. Compares the part before the first `:` and ignores case.
   *
   * @param target A target, like `gfx942` or `gfx94X-dcgpu`; families are not expanded.
   * @returns Whether it matches.
   */
  matchesTarget(target: string): boolean {
    return this.baseTarget.toLowerCase() === baseOf(target).toLowerCase();
  }

  /**
   * The same artifact with another compression.
   *
   * @param compression The compression.
   * @returns Its name.
   */
  withCompression(compression: Compression): ArtifactName {
    return new ArtifactName({
      name: this.name,
      component: this.component,
      target: this.target,
      compression,
    });
  }

  /** The archive's file name, or the directory name if there is no compression. */
  toString(): string {
    return this.compression === undefined ? this.dirName : this.fileName;
  }
}

/**
 * Removes each `.tar.xz` archive that also exists as `.tar.zst`, with its checksum file.
 *
 * @param names File names. Names of other files are kept.
 * @returns The remaining names, in the same order.
 *
 * @example
 * ```ts
 * import { preferZst } from "@therock/run-outputs/layout";
 *
 * const names = preferZst(["a_lib_generic.tar.xz", "a_lib_generic.tar.zst", "b_lib_generic.tar.xz"]);
 * console.assert(names.join() === "a_lib_generic.tar.zst,b_lib_generic.tar.xz");
 * ```
 */
export function preferZst(names: Iterable<string>): string[] {
  const all = [...names];
  const present = new Set(all);
  return all.filter((name) => {
    const archive = ArtifactName.tryParse(name.replace(/\.sha256sum$/, ""));
    return archive?.compression !== "xz" || !present.has(`${archive.dirName}.tar.zst`);
  });
}

function attempt(parse: () => ArtifactName): ArtifactName | undefined {
  try {
    return parse();
  } catch {
    return undefined; // parsing does nothing else that could fail
  }
}

function baseOf(target: string): string {
  const colon = target.indexOf(":");
  return colon === -1 ? target : target.slice(0, colon);
}

function checkPart(field: string, value: string): string {
  if (checkSegment(field, value).includes("_")) throw invalid(field, value, "no '_' in it");
  return value;
}

function checkCompression(compression: string | undefined): Compression | undefined {
  if (compression === undefined || compression === "zst" || compression === "xz") {
    return compression;
  }
  throw invalid("compression", compression, "zst or xz");
}
