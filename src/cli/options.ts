/**
 * The options that several commands share, and how their values are read.
 *
 * @module
 */

import { type Command, InvalidArgumentError, Option } from "commander";
import { invalid, RunOutputsError } from "../errors/error.ts";
import type { OutputOptions } from "./terminal/output.ts";
import type { RunOptions } from "./run_root.ts";
import type { S3Options } from "./storage.ts";

/** The heading of the options that name a run. */
export const RUN = "Options that name the run:";
/** The heading of the options for storage. */
export const STORAGE = "Options for storage:";
/** The heading of the options for S3. */
const S3 = "Options for S3 (and all that the AWS SDK reads from environment and ~/.aws):";
/** The heading of the options for output. */
const OUTPUT = "Options for output:";

/**
 * Adds the options that name a run.
 *
 * @param command The command.
 * @param layoutMatters Whether it makes a difference to the command which layout is named. Where
 * both are read, the option is taken and not shown.
 * @returns The command.
 */
export function withRunOptions(command: Command, layoutMatters = true): Command {
  return withLayout(withRunNameOptions(command), layoutMatters);
}

/** Adds the options that name a run, for commands that leave its files where they are in it. */
export function withRunNameOptions(command: Command): Command {
  return withPlace(
    command.addOption(
      new Option(
        "--run-id <id>",
        "the run (default: $THEROCK_RUN_ID, else $GITHUB_RUN_ID, else 'local' on a disk)",
      )
        .helpGroup(RUN),
    ),
  );
}

/** Adds the options that name a run, but for its id. */
function withRunPlaceOptions(command: Command, layoutMatters: boolean): Command {
  return withLayout(withPlace(command), layoutMatters);
}

function withLayout(command: Command, layoutMatters: boolean): Command {
  return command.addOption(
    new Option("--layout <name>", "flat: artifacts at the root; typed: below artifacts/")
      .choices(["flat", "typed"]).default("flat").hideHelp(!layoutMatters).helpGroup(RUN),
  );
}

function withPlace(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--platform <name>",
        "linux or windows (default: $THEROCK_PLATFORM, else this system)",
      )
        .choices(["linux", "windows"]).helpGroup(RUN),
    )
    .addOption(
      new Option(
        "--repo <owner/name>",
        "the run's repository (default: $GITHUB_REPOSITORY, else ROCm/TheRock)",
      ).helpGroup(RUN),
    )
    .addOption(new Option("--run-github-repo <owner/name>", "the same as --repo").hideHelp())
    .addOption(
      new Option(
        "--release-type <type>",
        "ci, dev, nightly, prerelease, … (default: $RELEASE_TYPE for this job's own run, else ci)",
      ).helpGroup(RUN),
    )
    .addOption(
      new Option("--bucket <name>", "this bucket in place of the one that the rules give")
        .helpGroup(RUN),
    );
}

/** Adds the options for output. */
export function withOutputOptions(command: Command): Command {
  return command
    .addOption(new Option("--json", "print one JSON document").helpGroup(OUTPUT))
    .addOption(new Option("-q, --quiet", "no progress, no notes").helpGroup(OUTPUT))
    .addOption(new Option("-v, --verbose", "explain decisions").helpGroup(OUTPUT))
    .addOption(
      new Option("--color <when>", "colours (default: on a terminal, unless NO_COLOR is set)")
        .choices(["auto", "always", "never"]).helpGroup(OUTPUT),
    );
}

/** Adds the options for S3. */
export function withS3Options(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--endpoint-url <url>",
        "an S3 server (default: $AWS_ENDPOINT_URL_S3, else Amazon's)",
      ).helpGroup(S3),
    )
    .addOption(
      new Option("--region <name>", "its region (default: $AWS_REGION, else us-east-2)").helpGroup(
        S3,
      ),
    )
    .addOption(
      new Option("--profile <name>", "a profile of ~/.aws/config (default: $AWS_PROFILE)")
        .helpGroup(S3),
    )
    .addOption(
      new Option("--no-sign-request", "read public objects without credentials").helpGroup(S3),
    );
}

/** Adds the options of a command that uploads. */
export function withUploadOptions(command: Command): Command {
  return withOutputOptions(
    withRunOptions(
      withS3Options(
        command
          .addOption(
            new Option(
              "--output-dir <dir>",
              "write to this local directory, not to S3 (default: $THEROCK_LOCAL_STAGING_DIR)",
            )
              .argParser(nonEmpty).helpGroup(STORAGE),
          )
          .addOption(ifExists())
          .addOption(concurrency())
          .addOption(
            new Option(
              "--part <name>",
              "the part of the outputs manifest that tells of this upload (default: by job, " +
                "command and what is uploaded)",
            ).helpGroup(STORAGE),
          )
          .addOption(
            new Option(
              "--expect-parts <names>",
              "the parts that the run has when it is complete (repeat, or use commas)",
            ).argParser(names).helpGroup(STORAGE),
          )
          .addOption(
            new Option("--no-index", "leave the index pages as they are").helpGroup(STORAGE),
          )
          .addOption(dryRun()),
      ).addOption(partSize()),
    ),
  );
}

/** The values of the options that every command that reads a run takes. */
export interface ReadCommandOptions extends RunOptions, OutputOptions, S3Options {
  /** The local directory to read from. */
  readonly stagingDir?: string;
}

/** Adds the options of a command that reads a run. */
export function withReadOptions(command: Command): Command {
  return withOutputOptions(
    withRunOptions(
      withS3Options(
        command.addOption(stagingDir("read the run from this local directory, not from S3")),
      ),
      false,
    ),
  );
}

/** Adds the options of a command that reads two runs, which its arguments name. */
export function withReadTwoOptions(command: Command): Command {
  const other = (flags: string, what: string) =>
    new Option(flags, `${what} of run_b, where it is another`).helpGroup(RUN);
  return withOutputOptions(
    withS3Options(
      withRunPlaceOptions(
        command.addOption(stagingDir("read the runs from this local directory, not from S3")),
        false,
      )
        .addOption(other("--platform-b <name>", "the platform").choices(["linux", "windows"]))
        .addOption(other("--repo-b <owner/name>", "the repository"))
        .addOption(other("--release-type-b <type>", "the release type"))
        .addOption(other("--bucket-b <name>", "the bucket"))
        .addOption(other("--staging-dir-b <dir>", "the local directory").argParser(nonEmpty)),
    ),
  );
}

/**
 * Adds the options of a command that reads a run where it can only be on S3. `--staging-dir` is
 * among them, so that it is refused with its reason.
 */
export function withS3ReadOptions(command: Command): Command {
  return withOutputOptions(
    withRunOptions(
      withS3Options(command.addOption(stagingDir("not for this command").hideHelp())),
      false,
    ),
  );
}

/** `--staging-dir` */
export function stagingDir(description: string): Option {
  return new Option(
    "--staging-dir <dir>",
    `${description} (default: $THEROCK_LOCAL_STAGING_DIR)`,
  ).argParser(nonEmpty).helpGroup(STORAGE);
}

/** `--no-manifest` */
export function noManifest(): Option {
  return new Option("--no-manifest", "go by what the storage lists, not by the run's own manifest")
    .helpGroup(STORAGE);
}

/** `--if-exists` */
export function ifExists(): Option {
  return new Option(
    "--if-exists <what>",
    "what to do where other content is: replace, skip or fail; the same content is never sent " +
      "again",
  ).choices(["replace", "skip", "fail"]).default("replace").helpGroup(STORAGE);
}

/** `--dry-run`, of what writes into a storage. */
export function dryRun(): Option {
  return new Option("-n, --dry-run", "do all checks, print what would be written, write nothing")
    .helpGroup(STORAGE);
}

/** `--part-size` */
export function partSize(): Option {
  return new Option(
    "--part-size <MiB>",
    "the size of a part; files of two parts, but 16 to 64 MiB, go in parts (default: 8)",
  ).argParser(mebibytes(5, 5120)).helpGroup(S3);
}

/** `--concurrency` */
export function concurrency(
  description = "how many files at once (default: 8, or 64 small ones)",
): Option {
  return new Option("--concurrency <number>", description)
    .argParser(wholeNumber(1, 1000)).helpGroup(STORAGE);
}

/**
 * Reads a list of globs: the option can be repeated, or have items between `,` or `;`. Blanks around
 * an item do not belong to it; blanks in it do.
 *
 * @param value The option's value.
 * @param previous What was given before.
 * @returns All items.
 */
export function list(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, ...splitList(value)];
}

/** Reads a list of names as {@linkcode list} does; they have no blanks, so these part them too. */
export function names(value: string, previous: readonly string[] = []): readonly string[] {
  return list(value.trim().replace(/\s+/g, ","), previous);
}

/**
 * Reads globs that are arguments, each of which can be a list.
 *
 * @param args The arguments.
 * @returns All globs.
 * @throws {RunOutputsError} `invalid`, for an argument without any: what is left out by mistake must
 * not mean everything.
 */
export function globs(args: readonly string[]): readonly string[] {
  return args.flatMap((arg) => {
    const items = splitList(arg);
    if (items.length === 0) throw invalid("pattern", arg, "a glob, such as 'blas_*'");
    return items;
  });
}

/**
 * Splits a list at `,` and `;`. Those inside `{…}` and behind a backslash belong to a glob.
 *
 * @param value The list.
 * @returns Its items without blanks around them; empty ones are left out.
 */
export function splitList(value: string): string[] {
  const items = [""];
  let depth = 0;
  for (const [character] of value.matchAll(/\\.|./gsu)) {
    if (character === "{") depth++;
    if (character === "}" && depth > 0) depth--;
    if (/^[,;]$/.test(character) && depth === 0) items.push("");
    else items[items.length - 1] += character;
  }
  return items.map((item) => item.trim()).filter((item) => item !== "");
}

/**
 * The value of an option that has to be there. Commander's own check would come before the one for
 * mistyped options, and name the wrong trouble.
 *
 * @param value The value.
 * @param flags The option, as in the help.
 * @returns The value.
 * @throws {RunOutputsError} `invalid`, if the option was not given.
 */
export function required<T>(value: T | undefined, flags: string): T {
  if (value === undefined) throw new RunOutputsError("invalid", `Missing option ${flags}`);
  return value;
}

/**
 * Reads a value that must not be empty: an unset variable in a script makes one. It is for arguments,
 * and for options without which a command works on another run, or on S3 in place of a directory.
 * All other options count as not given.
 *
 * @param value The value.
 * @returns The value.
 */
export function nonEmpty(value: string): string {
  if (value.trim() === "") throw new InvalidArgumentError("It is empty.");
  return value;
}

/**
 * Reads a whole number in a range.
 *
 * @param min The least.
 * @param max The greatest; `Number.MAX_SAFE_INTEGER`, if there is none that matters.
 * @param unit What is counted, for the message.
 * @returns A reader for commander.
 */
export function wholeNumber(min: number, max: number, unit?: string): (value: string) => number {
  const what = unit === undefined ? "a whole number" : `a whole number of ${unit}`;
  const range = max < Number.MAX_SAFE_INTEGER ? `from ${min} to ${max}` : `from ${min} on`;
  return (value) => {
    const number = /^\d+$/.test(value) ? Number(value) : NaN;
    if (number >= min && number <= max) return number;
    throw new InvalidArgumentError(`Expected ${what} ${range}.`);
  };
}

/** An age, as a person gives it. */
export interface Age {
  /** How it was written. */
  readonly text: string;
  /** How long it is. */
  readonly milliseconds: number;
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/**
 * Reads an age: a whole number and its unit.
 *
 * @param text `90m`, `24h`, `7d`.
 * @returns The age.
 */
export function age(text: string): Age {
  const [, number, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (unit === undefined) {
    throw new InvalidArgumentError("Expected a whole number and s, m, h or d: 90m, 24h, 7d.");
  }
  return { text, milliseconds: Number(number) * UNITS[unit] * 1000 };
}

/**
 * Reads a number of mebibytes.
 *
 * @param min The least.
 * @param max The greatest.
 * @returns A reader for commander that returns bytes.
 */
function mebibytes(min: number, max: number): (value: string) => number {
  const read = wholeNumber(min, max, "MiB");
  return (value) => read(value) * 1024 * 1024;
}
