/**
 * Commands that messages name: with the options that the user gave, so that they work as they stand.
 *
 * Whoever makes a message knows what helps, as in `'run-outputs list' shows them`, but not how the
 * run and the storage were named on the command line.
 *
 * @module
 */

import type { Command } from "commander";

/** A command line, as far as hints repeat it. */
export interface Invocation {
  /** The command's words, without the program's name: `["upload", "artifacts"]`. */
  readonly command: readonly string[];
  /** The arguments behind them. */
  readonly args: readonly string[];
  /** The options that were given, by their names: `--run-id` is `run-id`. A flag has no value. */
  readonly options: ReadonlyMap<string, string | undefined>;
}

/** The options that name a run and its storage, in the order of the help. */
const ON_S3 = [
  "run-id",
  "platform",
  "repo",
  "release-type",
  "bucket",
  "endpoint-url",
  "region",
  "profile",
  "no-sign-request",
];

/** What hints may name, and which options it takes over. */
const TAKEN: Readonly<Record<string, readonly string[]>> = {
  list: ["staging-dir", ...ON_S3],
  index: ["staging-dir", ...ON_S3],
  "stale-uploads": ON_S3,
  bisect: ["state-dir"],
};

const HINT = new RegExp(`'run-outputs (${Object.keys(TAKEN).join("|")})\\b([^']*)'`, "g");

/**
 * Reads off a command what was given to it.
 *
 * @param command The command that runs.
 * @returns Its words, and the options that hints can repeat.
 */
export function invocationOf(command: Command): Invocation {
  const words: string[] = [];
  for (let at: Command | null = command; at?.parent; at = at.parent) words.unshift(at.name());
  const options = new Map<string, string | undefined>();
  for (const option of command.options) {
    const key = option.attributeName();
    if (command.getOptionValueSource(key) !== "cli" || option.long === undefined) continue;
    const value: unknown = command.getOptionValue(key);
    const name = option.long.slice(2);
    if (typeof value === "string") options.set(name, value);
    else if (value === !option.negate) options.set(name, undefined);
  }
  return { command: words, args: command.args, options };
}

/**
 * Adds to the commands in a message what was given, and names the option that it is about.
 *
 * @param text The message; commands stand in it as `'run-outputs list --kind log'`.
 * @param invocation What was given.
 * @returns The message. What its commands have already is not added.
 */
export function completeHints(text: string, invocation: Invocation): string {
  return rightBucket(text, invocation).replace(HINT, (_, command: string, more: string) => {
    const options = renamed(invocation, command);
    const added = TAKEN[command].flatMap((name) => {
      if (!options.has(name) || ` ${more} `.includes(` --${name} `)) return [];
      const value = options.get(name);
      return value === undefined ? [`--${name}`] : [`--${name} ${shellWord(value)}`];
    });
    return `'${["run-outputs", `${command}${more}`, ...added].join(" ")}'`;
  });
}

/** Of a command with two buckets, the option that names the one that a message is about. */
function rightBucket(text: string, { command: [command], options }: Invocation): string {
  const [, bucket] = /\bs3:\/\/([^/']+)/.exec(text) ?? [];
  if (bucket === undefined || options.get("bucket") === bucket) return text;
  const isOther = command === "diff"
    ? options.get("bucket-b") === bucket
    : command === "copy" && isSource(bucket, options);
  const flag = command === "diff" ? "--bucket-b" : "--source-bucket";
  return isOther ? text.replace(/\bcheck --bucket(?![\w-])/, `check ${flag}`) : text;
}

/** Whether a copy reads a bucket, rather than to write it; not called for the one of --bucket. */
function isSource(bucket: string, options: Invocation["options"]): boolean {
  if (options.has("source-bucket")) return options.get("source-bucket") === bucket;
  return !options.has("from-staging") && (options.has("to-staging") || options.has("bucket"));
}

/** The options as a command that reads a run calls them. */
function renamed(
  { command: [first], args, options }: Invocation,
  hint: string,
): Invocation["options"] {
  const called = new Map(options);
  const rename = (from: string, to: string) => {
    if (options.has(from)) called.set(to, options.get(from));
  };
  if (!options.has("repo")) rename("run-github-repo", "repo");
  if (first === "upload") rename("output-dir", "staging-dir");
  if (first === "export" && args.length === 2) {
    const [, runId, platform] = /^(.*?)(?:-(linux|windows))?$/s.exec(args[1])!;
    called.set("run-id", runId);
    if (platform !== undefined) called.set("platform", platform);
  }
  if (first !== "copy") return called;
  // A copy lists what it reads, and makes pages of what it writes.
  if (hint !== "list") rename("to-staging", "staging-dir");
  else {
    rename("from-staging", "staging-dir");
    called.delete("bucket");
    for (const name of ["run-id", "platform", "repo", "release-type", "bucket"]) {
      rename(`source-${name}`, name);
    }
  }
  return called;
}

/** A value as a shell takes it for one word, in a text between single quotes. */
function shellWord(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `"${value.replace(/["\\$`]/g, "\\$&")}"`;
}
