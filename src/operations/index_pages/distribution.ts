/**
 * Parses the file names of Python distributions: wheels and source distributions.
 *
 * @module
 */

/** The parts of a distribution's file name. */
export interface Distribution {
  /** The file's name. */
  readonly fileName: string;
  /** The normalized name of the project: lower case, runs of `-`, `_` and `.` as one `-`. */
  readonly project: string;
  /** The version in the file name. */
  readonly version: string;
}

/**
 * Parses the file name of a distribution.
 *
 * @param fileName The file's name.
 * @returns Its parts; `undefined` if it is not the name of a wheel or a source distribution.
 */
export function parseDistribution(fileName: string): Distribution | undefined {
  const wheel = /^([A-Za-z0-9][A-Za-z0-9._]*)-([^-]+)(?:-\d[^-]*)?-[^-]+-[^-]+-[^-]+\.whl$/
    .exec(fileName);
  // Names of source distributions can contain a "-": the version is after the last one.
  const [, name, version] = wheel ??
    /^([A-Za-z0-9][A-Za-z0-9._-]*)-(\d[^-]*)\.(?:tar\.gz|zip)$/.exec(fileName) ?? [];
  if (name === undefined) return undefined;
  return { fileName, project: normalizeProject(name), version };
}

/**
 * The normalized name of a project (PEP 503), which is its path in an index.
 *
 * @param name The name.
 * @returns The normalized name.
 */
export function normalizeProject(name: string): string {
  return name.replace(/[-_.]+/g, "-").toLowerCase();
}
