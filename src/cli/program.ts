/**
 * The commands: builds the one that a command line names, and runs it. The others are not loaded.
 *
 * @module
 */

import { Command } from "commander";
import config from "../../deno.json" with { type: "json" };
import type { Context } from "./context.ts";
import type { Fence } from "./fence/fence.ts";
import type { CommandLine } from "./fence/invocation.ts";
import { ignoreEmptyValues, noteEmptyLists } from "./empty_values.ts";
import { helpWidth, wrapHelp } from "./help_width.ts";
import { resolveHelp } from "./help.ts";
import { RunOutputsError } from "../errors/error.ts";
import { type Invocation, invocationOf } from "./hints.ts";
import { commandFirst, divided } from "./leading_options.ts";
import { withListHint } from "./list_hint.ts";
import { checkLocalInputs } from "./local_inputs.ts";
import type { Io } from "./terminal/io.ts";
import { Output } from "./terminal/output.ts";
import { DOCUMENTATION, TOP_HELP } from "./top_help.ts";
import { takeRunArgument } from "./run_argument.ts";
import { commandOf, explainUnknown } from "./unknown_word.ts";

/** How each command is loaded and built. */
const COMMANDS: Readonly<Record<string, (context: Context) => Promise<Command>>> = {
  path: async (context) => (await import("./commands/path.ts")).pathCommand(context),
  bucket: async (context) => (await import("./commands/bucket.ts")).bucketCommand(context),
  upload: async (context) => (await import("./commands/upload/upload.ts")).uploadCommand(context),
  list: async (context) => (await import("./commands/list.ts")).listCommand(context),
  find: async (context) => (await import("./commands/find/find.ts")).findCommand(context),
  fetch: async (context) => (await import("./commands/fetch/fetch.ts")).fetchCommand(context),
  status: async (context) => (await import("./commands/fetch/status.ts")).statusCommand(context),
  bisect: async (context) => (await import("./commands/bisect/bisect.ts")).bisectCommand(context),
  verify: async (context) => (await import("./commands/verify/verify.ts")).verifyCommand(context),
  diff: async (context) => (await import("./commands/diff/diff.ts")).diffCommand(context),
  copy: async (context) => (await import("./commands/copy/copy.ts")).copyCommand(context),
  export: async (context) => (await import("./commands/copy/export.ts")).exportCommand(context),
  import: async (context) => (await import("./commands/copy/import.ts")).importCommand(context),
  index: async (context) => (await import("./commands/index.ts")).indexCommand(context),
  runs: async (context) => (await import("./commands/runs/runs.ts")).runsCommand(context),
  serve: async (context) => (await import("./commands/serve/serve.ts")).serveCommand(context),
  stages: async (context) => (await import("./commands/stages.ts")).stagesCommand(context),
  cache: async (context) => (await import("./commands/cache/cache.ts")).cacheCommand(context),
  "stale-uploads": async (context) =>
    (await import("./commands/stale_uploads.ts")).staleUploadsCommand(context),
  doctor: async (context) => (await import("./commands/doctor.ts")).doctorCommand(context),
  completions: async (context) =>
    (await import("./commands/completions.ts")).completionsCommand(context),
};

/** Thrown when a command has run elsewhere, or is not to run at all. */
class Ended extends Error {
  readonly line: CommandLine;

  constructor(line: CommandLine) {
    super("the command is not run here");
    this.line = line;
  }
}

/** What the scripts of shells call, as in `run-outputs __complete =CURRENT [BEFORE...]`. */
const COMPLETE = "__complete";

/**
 * Parses a command line and runs its command.
 *
 * @param args The arguments, without the program's name.
 * @param context Passed to the command.
 * @param onStart Receives what hints can repeat of the command line, before the command runs.
 * @param fence Runs the command in a thread with few permissions, if possible.
 * @throws What the command throws; commander's errors, with suggestions for unknown words.
 */
export async function runCommand(
  args: readonly string[],
  context: Context,
  onStart: (invocation: Invocation) => void,
  fence?: Fence,
): Promise<void> {
  if (args[0] === COMPLETE) return await printCompletion(args.slice(1), context);
  const parse = (other: readonly string[]) => parseLine(other, context);
  await parseWith(args, { ...context, parse }, async (command, line) => {
    await takeRunArgument(command, line);
    onStart(invocationOf(command));
    const output = new Output(context.io, command.opts());
    if (fence !== undefined) {
      // A usage error needs no thread.
      await checkLocalInputs(command);
      const line = await withSaved(lineOf(command));
      const exitCode = await fence(line, output);
      if (exitCode !== undefined) {
        context.setExitCode(exitCode);
        throw new Ended(line);
      }
    }
    noteEmptyLists(command, output);
    await checkLocalInputs(command);
  });
}

/**
 * Parses a command line without running its command.
 *
 * @param args The arguments, without the program's name.
 * @param context Passed to the command.
 * @returns What the grants of the command depend on.
 * @throws What the parser throws; `invalid`, for a request for help.
 */
export async function parseLine(
  args: readonly string[],
  context: Context,
): Promise<CommandLine> {
  const ended = await parseWith(args, context, async (command, line) => {
    await takeRunArgument(command, line);
    throw new Ended(lineOf(command));
  });
  if (ended !== undefined) return await withSaved(ended.line);
  throw new RunOutputsError(
    "invalid",
    `Cannot show permissions of '${args.join(" ")}': it is help`,
  );
}

async function parseWith(
  args: readonly string[],
  context: Context,
  beforeAction: (command: Command, line: readonly string[]) => Promise<void>,
): Promise<Ended | undefined> {
  const { rest } = divided(args);
  const named = rest[0] === "help" ? rest[1] : rest[0];
  const program = await createProgram(
    context,
    named !== undefined && Object.hasOwn(COMMANDS, named) ? [named] : undefined,
  );
  const line = commandFirst(program, args);
  program.hook("preAction", (_, command) => beforeAction(command, line));
  try {
    await program.parseAsync([...resolveHelp(program, ended(line))], { from: "user" });
    return undefined;
  } catch (error) {
    if (error instanceof Ended) return error;
    const [command, rest] = commandOf(program, line);
    throw withListHint(command, rest, explainUnknown(program, line, error));
  }
}

/** Most commands of a bisect have its options from its state. */
async function withSaved(line: CommandLine): Promise<CommandLine> {
  if (!/^bisect (?!start)/.test(line.command)) return line;
  return await (await import("./commands/bisect/saved.ts")).withSavedOptions(line);
}

/** Ends the options of `doctor` before the command that `--permissions` is about. */
function ended(args: readonly string[]): readonly string[] {
  const at = args[0] === "doctor" ? args.indexOf("--permissions") + 1 : 0;
  if (at === 0 || args.slice(0, at).includes("--") || args[at] === "--") return args;
  // Options right after it are its own: help, or a mistake that it reports.
  if (args[at]?.startsWith("-")) return args;
  return [...args.slice(0, at), "--", ...args.slice(at)];
}

/** What the grants of a parsed command depend on. */
function lineOf(command: Command): CommandLine {
  const words: string[] = [];
  for (let at = command; at.parent !== null; at = at.parent) words.unshift(at.name());
  return { command: words.join(" "), args: command.processedArgs, options: command.opts() };
}

async function printCompletion(
  [current = "", ...before]: readonly string[],
  context: Context,
): Promise<void> {
  const { complete, formatCompletion } = await import("./completions/complete.ts");
  const line = { before, current: current.replace(/^=/, "") };
  const completion = await complete(line, {
    env: (name) => context.io.env(name) || undefined,
    build: async (name) =>
      Object.hasOwn(COMMANDS, name)
        ? (await createProgram(context, [name])).commands.find((one) => one.name() === name)
        : undefined,
  });
  context.io.stdout(formatCompletion(completion));
}

/**
 * Builds the program.
 *
 * @param context Passed to the commands.
 * @param names The commands to build; all by default.
 * @returns The program.
 */
export async function createProgram(
  context: Context,
  names: readonly string[] = Object.keys(COMMANDS),
): Promise<Command> {
  const program = new Command("run-outputs")
    .version(config.version, "-V, --version", "print the version")
    .helpCommand("help [command...]", "print a command's help");
  for (const name of names) program.addCommand(await COMMANDS[name](context));
  configure(program, context.io);
  program.helpInformation = () => TOP_HELP;
  program.addHelpText("afterAll", ({ command }) => command === program ? "" : `\n${DOCUMENTATION}`);
  return program;
}

/** Settings that commander does not pass on to subcommands added with `addCommand`. */
function configure(command: Command, io: Io): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => io.stdout(wrapHelp(text, helpWidth(io, "stdout"))),
    writeErr: (text) => io.stderr(wrapHelp(text, helpWidth(io, "stderr"))),
    // reportError() prints all errors, as one line each.
    outputError: () => {},
    getOutHelpWidth: () => helpWidth(io, "stdout"),
    getErrHelpWidth: () => helpWidth(io, "stderr"),
  });
  command.helpOption("-h, --help", "print help");
  ignoreEmptyValues(command);
  for (const child of command.commands) configure(child, io);
}
