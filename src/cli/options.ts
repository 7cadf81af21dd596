/**
 * The options that several commands share, and how their values are read.
 *
 * @module
 */

import {
  type Command,
  InvalidArgumentError,
  Option,
  type OptionValues,
} from "@commander-js/extra-typings";

/** The heading of the options that name a run. */
const RUN = "Options that name the run:";
/** The heading of the options for storage. */
const STORAGE = "Options for storage:";
/** The heading of the options for output. */
const OUTPUT = "Options for output:";

/** Adds the options that name a run. */
// deno-lint-ignore explicit-function-return-type explicit-module-boundary-types -- commander infers
export function withRunOptions<A extends unknown[], O extends OptionValues, G extends OptionValues>(
  command: Command<A, O, G>,
) {
  return command
    .addOption(
      new Option("--run-id <id>", "the run (default: $GITHUB_RUN_ID, else 'local' on a disk)")
        .argParser(nonEmpty).helpGroup(RUN),
    )
    .addOption(
      new Option("--platform <name>", "linux or windows (default: this system)")
        .choices(["linux", "windows"] as const).helpGroup(RUN),
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
    )
    .addOption(
      new Option("--layout <name>", "flat: artifacts at the root; typed: below artifacts/")
        .choices(["flat", "typed"] as const).default("flat" as const).helpGroup(RUN),
    );
}

/** Adds the options for output. */
// deno-lint-ignore explicit-function-return-type explicit-module-boundary-types -- commander infers
export function withOutputOptions<
  A extends unknown[],
  O extends OptionValues,
  G extends OptionValues,
>(command: Command<A, O, G>) {
  return command
    .addOption(new Option("--json", "print one JSON document").helpGroup(OUTPUT))
    .addOption(new Option("-q, --quiet", "no progress, no notes").helpGroup(OUTPUT))
    .addOption(new Option("-v, --verbose", "explain decisions").helpGroup(OUTPUT))
    .addOption(
      new Option("--color <when>", "colours (default: on a terminal, unless NO_COLOR is set)")
        .choices(["auto", "always", "never"] as const).helpGroup(OUTPUT),
    );
}

/** Adds the options of a command that uploads. */
// deno-lint-ignore explicit-function-return-type explicit-module-boundary-types -- commander infers
export function withUploadOptions<
  A extends unknown[],
  O extends OptionValues,
  G extends OptionValues,
>(command: Command<A, O, G>) {
  return withOutputOptions(
    withRunOptions(
      command
        .addOption(
          new Option("--output-dir <dir>", "write the tree into this local directory")
            .argParser(nonEmpty).helpGroup(STORAGE),
        )
        .addOption(
          new Option(
            "--if-exists <what>",
            "what to do where other content is: replace, skip or fail; the same content is " +
              "never sent again",
          ).choices(["replace", "skip", "fail"] as const).default("replace" as const)
            .helpGroup(STORAGE),
        )
        .addOption(concurrency())
        .addOption(
          new Option("-n, --dry-run", "do all checks, print what would be written, write nothing")
            .helpGroup(STORAGE),
        ),
    ),
  );
}

/** Adds the options of a command that reads a run. */
// deno-lint-ignore explicit-function-return-type explicit-module-boundary-types -- commander infers
export function withReadOptions<
  A extends unknown[],
  O extends OptionValues,
  G extends OptionValues,
>(command: Command<A, O, G>) {
  return withOutputOptions(
    withRunOptions(
      command.addOption(stagingDir("read the run from this local directory")),
    ),
  );
}

/** `--staging-dir` */
export function stagingDir(description: string): Option<"--staging-dir <dir>"> {
  return new Option(
    "--staging-dir <dir>",
    `${description} (default: $THEROCK_LOCAL_STAGING_DIR)`,
  ).argParser(nonEmpty).helpGroup(STORAGE) as Option<"--staging-dir <dir>">;
}

/** `--concurrency` */
// deno-lint-ignore explicit-function-return-type explicit-module-boundary-types -- commander infers
export function concurrency() {
  return new Option("--concurrency <number>", "how many files at once")
    .argParser(wholeNumber(1, 1000)).default(8).helpGroup(STORAGE);
}

/** `--include` and `--exclude` share this: the option can be repeated, or be one list. */
export function list(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, ...splitList(value)];
}

/**
 * Splits a list at its commas; those inside `{…}` belong to a glob.
 *
 * @param value The list.
 * @returns Its items; empty ones are kept, for whoever checks them.
 */
export function splitList(value: string): string[] {
  const items = [""];
  let depth = 0;
  for (const character of value) {
    if (character === "{") depth++;
    if (character === "}" && depth > 0) depth--;
    if (character === "," && depth === 0) items.push("");
    else items[items.length - 1] += character;
  }
  return items;
}

/**
 * Reads a value that must not be empty: an unset variable in a script makes one.
 *
 * @param value The value.
 * @returns The value.
 */
export function nonEmpty(value: string): string {
  if (value === "") throw new InvalidArgumentError("It is empty.");
  return value;
}

/**
 * Reads a whole number in a range.
 *
 * @param min The least.
 * @param max The greatest.
 * @returns A reader for commander.
 */
export function wholeNumber(min: number, max: number): (value: string) => number {
  return (value) => {
    const number = /^\d+$/.test(value) ? Number(value) : NaN;
    if (number >= min && number <= max) return number;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };
}
