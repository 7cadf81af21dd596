/**
 * Options that several commands share, and the parsers of their values.
 *
 * @module
 */

import { type Command, InvalidArgumentError, Option } from "commander";
import { invalid, RunOutputsError } from "../errors/error.ts";
import { parseDuration } from "../layout/words.ts";
import type { OutputOptions } from "./terminal/output.ts";
import { platformOption } from "./platform_option.ts";
import type { RunOptions } from "./run_root.ts";
import { S3, type S3Options, withS3Options, withS3WriteOptions } from "./s3_options.ts";

/** The heading of the options that name a run. */
export const RUN = "Options that name the run:";
/** The heading of the options for storage. */
export const STORAGE = "Options for storage:";
/** The heading of the options for output. */
const OUTPUT = "Options for output:";

/**
 * Adds the options that name a run.
 *
 * @param command The command.
 * @param layoutMatters Whether the layout matters to the command. Commands that read both layouts
 * accept the option but don't show it in the help.
 * @returns The command.
 */
export function withRunOptions(command: Command, layoutMatters = true): Command {
  return withLayout(withRunNameOptions(command), layoutMatters);
}

/** Adds the options that name a run, for commands that keep the layout of its files. */
export function withRunNameOptions(command: Command): Command {
  return withPlace(
    command.addOption(
      new Option(
        "--run-id <id>",
        "the run (default: $THEROCK_RUN_ID, then $GITHUB_RUN_ID; for a local directory 'local')",
      )
        .helpGroup(RUN),
    ),
  );
}

/** Adds the options that name a run, except for its id. */
function withRunPlaceOptions(command: Command, layoutMatters: boolean): Command {
  return withLayout(withPlace(command), layoutMatters);
}

function withLayout(command: Command, layoutMatters: boolean): Command {
  return command.addOption(
    new Option("--layout <name>", "flat: artifacts at the root; typed: under artifacts/")
      .choices(["flat", "typed"]).default("flat").hideHelp(!layoutMatters).helpGroup(RUN),
  );
}

function withPlace(command: Command): Command {
  return command
    .addOption(
      platformOption(
        "--platform <name>",
        "linux or windows (default: $THEROCK_PLATFORM, else this system)",
      ).helpGroup(RUN),
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
        "ci, dev, nightly, prerelease, … (default: $RELEASE_TYPE for what is written and for this job's own run, else ci)",
      ).helpGroup(RUN),
    )
    .addOption(
      new Option("--bucket <name>", "the bucket (default: the default bucket for the run)")
        .helpGroup(RUN),
    );
}

/** Adds the options for output. */
export function withOutputOptions(command: Command): Command {
  return command
    .addOption(new Option("--json", "print one JSON document").helpGroup(OUTPUT))
    .addOption(new Option("-q, --quiet", "show no progress and no notes").helpGroup(OUTPUT))
    .addOption(
      new Option("-v, --verbose", "explain decisions, and list each file").helpGroup(OUTPUT),
    )
    .addOption(
      new Option("--debug", "print stack traces of errors, for reports of defects")
        .helpGroup(OUTPUT),
    )
    .addOption(
      new Option(
        "--color <when>",
        "use colours (default: $NO_COLOR: never, $FORCE_COLOR: always, else on a terminal)",
      )
        .choices(["auto", "always", "never"]).helpGroup(OUTPUT),
    );
}

/** Adds the options of a command that uploads. */
export function withUploadOptions(command: Command): Command {
  return withOutputOptions(
    withRunOptions(
      withS3WriteOptions(withS3Options(
        command
          .addOption(
            new Option(
              "--output-dir <dir>",
              "upload to this local directory instead of S3 (default: $THEROCK_LOCAL_STAGING_DIR)",
            )
              .argParser(nonEmpty).helpGroup(STORAGE),
          )
          .addOption(ifExists())
          .addOption(concurrency())
          .addOption(
            new Option(
              "--part <name>",
              "the name of this upload's part of the outputs manifest (default: from the job, the " +
                "command and its options)",
            ).helpGroup(STORAGE),
          )
          .addOption(
            new Option(
              "--expect-parts <names>",
              "the parts that a complete run has (repeatable, or comma-separated)",
            ).argParser(names).helpGroup(STORAGE),
          )
          .addOption(
            new Option(
              "--index",
              "regenerate the index pages (default, but for buckets that the server indexes)",
            ).helpGroup(STORAGE),
          )
          .addOption(
            new Option("--no-index", "don't regenerate the index pages").helpGroup(STORAGE),
          )
          .addOption(dryRun()),
      )).addOption(partSize()),
    ),
  );
}

/** The values of the options that all commands for reading a run take. */
export interface ReadCommandOptions extends RunOptions, OutputOptions, S3Options {
  /** The local directory to read from. */
  readonly stagingDir?: string;
}

/** Adds the options of a command that reads a run. */
export function withReadOptions(command: Command): Command {
  return withOutputOptions(
    withRunOptions(withServerOptions(withReadS3Options(command)), false),
  );
}

/**
 * Adds the options of a command that reads a run and can change it.
 *
 * @param command The command.
 * @param which Which objects it creates on S3, for the help.
 * @returns The command.
 */
export function withChangeOptions(command: Command, which: string): Command {
  return withOutputOptions(
    withRunOptions(withS3WriteOptions(withReadS3Options(command), which), false),
  );
}

function withReadS3Options(command: Command): Command {
  return withS3Options(
    command.addOption(stagingDir("read the run from this local directory instead of S3")),
  );
}

/** Adds the options of a command that reads two runs, named by its arguments. */
export function withReadTwoOptions(command: Command): Command {
  const other = (flags: string, what: string) =>
    new Option(flags, `${what} of run_b, if different`).helpGroup(RUN);
  return withOutputOptions(
    withServerOptions(withS3Options(
      withRunPlaceOptions(
        command.addOption(stagingDir("read the runs from this local directory instead of S3")),
        false,
      )
        .addOption(
          platformOption("--platform-b <name>", "the platform of run_b, if different")
            .helpGroup(RUN),
        )
        .addOption(other("--repo-b <owner/name>", "the repository"))
        .addOption(other("--release-type-b <type>", "the release type"))
        .addOption(other("--bucket-b <name>", "the bucket"))
        .addOption(other("--staging-dir-b <dir>", "the local directory").argParser(nonEmpty)),
    )),
  );
}

/**
 * Adds the options of a command that works on S3 only. They include `--staging-dir`, so that the
 * command can reject it with a reason.
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

/** Adds the options of a command that can read from a service. */
export function withServerOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--server <url>", "read from this service ('run-outputs serve') instead of S3")
        .argParser(nonEmpty).helpGroup(STORAGE),
    )
    .addOption(
      new Option(
        "--server-token-file <file>",
        "a file with the service's token (default: $RUN_OUTPUTS_SERVER_TOKEN)",
      ).argParser(nonEmpty).helpGroup(STORAGE),
    );
}

/** `--no-manifest` */
export function noManifest(): Option {
  return new Option("--no-manifest", "ignore the run's manifest and list the storage")
    .helpGroup(STORAGE);
}

/** `--if-exists` */
export function ifExists(): Option {
  return new Option(
    "--if-exists <what>",
    "if the file exists with different content: replace, skip or fail; identical files are always " +
      "skipped",
  ).choices(["replace", "skip", "fail"]).default("replace").helpGroup(STORAGE);
}

/** `--dry-run`, for commands that write to a storage. */
export function dryRun(): Option {
  return new Option("-n, --dry-run", "do all checks and print what would be written")
    .helpGroup(STORAGE);
}

/** `--part-size` */
export function partSize(): Option {
  return new Option(
    "--part-size <MiB>",
    "the part size of multipart uploads, used from two parts, at least 16 MiB, on (default: 8)",
  ).argParser(mebibytes(5, 5120)).helpGroup(S3);
}

/** `--concurrency` */
export function concurrency(
  description =
    "the number of concurrent transfers (default: as many as the line is faster with, up to 64)",
): Option {
  return new Option("--concurrency <number>", description)
    .argParser(wholeNumber(1, 1000)).helpGroup(STORAGE);
}

/**
 * Reads a list of globs. The option can be repeated, and items are separated by `,` or `;`. Blanks
 * around an item are dropped.
 *
 * @param value The option's value.
 * @param previous The items of earlier occurrences.
 * @returns All items.
 */
export function list(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, ...splitList(value)];
}

/** Reads a list of names like {@linkcode list}. Blanks separate names too. */
export function names(value: string, previous: readonly string[] = []): readonly string[] {
  return list(value.trim().replace(/\s+/g, ","), previous);
}

/**
 * Reads glob arguments, each of which can be a list.
 *
 * @param args The arguments.
 * @returns All globs.
 * @throws {RunOutputsError} `invalid`, for an empty argument, which must not select everything.
 */
export function globs(args: readonly string[]): readonly string[] {
  return args.flatMap((arg) => {
    const items = splitList(arg);
    if (items.length === 0) throw invalid("pattern", arg, "a glob, such as 'blas_*'");
    return items;
  });
}

/**
 * Splits a list at `,` and `;`, except inside `{…}` and after a backslash.
 *
 * @param value The list.
 * @returns Its items, trimmed and without empty ones.
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
 * The value of a required option. Commander's own check runs before the one for mistyped options
 * and would report the wrong problem.
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
 * Reads a value that must not be empty, as it is with an unset variable in a script. For arguments,
 * and for options without which a command would use another run, or S3 instead of a directory. All
 * other empty options count as not given.
 *
 * @param value The value.
 * @returns The value.
 */
export function nonEmpty(value: string): string {
  if (value.trim() === "") throw new InvalidArgumentError("It is empty.");
  return value;
}

/** The parsers of options that reject an empty value. */
const REJECT_EMPTY = new WeakSet<object>([nonEmpty]);

/**
 * Rejects an empty value before a parser sees it. For rules that say what is kept: without one of
 * them, more would be deleted.
 *
 * @param parse Parses the value.
 * @returns A parser of the same values, except empty ones.
 */
export function filled<T>(
  parse: (value: string, before: T) => T,
): (value: string, before: T) => T {
  const parser = (value: string, before: T) => parse(nonEmpty(value), before);
  REJECT_EMPTY.add(parser);
  return parser;
}

/**
 * Whether an option's parser rejects an empty value.
 *
 * @param parser The parser, if there is one.
 * @returns `false`, if an empty value counts as not given.
 */
export function rejectsEmpty(parser: object | undefined): boolean {
  return parser !== undefined && REJECT_EMPTY.has(parser);
}

/**
 * Reads a whole number in a range.
 *
 * @param min The minimum.
 * @param max The maximum; `Number.MAX_SAFE_INTEGER` for no limit.
 * @param unit The unit, for the message.
 * @returns A parser for commander.
 */
export function wholeNumber(min: number, max: number, unit?: string): (value: string) => number {
  const what = unit === undefined ? "a whole number" : `a whole number of ${unit}`;
  const range = max < Number.MAX_SAFE_INTEGER ? `from ${min} to ${max}` : `of at least ${min}`;
  return (value) => {
    const number = /^\d+$/.test(value) ? Number(value) : NaN;
    if (number >= min && number <= max) return number;
    throw new InvalidArgumentError(`Expected ${what} ${range}.`);
  };
}

/** A duration, as the user wrote it. */
export interface Age {
  /** The original text. */
  readonly text: string;
  /** Its length. */
  readonly milliseconds: number;
}

/**
 * Reads a duration: a whole number and a unit.
 *
 * @param text Such as `90m`, `24h`, `7d`, `2w`, `1y`.
 * @returns The duration.
 */
export function age(text: string): Age {
  const milliseconds = parseDuration(text);
  if (milliseconds === undefined) {
    throw new InvalidArgumentError(
      "Expected a whole number and s, m (minutes), h, d, w or y: 90m, 24h, 7d, 1y.",
    );
  }
  return { text, milliseconds };
}

/**
 * Reads a number of mebibytes.
 *
 * @param min The minimum.
 * @param max The maximum.
 * @returns A parser for commander that returns bytes.
 */
function mebibytes(min: number, max: number): (value: string) => number {
  const read = wholeNumber(min, max, "MiB");
  return (value) => read(value) * 1024 * 1024;
}
