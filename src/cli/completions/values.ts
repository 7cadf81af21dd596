/**
 * The values of options and arguments, for completions: choices, names of the layout, and the runs
 * of a staging directory.
 *
 * @module
 */

import type { Argument, Command, Option } from "commander";
import { COMPONENTS } from "../../layout/artifact_name.ts";
import { BUCKETS } from "../../layout/bucket_inventory.ts";
import { MAIN_REPOSITORY } from "../../layout/buckets.ts";
import { OUTPUT_KINDS } from "../../layout/classify.ts";
import { GPU_FAMILIES } from "../../layout/gpu_families_data.ts";
import { PATH_KINDS } from "../../layout/path_kinds.ts";
import type { Candidate, Completion } from "./candidate.ts";
import { runNames } from "./run_names.ts";

/** Where a value is needed. */
export interface Place {
  /** The command. */
  readonly command: Command;
  /** Its arguments so far. */
  readonly args: readonly string[];
  /** The options so far, by their long names. */
  readonly given: ReadonlyMap<string, string | undefined>;
  /** The environment. */
  env(name: string): string | undefined;
}

/** Finds values at a place. */
type Source = (place: Place) => Completion | Promise<Completion>;

const of = (values: Iterable<string>): readonly Candidate[] =>
  [...new Set(values)].map((value) => ({ value }));

const families: Source = () =>
  [...GPU_FAMILIES].map(([value, gpus]) => ({
    value,
    description: gpus.length === 1 && gpus[0] === value ? undefined : gpus.join(", "),
  }));
const platforms: Source = () => of(["linux", "windows"]);
const buckets: Source = () =>
  BUCKETS.map(({ name, type, releaseType, retired }) => ({
    value: name,
    description: `${type} of ${releaseType} runs${retired ? ", old" : ""}`,
  }));
const repositories: Source = () => of([MAIN_REPOSITORY]);
const releaseTypes: Source = () => of(BUCKETS.map(({ releaseType }) => releaseType));
const kinds: Source = () => of(OUTPUT_KINDS);
const runs: Source = async (place) => await runNames(directoryOf(place), "ids");
const source: Source = async ({ given, env }) =>
  await runNames(given.get("--from-staging") ?? env("THEROCK_LOCAL_STAGING_DIR"), "ids");
const runKeys: Source = async (place) => await runNames(directoryOf(place), "keys");

/** The options whose values the choices of their definition do not name. */
const BY_OPTION: Readonly<Record<string, Source>> = {
  "--after": runKeys,
  "--amdgpu-family": families,
  "--amdgpu-target": families,
  "--amdgpu-targets": families,
  "--artifact-group": families,
  "--bucket": buckets,
  "--bucket-b": buckets,
  "--components": () => of(COMPONENTS),
  "--group": families,
  "--has": kinds,
  "--kind": kinds,
  "--platform": platforms,
  "--region": () => of(BUCKETS.map(({ region }) => region)),
  "--release-type": releaseTypes,
  "--release-type-b": releaseTypes,
  "--repo": repositories,
  "--repo-b": repositories,
  "--run-id": runs,
  "--source-bucket": buckets,
  "--source-release-type": releaseTypes,
  "--source-repo": repositories,
  "--source-run-id": source,
  "--workflow": () => of(["multi_arch_ci.yml", "ci.yml"]),
};

/** Arguments by their names. */
const BY_ARGUMENT: Readonly<Record<string, Source>> = {
  kind: () => PATH_KINDS.map(({ name, summary }) => ({ value: name, description: summary })),
  args: pathArgument,
  run: runKeys,
  run_a: runs,
  run_b: runs,
  runs: runKeys,
};

/** Arguments of the kinds of `path`. */
const BY_PATH_ARGUMENT: Readonly<Record<string, Source>> = {
  "artifact-group": families,
  "amdgpu-family": families,
  group: families,
  type: () => of(["deb", "rpm"]),
  format: () => of(["html", "md"]),
};

/**
 * The values of an option.
 *
 * @param option The option.
 * @param place Where it is given.
 * @returns Its choices, or what is known by its name.
 */
export async function optionValues(option: Option, place: Place): Promise<Completion> {
  if (option.argChoices !== undefined) return of(option.argChoices);
  const known = Object.hasOwn(BY_OPTION, option.long!) ? BY_OPTION[option.long!] : undefined;
  return await known?.(place) ?? ofDisk(/<(\w+)>/.exec(option.flags)?.[1]);
}

/**
 * The values of an argument.
 *
 * @param argument The argument.
 * @param place Where it is given.
 * @returns Its choices, or what is known by its name.
 */
export async function argumentValues(argument: Argument, place: Place): Promise<Completion> {
  if (argument.argChoices !== undefined) return of(argument.argChoices);
  const name = argument.name();
  const known = Object.hasOwn(BY_ARGUMENT, name) ? BY_ARGUMENT[name] : undefined;
  return await known?.(place) ?? ofDisk(name);
}

/** What a name in the help means for a shell. */
function ofDisk(name: string | undefined): Completion {
  if (name === "dir") return "dirs";
  return ["file", "path", "paths", "command"].includes(name ?? "") ? "files" : [];
}

async function pathArgument(place: Place): Promise<Completion> {
  const [name, ...rest] = place.args;
  const argument = PATH_KINDS.find((kind) => kind.name === name)?.args[rest.length];
  const known = argument && Object.hasOwn(BY_PATH_ARGUMENT, argument.name)
    ? BY_PATH_ARGUMENT[argument.name]
    : undefined;
  return await known?.(place) ?? [];
}

/** The local directory with the runs of a command line. */
function directoryOf({ given, env }: Place): string | undefined {
  return given.get("--staging-dir") ?? given.get("--output-dir") ?? given.get("--to-staging") ??
    env("THEROCK_LOCAL_STAGING_DIR");
}
