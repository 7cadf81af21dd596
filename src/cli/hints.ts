/**
 * Completes commands in messages with the options that the user gave, so that they can be copied
 * and run.
 *
 * Code that writes a message, such as `'run-outputs list' shows them`, does not know how the run and
 * the storage were named on the command line.
 *
 * @module
 */

import type { Command } from "commander";

/** The parts of a command line that hints can repeat. */
export interface Invocation {
  /** The command's words, without the program's name: `["upload", "artifacts"]`. */
  readonly command: readonly string[];
  /** The arguments after them. */
  readonly args: readonly string[];
  /** The given options by name: `--run-id` is `run-id`. A flag has no value. */
  readonly options: ReadonlyMap<string, string | undefined>;
}

/** The options for a bucket, in the order of the help. */
const BUCKET = [
  "bucket",
  "endpoint-url",
  "region",
  "profile",
  "no-sign-request",
  "request-payer",
  "server",
  "server-token-file",
];

/** The options that name a run and its storage. */
const ON_S3 = ["run-id", "platform", "repo", "release-type", ...BUCKET];

/** The options that say where the runs are, for `runs`. */
const RUNS = ["staging-dir", ...BUCKET];

/** The options that choose runs, for the next page of `runs list`. */
const FILTERS = [
  "platform",
  "repo",
  "group",
  "workflow",
  "commit",
  "since",
  "until",
  "completeness",
  "pinned",
  "no-pinned",
  "search",
  "limit",
];

/** The commands that hints may name, with the options that are copied to them. */
const TAKEN: Readonly<Record<string, readonly string[]>> = {
  "runs list": [...RUNS, ...FILTERS],
  "runs reports": RUNS,
  list: ["staging-dir", ...ON_S3],
  index: ["staging-dir", ...ON_S3, "sse", "sse-kms-key-id", "acl"],
  "stale-uploads": ON_S3,
  verify: ["staging-dir", ...ON_S3],
  bisect: ["state-dir"],
};

const HINT = new RegExp(`'run-outputs (${Object.keys(TAKEN).join("|")})\\b([^']*)'`, "g");

/**
 * Reads the words, arguments and options of a parsed command.
 *
 * @param command The command.
 * @returns What hints can repeat of it.
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
 * Adds the given options to the commands in a message, and corrects the name of its bucket option.
 *
 * @param text The message, with commands such as `'run-outputs list --kind log'`.
 * @param invocation The user's command line.
 * @returns The message. Options that a command has already are not added.
 */
export function completeHints(text: string, invocation: Invocation): string {
  const named = rightRun(rightBucket(rightServer(text, invocation), invocation), invocation);
  return rightMissing(named, invocation).replace(
    HINT,
    (_, command: string, more: string) => {
      const options = renamed(invocation, command);
      const added = TAKEN[command].flatMap((name) => {
        if (!options.has(name) || ` ${more} `.includes(` --${name} `)) return [];
        const value = options.get(name);
        return value === undefined ? [`--${name}`] : [`--${name} ${shellWord(value)}`];
      });
      return `'${["run-outputs", `${command}${more}`, ...added].join(" ")}'`;
    },
  );
}

/** Commands that read a run, and the option that says of which release type it is. */
const READERS: Readonly<Record<string, string>> = {
  bisect: "release-type",
  copy: "source-release-type",
  diff: "release-type",
  export: "release-type",
  fetch: "release-type",
  find: "release-type",
  list: "release-type",
  verify: "release-type",
};

/**
 * What to try where a run was not found and the job's own release type was not used: it says nothing
 * of other runs.
 *
 * @param message What was not found.
 * @param invocation What was given.
 * @param env Reads the environment.
 * @returns The end of a message; empty, if that is not what is wrong.
 */
export function releaseTypeHint(
  message: string,
  { command: [command], options }: Invocation,
  env: (name: string) => string | undefined,
): string {
  const type = env("RELEASE_TYPE") || "ci";
  const flag = Object.hasOwn(READERS, command) ? READERS[command] : undefined;
  if (flag === undefined || type === "ci" || !/\b(?:runs?|commits?) /i.test(message)) return "";
  if (options.has(flag) || options.has("release-type")) return "";
  // A verification that changes the run has used it.
  if (["remove-left", "from", "drop-incomplete"].some((name) => options.has(name))) return "";
  const own = env("GITHUB_RUN_ID") || undefined;
  const id = options.get(command === "copy" ? "source-run-id" : "run-id") ?? env("THEROCK_RUN_ID");
  const isOther = id
    ? id !== own
    : ["commit", "ref", "latest", "branch"].some((o) => options.has(o));
  const isNamedByArgument = command === "diff" || command === "export" || command === "bisect";
  if (!isOther && !isNamedByArgument) return "";
  return `; $RELEASE_TYPE (${type}) was not used, because it is that of this job's own run: try ` +
    `--${flag} ${shellWord(type)}`;
}

/** Names the service in a message of the driver for S3, which reads it. */
function rightServer(text: string, { command: [command], options }: Invocation): string {
  const server = options.get("server");
  // A copy reads the service, and writes elsewhere.
  const isWritten = command === "copy" && /\bCannot (?:write|delete|copy)\b/.test(text);
  if (server === undefined || isWritten) return text;
  return text
    .replace(/\bs3:\/\/(?=[^/'\s])/g, `${server.replace(/\/+$/, "")}/s3/`)
    .replace(/(?<![\w-])(?:--bucket and )?--endpoint-url\b/g, "--server");
}

/** Names the right bucket option in a message of a command with two buckets. */
function rightBucket(text: string, { command: [command], options }: Invocation): string {
  const [, bucket] = /\bs3:\/\/([^/']+)/.exec(text) ?? [];
  if (bucket === undefined || options.get("bucket") === bucket) return text;
  const isOther = command === "diff"
    ? options.get("bucket-b") === bucket
    : command === "copy" && isSource(bucket, options);
  const flag = command === "diff" ? "--bucket-b" : "--source-bucket";
  return isOther ? text.replace(/\bcheck --bucket(?![\w-])/, `check ${flag}`) : text;
}

/** Names the options for the run in a message of an operation, which does not know them. */
function rightRun(text: string, { command: [command], options }: Invocation): string {
  // Their runs are arguments.
  if (command === "diff" || command === "export") return text;
  const [id, platform, repo] = ["run-id", "platform", "repo"].map((name) => {
    const isSource = command === "copy" && (!options.has(name) || options.has(`source-${name}`));
    return isSource ? `--source-${name}` : `--${name}`;
  });
  return text.replace(
    /\bcheck the run id, the platform and the repository\b/,
    `check ${id}, ${platform} and ${repo}`,
  );
}

/** What is said if no run is given. */
const MISSING_RUN = /^Missing run id: give --run-id ID .*$/;

/** Says how this command takes what is missing, in a message about a missing id. */
function rightMissing(text: string, { command: [command], options }: Invocation): string {
  if (command === "export") {
    return text.replace(MISSING_RUN, "Missing run: give it after the archive, as in 12345-linux");
  }
  if (command === "copy") {
    const local = text.replace(
      /(?<='local' is the run if no id is given: give )the id/,
      "--source-run-id ID",
    );
    if (options.has("bucket")) return local;
    return local.replace(
      MISSING_RUN,
      "Missing destination: give --to-staging DIR, or --run-id ID for a copy in S3",
    );
  }
  const flag = command === "upload" ? "--output-dir" : LOCAL_READERS.includes(command) &&
    "--staging-dir";
  if (!flag || BUCKET.some((name) => options.has(name))) return text;
  return text.replace(
    /^Missing run id: give --run-id ID\b/,
    `$&, or ${flag} DIR for the run in a local directory`,
  );
}

/** Commands that read one run, and take it from `--staging-dir`. */
const LOCAL_READERS = ["fetch", "index", "list", "verify"];

/** Whether a bucket is the source of a copy. Not called for the value of --bucket. */
function isSource(bucket: string, options: Invocation["options"]): boolean {
  if (options.has("source-bucket")) return options.get("source-bucket") === bucket;
  return !options.has("from-staging") && (options.has("to-staging") || options.has("bucket"));
}

/** The options under the names that they have in a command that reads a run. */
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
    const [, runId, platform] = /^(.*?)(?:-(linux|windows))?$/is.exec(args[1])!;
    // The key of an external repository's run is one name.
    const isKey = /[~/]/.test(runId);
    called.set("run-id", isKey ? args[1] : runId);
    if (!isKey && platform !== undefined) called.set("platform", platform.toLowerCase());
  }
  if (first !== "copy") return called;
  // For a copy, lists are about the source and `index` about the destination.
  if (hint !== "list" && hint !== "runs list") rename("to-staging", "staging-dir");
  else {
    rename("from-staging", "staging-dir");
    called.delete("bucket");
    for (const name of ["run-id", "platform", "repo", "release-type", "bucket"]) {
      rename(`source-${name}`, name);
    }
  }
  return called;
}

/** A value quoted as one word of a shell, inside of a text in single quotes. */
function shellWord(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `"${value.replace(/["\\$`]/g, "\\$&")}"`;
}
