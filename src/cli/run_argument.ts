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

/** The arguments that can be a run. */
const MARKED = new WeakSet<Argument>();

/** Adds an argument that is a run, and nothing else. */
export function withRunArgument(command: Command): Command {
  const argument = new Argument("[run]", "the run, instead of --run-id: ID, or ID-PLATFORM");
  return command.addArgument(orRun(argument.argParser(nonEmpty)));
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
 * @throws {RunOutputsError} `invalid`, if an option names another run or platform.
 */
export async function takeRunArgument(command: Command, line: readonly string[]): Promise<void> {
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
  await refusePath(name, argument, command);
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

/** Rejects the path of a run's directory, where a run or patterns are expected. */
async function refusePath(name: string, argument: Argument, command: Command): Promise<void> {
  const isDirectory = !argument.variadic && argument.name() !== "run";
  if (isDirectory || !/[\\/]/.test(name)) return;
  const places = ["stagingDir", "server", "bucket"];
  const hasPlace = places.some((place) => command.getOptionValue(place) !== undefined);
  const hasOption = command.options.some(({ long }) => long === "--staging-dir");
  const run = basename(name);
  if (hasPlace || !hasOption || tryParseRunName(run) === undefined) return;
  const info = await Deno.stat(name).catch(() => undefined);
  if (!info?.isDirectory) return;
  throw new RunOutputsError(
    "invalid",
    `Cannot use the directory ${quote(name)} as a run: give --staging-dir ${dirname(name)} ${run}`,
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
