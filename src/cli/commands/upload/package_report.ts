/**
 * Reports the repository of an upload of packages: its location, and how `apt` and `dnf` install from
 * it.
 *
 * @module
 */

import type { OutputLocation } from "../../../layout/output_location.ts";
import type { NativePackageType } from "../../../layout/output_paths.ts";
import type { RunOutputRoot } from "../../../layout/run_output_root.ts";

/** A package repository. */
export interface FoundRepository {
  /** The format of its packages. */
  readonly type: NativePackageType;
  /** Its directory, as `apt` or `dnf` takes it. */
  readonly location: OutputLocation;
  /** Of an APT repository: its suite and its component. */
  readonly suite: string;
}

/** A package repository that has a URL. */
export interface PublishedRepository extends FoundRepository {
  /** Its URL, without a slash at its end. */
  readonly url: string;
}

/**
 * The repository that an upload has written to.
 *
 * @param root The run.
 * @param type The format of its packages.
 * @param paths The uploaded files, relative to the run.
 * @returns The repository; nothing, if its metadata is not among the files.
 */
export function packageRepository(
  root: RunOutputRoot,
  type: NativePackageType,
  paths: readonly string[],
): FoundRepository | undefined {
  const pattern = type === "deb"
    ? /^packages\/deb\/dists\/(.+)\/(?:In)?Release$/
    : /^packages\/rpm\/(?:(.+)\/)?repodata\/repomd\.xml$/;
  const match = paths.map((path) => pattern.exec(path)).find((match) => match !== null);
  if (!match) return undefined;
  const dir = root.nativeLinuxPackages(type);
  if (type === "rpm") {
    return { type, location: match[1] === undefined ? dir : dir.join(match[1]), suite: "" };
  }
  const inSuite = `packages/deb/dists/${match[1]}/`;
  const components = paths.filter((path) => path.startsWith(inSuite))
    .map((path) => /^([^/]+)\/binary-/.exec(path.slice(inSuite.length))?.[1])
    .filter((component) => component !== undefined);
  const suite = [match[1], ...new Set(components)].join(" ");
  return { type, location: dir, suite };
}

/**
 * How to install from a repository.
 *
 * @param repository The repository.
 * @returns Lines for a shell.
 */
export function installCommands({ type, url, suite }: PublishedRepository): string[] {
  return type === "deb"
    ? [
      `echo 'deb [trusted=yes] ${url} ${suite}' | sudo tee /etc/apt/sources.list.d/rocm.list`,
      "sudo apt-get update && sudo apt-get install PACKAGE",
    ]
    : [`sudo dnf install --nogpgcheck --repofrompath=rocm,${url} PACKAGE`];
}
