/**
 * The options of commands that find runs by commit, and what their values mean.
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
    .addOption(add("--commit <sha>", "of this commit: a full or short SHA").argParser(nonEmpty))
    .addOption(
      add("--ref <ref>", "of this branch's, tag's or pull request's (pull/N) commit")
        .argParser(nonEmpty),
    )
    .addOption(add("--latest", "of the latest commit that has what is asked for"))
    .addOption(
      add("--branch <name>", "the latest of this branch (default: the repository's own)")
        .argParser(nonEmpty),
    )
    .addOption(
      add("--workflow <file>", "runs of this workflow (default: multi_arch_ci.yml)"),
    )
    .addOption(
      add("--max-commits <number>", "look at so many commits (default: 50)")
        .argParser(wholeNumber(1, 10_000)),
    )
    .addOption(
      add("--nearest-ancestor", "take the nearest commit before that has what is asked for"),
    )
    .addOption(
      add("--require-artifact <regex>", "only runs with such an archive (can be repeated)")
        .argParser(repeated),
    )
    .addOption(
      add("--require-single-run", "one run must have all groups, not several runs together"),
    )
    .addOption(add("--require-successful-run", "only runs that ended with success"))
    .addOption(add("--wait", "wait for a run in progress to have what is asked for"))
    .addOption(add("--timeout <time>", "wait no longer: 90m, 6h (default: 2h)").argParser(age))
    .addOption(
      add("--interval <time>", "how often to look (default: 60s, without a token 90s)").argParser(
        age,
      ),
    );
}

/** The options that are of no use unless GitHub is asked. */
const FINDING = [
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
 * What the user named the run by, on GitHub.
 *
 * @param options The values.
 * @returns What names the commit; `undefined`, if GitHub is not to be asked.
 * @throws {RunOutputsError} `invalid`, if options exclude each other, or lack one that they need.
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
 * Refuses options that only make sense where GitHub is asked.
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
