/**
 * The options that select artifacts, for all commands that work on a part of a run.
 *
 * @module
 */

import { type Command, Option } from "commander";
import { diskError } from "../errors/disk.ts";
import { RunOutputsError } from "../errors/error.ts";
import type { GpuFamilies } from "../layout/gpu_families_data.ts";
import type { ArtifactSelection } from "../operations/artifacts/select.ts";
import { list, names } from "./options.ts";

/** The heading of these options. */
export const WHICH = "Options that select artifacts:";

/** The values of the options. */
export interface SelectionOptions {
  readonly exclude?: readonly string[];
  readonly artifactGroup?: readonly string[];
  readonly amdgpuTargets?: readonly string[];
  readonly expandFamilies?: boolean;
  readonly familiesFile?: string;
  readonly components?: readonly string[];
}

/**
 * Adds the options.
 *
 * @param command The command.
 * @param excluded What `--exclude` excludes, in the plural.
 * @returns The command.
 */
export function withSelectionOptions(command: Command, excluded: string): Command {
  return command
    .addOption(
      chosen("--exclude <globs>", `exclude matching ${excluded} (repeatable, or comma-separated)`),
    )
    .addOption(
      chosen(
        "--artifact-group <names>",
        "artifacts of these groups, such as gfx94X-dcgpu, and generic",
      ),
    )
    .addOption(
      chosen("--amdgpu-targets <names>", "artifacts for these GPUs or families, and generic"),
    )
    .addOption(
      new Option("--expand-families", "include artifacts for each GPU of a family").helpGroup(
        WHICH,
      ),
    )
    .addOption(
      new Option("--families-file <file>", "a CMake file that defines families and their GPUs")
        .helpGroup(WHICH),
    )
    .addOption(chosen("--components <names>", "components: lib, run, dev, dbg, doc, test"));
}

/** A selection option that takes a list. */
export function chosen(flags: string, text: string): Option {
  return new Option(flags, text).argParser(flags.includes("<globs>") ? list : names).helpGroup(
    WHICH,
  );
}

/**
 * Rejects options that can't be combined.
 *
 * @param options The values.
 * @throws {RunOutputsError} `invalid`, naming them.
 */
export function checkSelectionOptions({ familiesFile, expandFamilies }: SelectionOptions): void {
  if (familiesFile === undefined || expandFamilies) return;
  throw new RunOutputsError("invalid", "Cannot use --families-file without --expand-families");
}

/**
 * The selection that the options describe.
 *
 * @param options The values.
 * @param include The patterns that paths must match; empty for all.
 * @returns The selection, with the families file read.
 * @throws {RunOutputsError} If the families file can't be read or is invalid.
 */
export async function selectionOf(
  options: SelectionOptions,
  include: readonly string[],
): Promise<ArtifactSelection> {
  const { exclude, artifactGroup, amdgpuTargets, expandFamilies, components } = options;
  return {
    include,
    exclude,
    artifactGroups: artifactGroup,
    amdgpuTargets,
    expandFamilies,
    components,
    families: await readFamilies(options.familiesFile),
  };
}

/**
 * Reads the families of `--families-file`.
 *
 * @param file The file, if given.
 * @returns The families; `undefined` without a file.
 * @throws {RunOutputsError} If the file can't be read or is invalid.
 */
export async function readFamilies(file: string | undefined): Promise<GpuFamilies | undefined> {
  if (file === undefined) return undefined;
  const { parseGpuFamilies } = await import("../layout/gpu_families.ts");
  const text = await Deno.readTextFile(file).catch((error) => {
    throw diskError("read", file, error);
  });
  return parseGpuFamilies(text, file);
}
