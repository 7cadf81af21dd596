/**
 * The names of Python's distribution files: wheels and source distributions.
 *
 * @module
 */

/** What a distribution's file name tells. */
export interface Distribution {
  /** The file's name. */
  readonly fileName: string;
  /** The project's name in its normal form: lower case, runs of `-`, `_` and `.` as one `-`. */
  readonly project: string;
  /** The version as the file name has it. */
  readonly version: string;
}

/**
 * Reads the name of a distribution file.
 *
 * @param fileName The file's name.
 * @returns What it tells; `undefined` if it is not a wheel's or a source distribution's name.
 */
export function parseDistribution(fileName: string): Distribution | undefined {
  const wheel = /^([A-Za-z0-9][A-Za-z0-9._]*)-([^-]+)(?:-\d[^-]*)?-[^-]+-[^-]+-[^-]+\.whl$/
    .exec(fileName);
  // Names of source distributions can have a "-" in them: the version begins behind the last one.
  const [, name, version] = wheel ??
    /^([A-Za-z0-9][A-Za-z0-9._-]*)-(\d[^-]*)\.(?:tar\.gz|zip)$/.exec(fileName) ?? [];
  if (name === undefined) return undefined;
  return { fileName, project: normalizeProject(name), version };
}

/**
 * The normal form of a project's name (PEP 503), which is its path in an index.
 *
 * @param name The name.
 * @returns Its normal form.
 */
export function normalizeProject(name: string): string {
  return name.replace(/[-_.]+/g, "-").toLowerCase();
}
