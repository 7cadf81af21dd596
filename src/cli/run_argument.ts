/**
 * A run as a plain argument: `list 12345` is `list --run-id 12345`.
 *
 * @module
 */

import { basename, dirname } from "node:path";
import { Argument, type Command } from "commander";
import { invalid, quote, RunOutputsError } from "../errors/error.ts";
import { nonEmpty } from "./options.ts";
import { tryParseRunName } from "../runs/retention/run_key.ts";
import { LOCAL_RUN, RUN_WORD } from "./run_word.ts";

/** The arguments that can be a run instead of `--run-id`. */
const MARKED = new WeakSet<Argument>();

/** The arguments that are runs and nothing else. */
const ONLY_RUNS = new WeakSet<Argument>();

/** Adds an argument that is a run, and nothing else. */
export function withRunArgument(command: Command): Command {
  const argument = new Argument("[run]", "the run, instead of --run-id: ID, or ID-PLATFORM");
  return command.addArgument(orRun(onlyRuns(argument.argParser(nonEmpty))));
}

/**
 * Marks an argument that is one run, or several, and nothing else.
 *
 * @param argument The argument.
 * @returns The same.
 */
export function onlyRuns(argument: Argument): Argument {
  ONLY_RUNS.add(argument);
  return argument;
}

/**
 * Marks an argument that can be a run instead of what it is otherwise: a directory, or patterns of
 * which the first can be a run.
 *
 * @param argument The argument.
 * @returns The same.
 */
export function orRun(argument: Argument): Argument {
  MARKED.add(argument);
  return argument;
}

/**
 * Turns an argument that is a run into the options that name the run.
 *
 * @param command The command, after it was parsed.
 * @param line What was parsed. A word after `--` is a run only if it can be nothing else.
 * @throws {RunOutputsError} `invalid`, if an option names another run or platform, or a run is given
 * as the path of its directory.
 */
export async function takeRunArgument(command: Command, line: readonly string[]): Promise<void> {
  for (const name of runsIn(command)) await refusePath(name, command);
  const at = command.registeredArguments.findIndex((argument) => MARKED.has(argument));
  if (at < 0) return;
  const argument = command.registeredArguments[at];
  const end = line.indexOf("--");
  const plain = end < 0 ? 0 : line.length - end - 1;
  if (argument.name() !== "run" && at >= command.args.length - plain) return;
  const given: string | readonly string[] | undefined = command.processedArgs[at];
  const [name, ...rest] = typeof given === "string" ? [given] : given ?? [];
  if (name === undefined || !await isRun(name, argument, command)) return;
  command.processedArgs[at] = argument.variadic ? rest : undefined;
  const run = tryParseRunName(name);
  // The key of an external repository names that, too.
  const hint = argument.variadic ? "; a pattern goes after --" : "";
  setOption(command, "runId", run?.externalRepo === "" ? run.runId : name, name, hint);
  if (run !== undefined) setOption(command, "platform", run.platform, name, hint);
}

async function isRun(name: string, argument: Argument, command: Command): Promise<boolean> {
  if (argument.variadic && !hasPlace(command)) await refusePath(name, command, "pattern");
  const isName = RUN_WORD.test(name) || name === "local" || tryParseRunName(name) !== undefined;
  if (argument.name() === "run") {
    if (isName) return true;
    throw invalid("run", name, "ID, ID-PLATFORM or a run's key; any other id needs --run-id");
  }
  // A local run is called like a word, which can also be a pattern beside an id.
  const isLocal = LOCAL_RUN.test(name) && command.getOptionValue("runId") === undefined;
  if (!isLocal && !RUN_WORD.test(name)) return false;
  // Digits can be searched for in names.
  if (argument.variadic) return command.getOptionValue("regex") !== true;
  return await Deno.stat(name).then(() => false, (error) => error instanceof Deno.errors.NotFound);
}

/** The words of a command line that can only be runs. */
function* runsIn(command: Command): Generator<string> {
  for (const [i, argument] of command.registeredArguments.entries()) {
    if (!ONLY_RUNS.has(argument)) continue;
    const given: string | readonly string[] | undefined = command.processedArgs[i];
    yield* typeof given === "string" ? [given] : given ?? [];
  }
  const id: unknown = command.getOptionValue("runId");
  if (typeof id === "string") yield id;
}

function hasPlace(command: Command): boolean {
  return ["stagingDir", "server", "bucket"]
    .some((place) => command.getOptionValue(place) !== undefined);
}

/** Rejects the path of a run's directory, where a run or patterns are expected. */
async function refusePath(name: string, command: Command, as?: "pattern"): Promise<void> {
  if (!/[\\/]/.test(name)) return;
  const hasOption = command.options.some(({ long }) => long === "--staging-dir");
  const run = basename(name);
  if (!hasOption || tryParseRunName(run) === undefined) return;
  // The prefix of an external repository's run is a run too.
  const isRun = tryParseRunName(name) !== undefined;
  if (isRun && hasPlace(command)) return;
  const paths = isRun || as === "pattern" ? [name] : [name, dirname(name)];
  const found = await Promise.all(paths.map((path) => Deno.stat(path).catch(() => undefined)));
  if (!found.some((info) => info?.isDirectory)) return;
  throw new RunOutputsError(
    "invalid",
    `Cannot use the directory ${quote(name)} as a run: give --staging-dir ${dirname(name)} and ` +
      `the run ${run}`,
  );
}

function setOption(
  command: Command,
  key: string,
  value: string,
  name: string,
  hint: string,
): void {
  const before: unknown = command.getOptionValue(key);
  const flag = key === "runId" ? "--run-id" : "--platform";
  if (before !== undefined && before !== value && before !== name) {
    throw invalid(flag, `${before}`, `that of the run '${name}', or nothing${hint}`);
  }
  if (before === undefined) command.setOptionValueWithSource(key, value, "cli");
}
