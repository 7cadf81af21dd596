/**
 * The options of uploads that make archives or belong to an artifact group.
 *
 * @module
 */

import { Option } from "commander";
import { nonEmpty, wholeNumber } from "./options.ts";

/** `--level` */
export function level(): Option {
  return new Option(
    "--level <number>",
    "zstd level of archives that are made, 1 to 19 (default: 3)",
  )
    .argParser(wholeNumber(1, 19));
}

/** `--work-dir` */
export function workDir(standard: string): Option {
  return new Option(
    "--work-dir <dir>",
    `where archives wait until they are uploaded (default: ${standard})`,
  ).argParser(nonEmpty);
}

/** `--build-dir` */
export function buildDir(): Option {
  return new Option("--build-dir <dir>", "the build directory")
    .argParser(nonEmpty).default("build");
}

/** `--job-status` */
export function jobStatus(): Option {
  return new Option(
    "--job-status <status>",
    "how the job ended; after failure or cancelled, missing parts are no error",
  ).choices(["success", "failure", "cancelled"]).default("success");
}

/** The flags of the option, for messages. */
export const ARTIFACT_GROUP = "--artifact-group <name>";

/** `--artifact-group` */
export function artifactGroup(more = ""): Option {
  return new Option(ARTIFACT_GROUP, `the artifact group, such as gfx94X-dcgpu${more}`)
    .argParser(nonEmpty);
}
