/**
 * Finds the location of an output by the name of its kind.
 *
 * @module
 */

import { invalid, quote, RunOutputsError } from "../errors/error.ts";
import { nearest } from "./nearest.ts";
import type { OutputLocation } from "./output_location.ts";
import type { OutputPaths } from "./output_paths.ts";
import { PATH_KINDS, type PathKind } from "./path_kinds.ts";

/**
 * Returns the location of an output.
 *
 * @param root The run.
 * @param name The name of one of {@linkcode PATH_KINDS}.
 * @param args The arguments it takes.
 * @returns The location.
 * @throws {RunOutputsError} `invalid`, naming the argument: no such kind (the message suggests
 * one), too few or too many arguments, or an invalid value.
 *
 * @example
 * ```ts
 * import { RunOutputRoot } from "@therock/run-outputs";
 * import { locateKind } from "@therock/run-outputs/layout";
 *
 * const root = RunOutputRoot.forLocal({ platform: "linux" });
 * console.assert(locateKind(root, "manifest", ["g"]).key === root.manifest("g").key);
 * ```
 */
export function locateKind(
  root: OutputPaths,
  name: string,
  args: readonly string[],
): OutputLocation {
  const kind = PATH_KINDS.find((kind) => kind.name === name);
  if (kind === undefined) throw unknownKind(name);
  if (args.length > kind.args.length) {
    throw new RunOutputsError(
      "invalid",
      `Too many arguments for ${usage(kind)}: ${quote(args[kind.args.length])} is not expected`,
    );
  }
  const missing = kind.args[args.length];
  if (missing?.required) {
    throw new RunOutputsError(
      "invalid",
      `Missing argument ${missing.name} of ${usage(kind)}: ${missing.summary}`,
    );
  }
  return kind.locate(root, args);
}

function unknownKind(name: string): RunOutputsError {
  const meant = nearest(name, PATH_KINDS.map((kind) => kind.name));
  return invalid(
    "kind",
    name,
    `the name of an output${meant === undefined ? "" : `; did you mean '${meant}'?`}`,
  );
}

/** The kind with its arguments, as in `log-dir GROUP [AMDGPU-FAMILY]`. */
function usage(kind: PathKind): string {
  const args = kind.args.map(({ name, required }) =>
    required ? name.toUpperCase() : `[${name.toUpperCase()}]`
  );
  return `'${[kind.name, ...args].join(" ")}'`;
}
