/**
 * Checks the arguments of paths that are not just a name.
 *
 * @module
 */

import { invalid } from "../errors/error.ts";
import { checkSegment } from "./validate.ts";

/**
 * Checks a Python version, and drops a leading `py`.
 *
 * @param version The version.
 * @returns The version, such as `3.12`.
 * @throws {RunOutputsError} `invalid`, if it does not begin with a digit.
 */
export function checkPythonVersion(version: string): string {
  const bare = checkSegment("python version", version).replace(/^py/, "");
  if (/^\d/.test(bare)) return bare;
  throw invalid("python version", version, "one like 3.12");
}

/**
 * Checks the format of a build profiler's summary.
 *
 * @param format The format.
 * @returns The format.
 * @throws {RunOutputsError} `invalid`, if it is unknown.
 */
export function checkFormat(format: string): string {
  if (format === "html" || format === "md") return format;
  throw invalid("summary format", format, "html or md");
}

/**
 * Checks the type of native packages.
 *
 * @param type The type.
 * @returns The type.
 * @throws {RunOutputsError} `invalid`, if it is unknown.
 */
export function checkPackageType(type: string): string {
  if (type === "deb" || type === "rpm") return type;
  throw invalid("package type", type, "deb or rpm");
}
