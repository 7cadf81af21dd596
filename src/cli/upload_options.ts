/**
 * The options of uploads that make archives or belong to an artifact group.
 *
 * @module
 */

import { Option } from "@commander-js/extra-typings";
import { nonEmpty, wholeNumber } from "./options.ts";

/** `--level` */
// deno-lint-ignore explicit-function-return-type explicit-module-boundary-types -- commander infers
export function level() {
  return new Option(
    "--level <number>",
    "zstd level of archives that are made, 1 to 19 (default: 3)",
  )
    .argParser(wholeNumber(1, 19));
}

/** `--work-dir` */
// deno-lint-ignore explicit-function-return-type explicit-module-boundary-types -- commander infers
export function workDir(standard: string) {
  return new Option(
    "--work-dir <dir>",
    `where archives wait until they are uploaded (default: ${standard})`,
  ).argParser(nonEmpty);
}

/** `--artifact-group` */
// deno-lint-ignore explicit-function-return-type explicit-module-boundary-types -- commander infers
export function artifactGroup() {
  return new Option("--artifact-group <name>", "the artifact group, such as gfx94X-dcgpu")
    .argParser(nonEmpty);
}
