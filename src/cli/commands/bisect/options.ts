/**
 * The options of `run-outputs bisect start`, and their storage for the later commands, as a command
 * line with the same meaning in any directory and at any time.
 *
 * @module
 */

import { Command, CommanderError, Option } from "commander";
import { resolve } from "node:path";
import { RunOutputsError } from "../../../errors/error.ts";
import { resolveRepository } from "../../../layout/workflow_run.ts";
import { checkCacheOptions, isCacheOff } from "../fetch/open_cache.ts";
import { type FetchCommandOptions, withFetchOptions } from "../fetch/options.ts";
import { type FindCommandOptions, withFindOptions } from "../../find_options.ts";
import { cacheDirOf } from "../../cache_dir.ts";
import type { Io } from "../../terminal/io.ts";
import { withOutputOptions, withReadOptions } from "../../options.ts";
import type { OutputOptions } from "../../terminal/output.ts";
import { namedRepository, platformOf } from "../../run_root.ts";
import { stagingDirOf } from "../../storage.ts";

/** The values of the options for fetching the artifacts of each commit. */
export interface BisectFetchOptions
  extends Omit<FetchCommandOptions, "manifest">, FindCommandOptions {
  /** The globs of archives. */
  readonly include?: readonly string[];
}

/** The value of the option that all commands of a bisect take. */
export interface BisectOptions extends OutputOptions {
  readonly stateDir: string;
}

/** The default of `--state-dir`. */
export const STATE_DIR = ".run-outputs-bisect";

/** The directory in it for the commits, by default. */
export const COMMITS = "commits";

/** The options that `bisect start` shares with other commands. */
const TAKEN: ReadonlySet<string> = new Set([
  "--exclude",
  "--artifact-group",
  "--amdgpu-targets",
  "--amdgpu-target",
  "--expand-families",
  "--families-file",
  "--components",
  "--patterns-from",
  "--regex",
  "--allow-no-match",
  "--workflow",
  "--require-artifact",
  "--require-single-run",
  "--require-successful-run",
  "--flatten",
  "--bootstrap",
  "--require-checksums",
  "--max-members",
  "--max-unpacked-size",
  "--max-ratio",
  "--max-memory",
  "--cache-dir",
  "--cache-size",
  "--no-cache",
  "--concurrency",
  "--platform",
  "--repo",
  "--run-github-repo",
  "--release-type",
  "--bucket",
  "--staging-dir",
  "--server",
  "--server-token-file",
  "--endpoint-url",
  "--region",
  "--profile",
  "--no-sign-request",
  "--request-payer",
]);

/** The options whose values are paths. */
const PATHS: ReadonlySet<string> = new Set([
  "outputDir",
  "familiesFile",
  "cacheDir",
  "stagingDir",
  "serverTokenFile",
]);

/** Adds the options for fetching. */
export function withBisectFetchOptions(command: Command): Command {
  command.addOption(
    new Option(
      "-o, --output-dir <dir>",
      "the parent of the directories of commits (default: commits in --state-dir)",
    ),
  );
  const donors = [withFetchOptions, withFindOptions, withReadOptions]
    .flatMap((withOptions) => withOptions(new Command()).options);
  const added = new Set<string>();
  for (const option of donors) {
    const name = option.long!;
    if (!TAKEN.has(name) || added.has(name)) continue;
    added.add(name);
    command.addOption(option);
  }
  return command;
}

/** Adds the options that all bisect commands have. */
export function withBisectOptions(command: Command): Command {
  return withOutputOptions(
    command.addOption(
      new Option("--state-dir <dir>", "the directory for the bisect's state").default(STATE_DIR),
    ),
  );
}

/**
 * Rejects options that can't be combined.
 *
 * @param options The values.
 * @throws {RunOutputsError} `invalid`, naming both.
 */
export function checkBisectOptions(options: BisectFetchOptions): void {
  if (options.flatten && options.bootstrap) {
    throw new RunOutputsError("invalid", "Cannot use --flatten with --bootstrap: choose one");
  }
  checkCacheOptions(options);
}

/**
 * Resolves what depends on the place and time of a command: directories, repository, platform and
 * cache.
 *
 * @param options The values.
 * @param stateDir The bisect's directory.
 * @param io The environment.
 * @returns The resolved options. Only server and credential settings still depend on the environment.
 */
export function settled(
  options: BisectFetchOptions,
  stateDir: string,
  io: Io,
): BisectFetchOptions & { readonly outputDir: string; readonly repo: string } {
  const all: BisectFetchOptions = {
    ...options,
    outputDir: options.outputDir ?? resolve(stateDir, COMMITS),
    stagingDir: stagingDirOf(options, io),
    ...isCacheOff(options, io)
      ? { cache: false, cacheDir: undefined }
      : { cacheDir: cacheDirOf(options, io) },
  };
  const paths = Object.entries(all)
    .map(([name, value]) => [name, PATHS.has(name) && value ? resolve(`${value}`) : value]);
  return {
    ...Object.fromEntries(paths),
    repo: resolveRepository(namedRepository(options), {
      GITHUB_REPOSITORY: io.env("GITHUB_REPOSITORY"),
    }),
    runGithubRepo: undefined,
    platform: platformOf(options, io),
  };
}

/**
 * Writes options as a command line.
 *
 * @param options The values.
 * @returns Arguments that {@linkcode readBisectArgs} parses to the same values.
 */
export function bisectArgs(options: BisectFetchOptions): string[] {
  const values = options as unknown as Readonly<Record<string, unknown>>;
  const args: string[] = [];
  for (const option of withBisectFetchOptions(new Command()).options) {
    const value = values[option.attributeName()];
    if (value === undefined) continue;
    if (option.negate) {
      if (value === false) args.push(option.long!);
    } else if (value === true) args.push(option.long!);
    else if (value !== false) {
      for (const one of Array.isArray(value) ? value : [value]) {
        args.push(option.long!, text(one, option));
      }
    }
  }
  const { include = [] } = options;
  return include.length === 0 ? args : [...args, "--", ...include];
}

/**
 * Parses the arguments of {@linkcode bisectArgs}.
 *
 * @param args The arguments.
 * @returns The values.
 * @throws {RunOutputsError} `integrity`, if they are invalid.
 */
export function readBisectArgs(
  args: readonly string[],
): BisectFetchOptions & { readonly outputDir: string; readonly repo: string } {
  const command = withBisectFetchOptions(new Command("start").argument("[include...]"))
    .exitOverride().configureOutput({ outputError: () => {} });
  try {
    command.parse([...args], { from: "user" });
  } catch (cause) {
    if (!(cause instanceof CommanderError)) throw cause;
    throw new RunOutputsError(
      "integrity",
      `Cannot read the options of the bisect: ${cause.message}; 'run-outputs bisect reset' ` +
        "deletes it",
      { cause },
    );
  }
  return { ...command.opts(), include: command.args } as
    & BisectFetchOptions
    & { readonly outputDir: string; readonly repo: string };
}

function text(value: unknown, option: Option): string {
  if (typeof value !== "number" || !option.flags.includes("<size>")) return String(value);
  // Sizes are read with at most twelve digits.
  const power = [4, 3, 2, 1].find((power) => value >= 1e12 && value % 1024 ** power === 0) ?? 0;
  return `${value / 1024 ** power}${["", "K", "M", "G", "T"][power]}`;
}
