/**
 * The options that select artifacts, for all commands that work on a part of a run.
 *
 * @module
 */

import { type Command, Option } from "commander";
import { RunOutputsError } from "../errors/error.ts";
import type { GpuFamilies } from "../layout/gpu_families_data.ts";
import { inputError } from "./local_inputs.ts";
import type { ArtifactSelection } from "../operations/artifacts/selection.ts";
import { globs, list, names, nonEmpty } from "./options.ts";
import type { Io } from "./terminal/io.ts";
import type { Output } from "./terminal/output.ts";

/** The heading of these options. */
export const WHICH = "Options that select artifacts:";

/** The values of the options for groups and targets. */
export interface GroupOptions {
  readonly artifactGroup?: readonly string[];
  readonly amdgpuTargets?: readonly string[];
  /** The same by another name. */
  readonly amdgpuTarget?: readonly string[];
  readonly expandFamilies?: boolean;
  readonly familiesFile?: string;
}

/** The values of the options. */
export interface SelectionOptions extends GroupOptions {
  /** As they were given: {@linkcode selectionOf} splits lists. */
  readonly exclude?: readonly string[];
  readonly requireEach?: boolean;
  readonly components?: readonly string[];
  readonly patternsFrom?: string;
  readonly regex?: boolean;
  readonly allowNoMatch?: boolean;
}

/**
 * Adds the options.
 *
 * @param command The command.
 * @param excluded What `--exclude` excludes, in the plural.
 * @returns The command.
 */
export function withSelectionOptions(command: Command, excluded: string): Command {
  command.addOption(patterns("--exclude <patterns>", `exclude matching ${excluded}`));
  command.addOption(
    new Option(
      "--patterns-from <file>",
      "more patterns, one per line, # for comments (-: standard input)",
    ).argParser(nonEmpty).helpGroup(WHICH),
  );
  command.addOption(flag("--regex", "all patterns are regular expressions, searched in the name"));
  command.addOption(
    flag("--allow-no-match", "allow patterns that match nothing, if others do"),
  );
  return withGroupOptions(command)
    .addOption(flag("--require-each", "require artifacts for each group and target"))
    .addOption(
      chosen("--components <names>", "components: lib, run, dev, dbg, doc, test, or others"),
    );
}

/**
 * Adds the options for groups and targets.
 *
 * @param command The command.
 * @param alwaysExpands Whether the command expands families anyway.
 * @returns The command.
 */
export function withGroupOptions(command: Command, alwaysExpands = false): Command {
  const targets = "artifacts for these GPUs or families, and generic";
  return command
    .addOption(
      chosen(
        "--artifact-group <names>",
        "artifacts of these groups, such as gfx94X-dcgpu, and generic",
      ),
    )
    .addOption(chosen("--amdgpu-targets <names>", targets))
    .addOption(chosen("--amdgpu-target <names>", targets).hideHelp())
    .addOption(
      flag("--expand-families", "include artifacts for each GPU of a family")
        .hideHelp(alwaysExpands),
    )
    .addOption(
      new Option("--families-file <file>", "a CMake file that defines families and their GPUs")
        .helpGroup(WHICH),
    );
}

function flag(name: string, text: string): Option {
  return new Option(name, text).helpGroup(WHICH);
}

/** A selection option that takes a list of names. */
export function chosen(flags: string, text: string): Option {
  return new Option(flags, text).argParser(names).helpGroup(WHICH);
}

/** An option that takes patterns, kept as they were given: an expression can have commas. */
export function patterns(flags: string, text: string): Option {
  const parse = (value: string, previous: readonly string[] = []) => [...previous, value];
  const more = "(repeatable; globs also comma-separated)";
  return new Option(flags, `${text} ${more}`).argParser(parse).helpGroup(WHICH);
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

/** What the selection needs from a command. */
export interface SelectionWorld {
  /** Standard input. */
  readonly io: Io;
  /** Receives notes about unknown families, if given. */
  readonly output?: Output;
}

/**
 * The selection that the options describe.
 *
 * @param options The values.
 * @param include The patterns to include as they were given; none for all.
 * @param world Standard input, and where notes go.
 * @returns The selection; files that the options name are read.
 * @throws {RunOutputsError} `invalid`, if a pattern, a target or a component is none; what the
 * disk says.
 */
export async function selectionOf(
  options: SelectionOptions,
  include: readonly string[],
  { io, output }: SelectionWorld,
): Promise<ArtifactSelection> {
  const { exclude = [], regex = false, expandFamilies, requireEach, allowNoMatch } = options;
  const included = await includePatterns(options, include, io);
  const selection: ArtifactSelection = {
    include: regex ? await searchPatterns("--regex pattern", included) : included,
    exclude: regex
      ? await searchPatterns("--exclude", exclude)
      : exclude.flatMap((item) => list(item)),
    artifactGroups: options.artifactGroup,
    amdgpuTargets: [...options.amdgpuTargets ?? [], ...options.amdgpuTarget ?? []],
    expandFamilies,
    requireEach,
    components: options.components,
    allowNoMatch,
    families: await readFamilies(options.familiesFile),
  };
  const { checkSelection } = await import("../operations/artifacts/select.ts");
  checkSelection(selection);
  if (output !== undefined) await noteUnknown(selection, output);
  return selection;
}

/**
 * The patterns to include.
 *
 * @param options The values of the options.
 * @param given The patterns on the command line, as they were given.
 * @param io Standard input.
 * @returns Those and the ones of `--patterns-from`, each by itself.
 * @throws {RunOutputsError} `invalid`, if all are in a file that has none; what the disk says.
 */
export async function includePatterns(
  { patternsFrom, regex = false }: Pick<SelectionOptions, "patternsFrom" | "regex">,
  given: readonly string[],
  io: Io,
): Promise<readonly string[]> {
  const named = regex ? given : globs(given);
  if (patternsFrom === undefined) return named;
  const text = patternsFrom === "-"
    ? await io.readStdin()
    : await Deno.readTextFile(patternsFrom).catch((error) => {
      throw inputError("read --patterns-from", patternsFrom, error);
    });
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/)
    .map((line) => line.replace(/(?:^|\s)#.*/, "").trim()).filter((line) => line !== "");
  if (named.length + lines.length > 0) return [...named, ...lines];
  // No pattern would mean everything.
  throw new RunOutputsError(
    "invalid",
    `Cannot use --patterns-from ${patternsFrom}: no pattern in it`,
  );
}

/**
 * Compiles regular expressions from the command line.
 *
 * @param field The option that they are from, for messages.
 * @param texts The expressions.
 * @returns Patterns that can't hang.
 * @throws {RunOutputsError} `invalid`, if one is none.
 */
export async function searchPatterns(field: string, texts: readonly string[]) {
  if (texts.length === 0) return [];
  const { linearPattern } = await import("../operations/artifacts/linear_pattern.ts");
  return texts.map((text) => linearPattern(text, field));
}

/** Notes families that can't be expanded. */
async function noteUnknown(selection: ArtifactSelection, output: Output): Promise<void> {
  const { unknownFamilies } = await import("../operations/artifacts/requests.ts");
  const unknown = unknownFamilies(selection);
  if (unknown.length === 0) return;
  const text = `GPU family ${unknown.join(", ")} is not known, so its GPUs are not either: ` +
    "--families-file can name a newer list";
  if (selection.expandFamilies) output.note(text);
  else output.explain(text);
}

/**
 * Reads the families of `--families-file`.
 *
 * @param file The file, if given.
 * @returns The families; `undefined` without a file.
 * @throws {RunOutputsError} If the file can't be read or is invalid.
 */
async function readFamilies(file: string | undefined): Promise<GpuFamilies | undefined> {
  if (file === undefined) return undefined;
  const { parseGpuFamilies } = await import("../layout/gpu_families.ts");
  const text = await Deno.readTextFile(file).catch((error) => {
    throw inputError("read --families-file", file, error);
  });
  return parseGpuFamilies(text, file);
}
