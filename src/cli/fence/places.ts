/**
 * The files and directories that a command line names, and how the command uses them.
 *
 * @module
 */

import { dirname, join } from "node:path";
import type { CommandLine, Surroundings, Use } from "./invocation.ts";

/** Options that name a file which any command only reads. */
const FILES: Readonly<Record<string, string>> = {
  patternsFrom: "the patterns (--patterns-from)",
  familiesFile: "the GPU families (--families-file)",
  serverTokenFile: "the token (--server-token-file)",
  tokenFile: "the token (--token-file)",
  keepListed: "the list of runs to keep (--keep-listed)",
  execute: "the plan (--execute)",
  bisectDir: "runs that a bisect uses (--bisect-dir)",
};

const CACHE = "the cache (--cache-dir)";

const SPOOLED = "the export from standard input, until it is imported ($TMPDIR)";

const TOPOLOGY = "BUILD_TOPOLOGY.toml";

const STATE_DIR = ".run-outputs-bisect";

/** Commands that change runs in a staging directory, always or with one of these options. */
const CHANGES: Readonly<Record<string, readonly string[] | true>> = {
  index: true,
  verify: ["repair", "removeLeft", "dropIncomplete"],
  "runs list": ["writeSummaries"],
  "runs pin": true,
  "runs unpin": true,
  "runs prune": true,
  serve: ["allowPin", "allowMirror"],
};

/**
 * The uses of files and directories.
 *
 * @param line The command line.
 * @param around Its environment.
 * @returns The uses, without those of the program and of credentials.
 */
export function placesOf(line: CommandLine, around: Surroundings): Use[] {
  const { command, options } = line;
  const uses: Use[] = [];
  for (const [name, why] of Object.entries(FILES)) {
    for (const path of texts(options[name])) uses.push(["read", path, why]);
  }
  if (options.topology !== undefined || texts(options.stage).length > 0) {
    uses.push(["read", text(options.topology) ?? TOPOLOGY, "the stages (--topology)"]);
  }
  if (command.startsWith("upload ")) uses.push(...uploadPlaces(line, around));
  else if (command.startsWith("bisect ")) uses.push(...bisectPlaces(line, around));
  else if (command === "copy") uses.push(...copyPlaces(line, around));
  else if (command === "import") {
    for (const path of texts(line.args[0])) {
      if (path === "-") uses.push(["write", temporaryDir(around), SPOOLED]);
      else uses.push(["read", path, "the export"]);
    }
    const output = outputDir(line, around);
    if (output !== undefined) uses.push(["write", output, "the output (--output-dir)"]);
  } else uses.push(...readerPlaces(line, around));
  return uses;
}

/**
 * The local directory that holds the runs.
 *
 * @param line The command line.
 * @param around Its environment.
 * @returns The directory; `undefined`, if the runs are elsewhere.
 */
export function runsDir({ command, options }: CommandLine, { env }: Surroundings) {
  if (options.server !== undefined && command !== "serve") return undefined;
  // A bisect keeps the directory of its start.
  if (/^bisect (?!start)/.test(command)) return text(options.stagingDir);
  return text(options.stagingDir) ?? (env("THEROCK_LOCAL_STAGING_DIR") || undefined);
}

/**
 * The local directory that an upload or import writes to.
 *
 * @param line The command line.
 * @param around Its environment.
 * @returns The directory; `undefined`, if it writes to S3.
 */
export function outputDir({ options }: CommandLine, { env }: Surroundings): string | undefined {
  return text(options.outputDir) ?? (env("THEROCK_LOCAL_STAGING_DIR") || undefined);
}

/** Whether a command changes the runs in its staging directory or bucket. */
export function changesRuns({ command, options }: CommandLine): boolean {
  const by = CHANGES[command] ?? [];
  return by === true || by.some((name) => isGiven(options[name]));
}

function readerPlaces(line: CommandLine, around: Surroundings): Use[] {
  const { command, args, options } = line;
  const uses: Use[] = [];
  const runs = runsDir(line, around);
  const [first] = args.map(texts);
  const ownDir = (command === "verify" || command === "index") && first?.[0] !== undefined;
  if (ownDir) {
    const changed = command === "index" || isGiven(options.repair);
    uses.push([changed ? "write" : "read", first[0], "the directory"]);
    // It can be that of a run, in a staging directory.
    if (command === "index") uses.push(["read", join(first[0], ".."), "the directory above"]);
  }
  if (runs !== undefined) {
    const changed = !ownDir && changesRuns(line);
    uses.push([changed ? "write" : "read", runs, "the staging directory"]);
  }
  const runsB = text(options.stagingDirB);
  if (runsB !== undefined) uses.push(["read", runsB, "the staging directory (--staging-dir-b)"]);
  const from = text(options.from);
  if (from !== undefined) uses.push(["read", from, "the copy to repair from (--from)"]);
  if (command === "fetch") uses.push(...fetchPlaces(line, around));
  else if (command === "status") uses.push(["read", first?.[0] ?? ".", "the directory"]);
  else if (command === "find" || command.startsWith("cache ")) {
    const cache = cacheOf(line, around);
    if (cache !== undefined) uses.push([command === "cache list" ? "read" : "write", cache, CACHE]);
  } else if (command === "export") {
    const file = first?.[0];
    if (file !== undefined && file !== "-") {
      uses.push(["write", dirname(file), "the exported file, and its temporary file beside it"]);
    }
  } else if (command === "runs prune") {
    uses.push(["read", STATE_DIR, "runs that a bisect uses"]);
  } else if (command === "serve") uses.push(...servePlaces(line));
  return uses;
}

function fetchPlaces(line: CommandLine, around: Surroundings): Use[] {
  const { options } = line;
  const uses: Use[] = [];
  const output = text(options.outputDir);
  if (output !== undefined) {
    uses.push(["write", output, "the output (--output-dir)"]);
    for (const path of around.workDirs) {
      uses.push(["write", path, "downloads that are not complete yet, beside the output"]);
    }
  } else if (isGiven(options.list)) {
    uses.push(["read", ".", "what is here already (--output-dir)"]);
  }
  const cache = cacheOf(line, around);
  if (cache !== undefined) uses.push(["write", cache, CACHE]);
  return uses;
}

/** The cache of archives and of GitHub's responses. */
function cacheOf({ options }: CommandLine, around: Surroundings): string | undefined {
  return text(options.cacheDir) ?? (around.env("RUN_OUTPUTS_CACHE_DIR") || undefined) ??
    userDir(around, "cache");
}

function uploadPlaces(line: CommandLine, around: Surroundings): Use[] {
  const { command, args, options } = line;
  const uses: Use[] = [];
  const packs = /^upload (?:build|stage|artifacts)$/.test(command);
  const inputs = command === "upload build" || command === "upload stage"
    ? [text(options.buildDir) ?? (around.env("BUILD_DIR") || "build")]
    : args.flatMap(texts);
  for (const path of inputs) uses.push(["read", path, "the files to upload"]);
  const work = text(options.workDir) ?? inputs[0];
  if (packs && work !== undefined && !isGiven(options.dryRun)) {
    uses.push(["write", work, "archives until they are uploaded (--work-dir)"]);
    const temporary = around.env("RUNNER_TEMP") || undefined;
    if (text(options.workDir) === undefined && temporary !== undefined) {
      uses.push(["write", temporary, "archives until they are uploaded, in a job ($RUNNER_TEMP)"]);
    }
  }
  if (command === "upload stage" && options.topology === undefined) {
    uses.push(["read", TOPOLOGY, "the stages (--topology)"]);
  }
  const output = outputDir(line, around);
  if (output !== undefined) uses.push(["write", output, "the output (--output-dir)"]);
  return uses;
}

function copyPlaces({ options }: CommandLine, { env }: Surroundings): Use[] {
  const staging = env("THEROCK_LOCAL_STAGING_DIR") || undefined;
  const from = options.server === undefined ? text(options.fromStaging) ?? staging : undefined;
  const to = text(options.toStaging) ?? staging;
  return [
    ...from === undefined ? [] : [["read", from, "the source (--from-staging)"] as const],
    ...to === undefined ? [] : [["write", to, "the destination (--to-staging)"] as const],
  ];
}

function bisectPlaces(line: CommandLine, around: Surroundings): Use[] {
  const { options } = line;
  const state = text(options.stateDir) ?? STATE_DIR;
  const uses: Use[] = [["write", state, "the state of the bisect (--state-dir)"]];
  const runs = runsDir(line, around);
  if (runs !== undefined) uses.push(["read", runs, "the staging directory"]);
  const output = text(options.outputDir);
  if (output !== undefined) uses.push(["write", output, "the artifacts (--output-dir)"]);
  const cache = cacheOf(line, around);
  if (cache !== undefined) uses.push(["write", cache, CACHE]);
  return uses;
}

function servePlaces({ options }: CommandLine): Use[] {
  const uses: Use[] = [];
  const socket = text(options.socket);
  if (socket !== undefined) uses.push(["write", socket, "the socket"]);
  for (const { place } of (options.mirrorSource ?? []) as { readonly place: string }[]) {
    if (!/^(?:s3|https?):\/\//i.test(place)) uses.push(["read", place, "a source of mirrors"]);
  }
  return uses;
}

/**
 * A directory of the user for this program.
 *
 * @param around The environment.
 * @param kind The cache, or the state of interrupted uploads.
 * @returns The directory; `undefined`, if the environment does not name one.
 */
export function userDir(
  { env, os }: Surroundings,
  kind: "cache" | "state",
): string | undefined {
  const home = env("HOME") || undefined;
  const standard = kind === "cache" ? [".cache"] : [".local", "state"];
  const base = os === "windows"
    ? env("LOCALAPPDATA") || undefined
    : env(kind === "cache" ? "XDG_CACHE_HOME" : "XDG_STATE_HOME") ||
      (home && join(home, ...standard));
  return base && join(base, "run-outputs");
}

/** The directory for temporary files, as the runtime determines it. */
function temporaryDir({ env, os }: Surroundings): string {
  if (os !== "windows") return env("TMPDIR") || "/tmp";
  return env("TMP") || env("TEMP") || env("USERPROFILE") || "C:\\Windows";
}

/** The value of an option that has one. */
export function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The values of an option or argument that can be repeated. */
export function texts(value: unknown): string[] {
  const all = Array.isArray(value) ? value : [value];
  return all.filter((one) => typeof one === "string" && one !== "");
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== false;
}
