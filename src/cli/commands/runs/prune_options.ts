/**
 * The options of `run-outputs runs prune`, and the policy that they say.
 *
 * @module
 */

import { type Command, InvalidArgumentError, Option } from "commander";
import { invalid, RunOutputsError } from "../../../errors/error.ts";
import {
  DROP_KINDS,
  GROUP_BY,
  type GroupBy,
  type PrunePolicy,
} from "../../../runs/retention/policy.ts";
import { parseKeepListed, parseKeepSteps } from "../../../runs/retention/policy_text.ts";
import { inputError } from "../../local_inputs.ts";
import { type Age, age, filled, list, nonEmpty, wholeNumber } from "../../options.ts";
import type { Io } from "../../terminal/io.ts";
import type { RunsCommandOptions } from "./options.ts";

const KEEP = "Rules that keep runs:";
const DROP = "Rules that delete what is not kept:";
const THIN = "Deleting files instead of runs:";
const ACT = "Deleting:";

/** The values of the options of the policy. */
export interface PolicyOptions {
  readonly keepLast?: number;
  readonly keepWithin?: Age;
  readonly keepDaily?: number;
  readonly keepWeekly?: number;
  readonly keepMonthly?: number;
  readonly keep?: string;
  readonly keepListed?: string;
  readonly groupBy?: readonly string[];
  readonly minAge?: Age;
  readonly olderThan?: Age;
  readonly maxSize?: number;
  readonly maxRuns?: number;
  readonly dropKinds?: readonly string[];
  readonly leaveManifest?: boolean;
}

/** The values of the command's options. */
export interface PruneOptions extends RunsCommandOptions, PolicyOptions {
  readonly bisectDir?: readonly string[];
  readonly execute?: string;
  readonly yes?: boolean;
  readonly allowLarge?: boolean;
  readonly asLifecycleRule?: boolean;
}

/** The names of the options of the policy, with their flags. */
const POLICY: Readonly<Record<keyof PolicyOptions, string>> = {
  keepLast: "--keep-last",
  keepWithin: "--keep-within",
  keepDaily: "--keep-daily",
  keepWeekly: "--keep-weekly",
  keepMonthly: "--keep-monthly",
  keep: "--keep",
  keepListed: "--keep-listed",
  groupBy: "--group-by",
  minAge: "--min-age",
  olderThan: "--older-than",
  maxSize: "--max-size",
  maxRuns: "--max-runs",
  dropKinds: "--drop-kinds",
  leaveManifest: "--leave-manifest",
};

/**
 * Adds the options of the policy and of deleting.
 *
 * @param command The command.
 * @returns The command.
 */
export function withPruneOptions(command: Command): Command {
  const count = filled(wholeNumber(1, 1_000_000));
  const time = filled(age);
  const option = (flags: string, text: string, group: string) =>
    new Option(flags, text).helpGroup(group);
  return command
    .addOption(option("--keep-last <n>", "the newest runs of each group", KEEP).argParser(count))
    .addOption(
      option("--keep-within <time>", "runs younger than this: 12h, 30d", KEEP).argParser(time),
    )
    .addOption(
      option("--keep-daily <n>", "the newest run of each of the last days", KEEP).argParser(count),
    )
    .addOption(
      option("--keep-weekly <n>", "the newest run of each of the last weeks", KEEP)
        .argParser(count),
    )
    .addOption(
      option("--keep-monthly <n>", "the newest run of each of the last months", KEEP)
        .argParser(count),
    )
    .addOption(
      option("--keep <steps>", "10,1d1w,1w1m: the last 10, one a day for a week, …", KEEP)
        .argParser(nonEmpty),
    )
    .addOption(
      option(
        "--keep-listed <file>",
        "runs in a list of keys, run ids, commits and URLs; - is stdin",
        KEEP,
      ).argParser(nonEmpty),
    )
    .addOption(
      option("--group-by <names>", "(default: repo,platform,workflow)", KEEP).argParser(
        filled(list),
      ),
    )
    .addOption(
      option("--min-age <time>", "always keep runs younger than this (default: 24h)", KEEP)
        .argParser(time),
    )
    .addOption(
      option("--bisect-dir <dir>", "keep the runs of this bisect too (repeatable)", KEEP)
        .argParser(filled((value: string, before: readonly string[] = []) => [...before, value])),
    )
    .addOption(option("--older-than <time>", "runs older than this: 90d", DROP).argParser(time))
    .addOption(
      option("--max-size <size>", "the oldest, until all runs have this size: 500GB", DROP)
        .argParser(filled(sizeOf)),
    )
    .addOption(
      option("--max-runs <n>", "the oldest, until this number is left", DROP).argParser(count),
    )
    .addOption(
      option(
        "--drop-kinds <names>",
        `only files of these kinds (comma-separated): ${DROP_KINDS.join(", ")}`,
        THIN,
      ).argParser(filled(list)),
    )
    .addOption(option("--leave-manifest", "all files, but not the outputs manifest", THIN))
    .addOption(option("--yes", "delete what the plan says", ACT))
    .addOption(
      option("--execute <plan>", "delete what this plan says, printed by --json", ACT)
        .argParser(nonEmpty),
    )
    .addOption(option("--allow-large", "allow deleting more than half of the runs", ACT))
    .addOption(
      option("--as-lifecycle-rule", "print a lifecycle configuration for S3 instead", ACT),
    );
}

/**
 * The policy of the options.
 *
 * @param options The values.
 * @param io Standard input.
 * @returns The policy.
 * @throws {RunOutputsError} `invalid`, naming the option; what the disk says.
 */
export async function policyOf(options: PolicyOptions, io: Io): Promise<PrunePolicy> {
  const { keep, keepListed, keepWithin, olderThan, minAge } = options;
  const steps = keep === undefined ? undefined : parseKeepSteps("--keep", keep);
  if (steps?.keep_last !== undefined && options.keepLast !== undefined) {
    throw new RunOutputsError(
      "invalid",
      "Cannot use --keep-last with a number of runs in --keep: choose one",
    );
  }
  const policy: PrunePolicy = {
    keep_last: options.keepLast ?? steps?.keep_last,
    keep_within_seconds: secondsOf(keepWithin),
    keep_daily: options.keepDaily,
    keep_weekly: options.keepWeekly,
    keep_monthly: options.keepMonthly,
    keep_steps: steps?.keep_steps,
    keep_listed: keepListed === undefined
      ? undefined
      : parseKeepListed("entry in --keep-listed", await textOf(keepListed, io)),
    group_by: groupBy(options.groupBy),
    min_age_seconds: secondsOf(minAge) ?? 86_400,
    older_than_seconds: secondsOf(olderThan),
    max_size_bytes: options.maxSize,
    max_runs: options.maxRuns,
    drop_kinds: dropKinds(options.dropKinds),
    leave_manifest: options.leaveManifest ? true : undefined,
  };
  return Object.fromEntries(
    Object.entries(policy).filter(([, value]) => value !== undefined),
  ) as unknown as PrunePolicy;
}

/**
 * Rejects options that can't be combined.
 *
 * @param options The values.
 * @throws {RunOutputsError} `invalid`, naming both.
 */
export function checkPruneOptions(options: PruneOptions): void {
  const { execute, yes = false, allowLarge = false } = options;
  const { dropKinds, leaveManifest, maxRuns } = options;
  if (dropKinds !== undefined && leaveManifest) {
    throw new RunOutputsError(
      "invalid",
      "Cannot use --drop-kinds with --leave-manifest: choose one",
    );
  }
  if (maxRuns !== undefined && (dropKinds !== undefined || leaveManifest)) {
    throw new RunOutputsError(
      "invalid",
      `Cannot use --max-runs with ${
        dropKinds === undefined ? "--leave-manifest" : "--drop-kinds"
      }` +
        ": a run that loses files is still a run",
    );
  }
  if (options.asLifecycleRule) {
    const others = [
      ["--yes", yes],
      ["--execute", execute !== undefined],
      ["--allow-large", allowLarge],
      ["--bisect-dir", options.bisectDir !== undefined],
      ["--staging-dir", options.stagingDir !== undefined],
    ] as const;
    for (const [flag, isGiven] of others) {
      if (!isGiven) continue;
      throw new RunOutputsError(
        "invalid",
        `Cannot use ${flag} with --as-lifecycle-rule: it prints a configuration for a bucket`,
      );
    }
  }
  if (allowLarge && !yes && execute === undefined) {
    throw new RunOutputsError(
      "invalid",
      "Cannot use --allow-large without --yes or --execute: nothing is deleted",
    );
  }
  if (execute === undefined) return;
  if (yes) throw new RunOutputsError("invalid", "Cannot use --yes with --execute: choose one");
  for (const [name, flag] of Object.entries(POLICY)) {
    if (options[name as keyof PolicyOptions] === undefined) continue;
    throw new RunOutputsError(
      "invalid",
      `Cannot use ${flag} with --execute: the plan has its own policy`,
    );
  }
}

async function textOf(file: string, io: Io): Promise<string> {
  if (file === "-") return await io.readStdin();
  return await Deno.readTextFile(file).catch((error) => {
    throw inputError("read", file, error);
  });
}

function groupBy(names: readonly string[] | undefined): readonly GroupBy[] {
  if (names === undefined) return GROUP_BY;
  const unknown = names.find((name) => !(GROUP_BY as readonly string[]).includes(name));
  if (unknown !== undefined) throw invalid("--group-by", unknown, "repo, platform or workflow");
  return GROUP_BY.filter((name) => names.includes(name));
}

function dropKinds(names: readonly string[] | undefined): PrunePolicy["drop_kinds"] {
  if (names === undefined) return undefined;
  const unknown = names.find((name) => !(DROP_KINDS as readonly string[]).includes(name));
  if (unknown !== undefined) {
    throw invalid("--drop-kinds", unknown, `one of ${DROP_KINDS.join(", ")}`);
  }
  return DROP_KINDS.filter((kind) => names.includes(kind));
}

function secondsOf(value: Age | undefined): number | undefined {
  return value === undefined ? undefined : value.milliseconds / 1000;
}

const UNITS: Readonly<Record<string, number>> = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };

function sizeOf(text: string): number {
  const [, number, unit] = /^(\d{1,6})(B|kB|MB|GB|TB)$/.exec(text) ?? [];
  if (unit !== undefined) return Number(number) * UNITS[unit];
  throw new InvalidArgumentError("Expected a whole number and B, kB, MB, GB or TB: 500GB.");
}
