/**
 * The options that choose artifacts: for all commands that take some of a run.
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
export const WHICH = "Options that choose artifacts:";

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
 * @param excluded What `--exclude` leaves out, in the plural.
 * @returns The command.
 */
export function withSelectionOptions(command: Command, excluded: string): Command {
  return command
    .addOption(
      chosen("--exclude <globs>", `not ${excluded} that match (repeat, or use commas)`),
    )
    .addOption(
      chosen("--artifact-group <names>", "of these groups, such as gfx94X-dcgpu, and generic ones"),
    )
    .addOption(
      chosen("--amdgpu-targets <names>", "for these GPUs or families, and generic ones"),
    )
    .addOption(
      new Option("--expand-families", "take those of a family's GPUs too").helpGroup(WHICH),
    )
    .addOption(
      new Option("--families-file <file>", "a CMake file that lists families and their GPUs")
        .helpGroup(WHICH),
    )
    .addOption(chosen("--components <names>", "these components: lib, run, dev, dbg, doc, test"));
}

/** An option that takes a list. */
export function chosen(flags: string, text: string): Option {
  return new Option(flags, text).argParser(flags.includes("<globs>") ? list : names).helpGroup(
    WHICH,
  );
}

/**
 * Refuses options that mean nothing together.
 *
 * @param options The values.
 * @throws {RunOutputsError} `invalid`, naming them.
 */
export function checkSelectionOptions({ familiesFile, expandFamilies }: SelectionOptions): void {
  if (familiesFile === undefined || expandFamilies) return;
  throw new RunOutputsError("invalid", "Cannot use --families-file without --expand-families");
}

/**
 * What the options choose.
 *
 * @param options The values.
 * @param include The patterns that paths have to match; none for all.
 * @returns The selection; a families file is read.
 * @throws {RunOutputsError} What the disk or the file says.
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
 * @param file The file, if one was given.
 * @returns The families; nothing, if there is no file.
 * @throws {RunOutputsError} If it can't be read, or is none.
 */
export async function readFamilies(file: string | undefined): Promise<GpuFamilies | undefined> {
  if (file === undefined) return undefined;
  const { parseGpuFamilies } = await import("../layout/gpu_families.ts");
  const text = await Deno.readTextFile(file).catch((error) => {
    throw diskError("read", file, error);
  });
  return parseGpuFamilies(text, file);
}
