/**
 * The options of commands that find runs by commit, and the meaning of their values.
 *
 * @module
 */

import { type Command, Option } from "commander";
import { RunOutputsError } from "../errors/error.ts";
import type { FindSelector } from "../operations/find/find.ts";
import { type Age, age, nonEmpty, wholeNumber } from "./options.ts";

/** The values of the options. */
export interface FindCommandOptions {
  readonly runId?: string;
  readonly commit?: string;
  readonly ref?: string;
  readonly latest?: boolean;
  readonly branch?: string;
  readonly allowIncomplete?: boolean;
  readonly workflow?: string;
  readonly maxCommits?: number;
  readonly nearestAncestor?: boolean;
  readonly requireArtifact?: readonly string[];
  readonly requireSingleRun?: boolean;
  readonly requireSuccessfulRun?: boolean;
  readonly wait?: boolean;
  readonly timeout?: Age;
  readonly interval?: Age;
}

const FIND = "Options that find the run on GitHub:";

/** Adds the options. */
export function withFindOptions(command: Command): Command {
  const add = (flags: string, text: string) => new Option(flags, text).helpGroup(FIND);
  return command
    .addOption(add("--commit <sha>", "a run of this commit: full or short SHA").argParser(nonEmpty))
    .addOption(
      add("--ref <ref>", "a run of this branch, tag or pull request (pull/N)")
        .argParser(nonEmpty),
    )
    .addOption(add("--latest", "a run of the latest commit that has everything requested"))
    .addOption(
      add("--branch <name>", "the branch for --latest (default: the repository's default)")
        .argParser(nonEmpty),
    )
    .addOption(
      add("--allow-incomplete", "with --latest: also a run in progress that may still lack files"),
    )
    .addOption(
      add("--workflow <file>", "the workflow (default: multi_arch_ci.yml)"),
    )
    .addOption(
      add("--max-commits <number>", "the maximum number of commits to check (default: 50)")
        .argParser(wholeNumber(1, 10_000)),
    )
    .addOption(
      add(
        "--nearest-ancestor",
        "else use the nearest earlier commit that has everything requested",
      ),
    )
    .addOption(
      add("--require-artifact <regex>", "require a matching archive (repeatable)")
        .argParser(repeated),
    )
    .addOption(
      add("--require-single-run", "require one run that has all groups"),
    )
    .addOption(add("--require-successful-run", "require a successful run"))
    .addOption(add("--wait", "wait until a run in progress has everything requested"))
    .addOption(
      add("--timeout <time>", "the maximum wait, such as 90m, 6h (default: 2h)").argParser(age),
    )
    .addOption(
      add("--interval <time>", "the time between checks (default: 60s, without a token 90s)")
        .argParser(
          age,
        ),
    );
}

/** The options that need a search on GitHub. */
const FINDING = [
  "allowIncomplete",
  "workflow",
  "maxCommits",
  "nearestAncestor",
  "requireArtifact",
  "requireSingleRun",
  "requireSuccessfulRun",
  "wait",
  "timeout",
  "interval",
] as const;

/**
 * How the user selected the commit on GitHub.
 *
 * @param options The values.
 * @returns The selector; `undefined`, without a search on GitHub.
 * @throws {RunOutputsError} `invalid`, if options can't be combined, or need another one.
 */
export function findSelector(options: FindCommandOptions): FindSelector | undefined {
  const { commit, ref, branch, latest, runId } = options;
  const isLatest = latest || branch !== undefined;
  const given = [
    ...(commit === undefined ? [] : ["--commit"]),
    ...(ref === undefined ? [] : ["--ref"]),
    ...(isLatest ? [latest ? "--latest" : "--branch"] : []),
    ...(runId === undefined ? [] : ["--run-id"]),
  ];
  if (given.length > 1) {
    throw new RunOutputsError("invalid", `Cannot use ${given[0]} with ${given[1]}: choose one`);
  }
  refuseAlone("maxCommits", options, isLatest || options.nearestAncestor === true, [
    "--latest",
    "--nearest-ancestor",
  ]);
  refuseAlone("allowIncomplete", options, isLatest, ["--latest"]);
  refuseAlone("timeout", options, options.wait === true, ["--wait"]);
  refuseAlone("interval", options, options.wait === true, ["--wait"]);
  refuseAlone("nearestAncestor", options, commit !== undefined || ref !== undefined, [
    "--commit",
    "--ref",
  ]);
  if (commit !== undefined) return { commit };
  if (ref !== undefined) return { ref };
  if (isLatest) return { latestOf: branch ?? null };
  return undefined;
}

/**
 * Rejects options that need a search on GitHub.
 *
 * @param options The values.
 * @throws {RunOutputsError} `invalid`, naming the option.
 */
export function refuseFinding(options: FindCommandOptions): void {
  for (const name of FINDING) refuseAlone(name, options, false, ["--commit", "--ref", "--latest"]);
}

function refuseAlone(
  name: keyof FindCommandOptions,
  options: FindCommandOptions,
  isUseful: boolean,
  needed: readonly string[],
): void {
  if (isUseful || options[name] === undefined) return;
  const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new RunOutputsError("invalid", `Cannot use --${flag} without ${needed.join(" or ")}`);
}

function repeated(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value];
}
