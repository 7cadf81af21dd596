/**
 * The paths of the package repositories that uploads create: APT below `packages/deb/`, DNF in
 * `packages/rpm/x86_64/`.
 *
 * @module
 */

import type { OutputLocation } from "./output_location.ts";
import type { OutputPaths } from "./output_paths.ts";
import { checkSegment } from "./validate.ts";

/** The suite of the APT repository. */
export const APT_SUITE = "stable";
/** The component of the APT repository. */
export const APT_COMPONENT = "main";
/** The architecture of both repositories, under APT's and DNF's names. */
export const REPOSITORY_ARCHITECTURE = { deb: "amd64", rpm: "x86_64" } as const;

/** The APT repository of a run. */
export class AptRepository {
  /** The repository's URL for `apt`: `packages/deb/`. */
  readonly dir: OutputLocation;
  /** The directory of the suite: `packages/deb/dists/stable/`. */
  readonly suite: OutputLocation;
  /** The directory of the indexes: `dists/stable/main/binary-amd64/`. */
  readonly indexes: OutputLocation;

  /**
   * Creates the repository.
   *
   * @param root The run.
   */
  constructor(root: OutputPaths) {
    this.dir = root.nativeLinuxPackages("deb");
    this.suite = this.dir.join(`dists/${APT_SUITE}`);
    this.indexes = this.suite.join(`${APT_COMPONENT}/binary-${REPOSITORY_ARCHITECTURE.deb}`);
  }

  /**
   * A package: `pool/main/{fileName}`.
   *
   * @param fileName The file's name.
   */
  package(fileName: string): OutputLocation {
    return this.dir.join(`pool/${APT_COMPONENT}`).join(checkSegment("package", fileName));
  }

  /** The list of the indexes with their hashes: `dists/stable/Release`. */
  release(): OutputLocation {
    return this.suite.join("Release");
  }

  /**
   * An index by name.
   *
   * @param name The name: `Packages`, `Packages.gz`.
   */
  index(name: "Packages" | "Packages.gz"): OutputLocation {
    return this.indexes.join(name);
  }

  /**
   * An index by hash: `by-hash/SHA256/{sha256}`.
   *
   * @param sha256 The hash, 64 hex digits.
   */
  byHash(sha256: string): OutputLocation {
    return this.indexes.join("by-hash/SHA256").join(checkSegment("SHA-256", sha256));
  }
}

/** The DNF repository of a run. */
export class DnfRepository {
  /** The repository's URL for `dnf`: `packages/rpm/x86_64/`. */
  readonly dir: OutputLocation;

  /**
   * Creates the repository.
   *
   * @param root The run.
   */
  constructor(root: OutputPaths) {
    this.dir = root.nativeLinuxPackages("rpm").join(REPOSITORY_ARCHITECTURE.rpm);
  }

  /**
   * A package, at the top of the repository.
   *
   * @param fileName The file's name.
   */
  package(fileName: string): OutputLocation {
    return this.dir.join(checkSegment("package", fileName));
  }

  /** The list of the metadata with its hashes: `repodata/repomd.xml`. */
  repomd(): OutputLocation {
    return this.metadata("repomd.xml");
  }

  /**
   * A metadata file: `repodata/{name}`.
   *
   * @param name The file's name.
   */
  metadata(name: string): OutputLocation {
    return this.dir.join("repodata").join(checkSegment("metadata", name));
  }
}
