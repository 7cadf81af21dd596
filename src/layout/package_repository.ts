/**
 * Where the files of the package repositories are that uploads make: an APT one below
 * `packages/deb/`, a DNF one in `packages/rpm/x86_64/`.
 *
 * @module
 */

import type { OutputLocation } from "./output_location.ts";
import type { OutputPaths } from "./output_paths.ts";
import { checkSegment } from "./validate.ts";

/** The suite and the component of the APT repository. */
export const APT_SUITE = "stable";
/** The component of the APT repository. */
export const APT_COMPONENT = "main";
/** The architecture of both repositories, as APT and DNF call it. */
export const REPOSITORY_ARCHITECTURE = { deb: "amd64", rpm: "x86_64" } as const;

/** The APT repository of a run. */
export class AptRepository {
  /** What `apt` takes as the repository's URL: `packages/deb/`. */
  readonly dir: OutputLocation;
  /** The directory of the suite: `packages/deb/dists/stable/`. */
  readonly suite: OutputLocation;
  /** The directory of the indexes: `dists/stable/main/binary-amd64/`. */
  readonly indexes: OutputLocation;

  /**
   * Names the repository.
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

  /** What lists the indexes with their hashes: `dists/stable/Release`. */
  release(): OutputLocation {
    return this.suite.join("Release");
  }

  /**
   * An index by its own name.
   *
   * @param name The name: `Packages`, `Packages.gz`.
   */
  index(name: "Packages" | "Packages.gz"): OutputLocation {
    return this.indexes.join(name);
  }

  /**
   * An index by its hash: `by-hash/SHA256/{sha256}`.
   *
   * @param sha256 The hash, 64 hex digits.
   */
  byHash(sha256: string): OutputLocation {
    return this.indexes.join("by-hash/SHA256").join(checkSegment("SHA-256", sha256));
  }
}

/** The DNF repository of a run. */
export class DnfRepository {
  /** What `dnf` takes as the repository's URL: `packages/rpm/x86_64/`. */
  readonly dir: OutputLocation;

  /**
   * Names the repository.
   *
   * @param root The run.
   */
  constructor(root: OutputPaths) {
    this.dir = root.nativeLinuxPackages("rpm").join(REPOSITORY_ARCHITECTURE.rpm);
  }

  /**
   * A package, directly in the repository.
   *
   * @param fileName The file's name.
   */
  package(fileName: string): OutputLocation {
    return this.dir.join(checkSegment("package", fileName));
  }

  /** What lists the metadata with its hashes: `repodata/repomd.xml`. */
  repomd(): OutputLocation {
    return this.metadata("repomd.xml");
  }

  /**
   * A file of the metadata: `repodata/{name}`.
   *
   * @param name The file's name.
   */
  metadata(name: string): OutputLocation {
    return this.dir.join("repodata").join(checkSegment("metadata", name));
  }
}
