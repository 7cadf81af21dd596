/**
 * The commands: builds the one that a command line names, and runs it. The others are not loaded.
 *
 * @module
 */

import { Command } from "commander";
import config from "../../deno.json" with { type: "json" };
import type { Context } from "./context.ts";
import { ignoreEmptyValues, noteEmptyLists } from "./empty_values.ts";
import { helpWidth, wrapHelp } from "./help_width.ts";
import { resolveHelp } from "./help.ts";
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

/** What the scripts of shells call, as in `run-outputs __complete =CURRENT [BEFORE...]`. */
const COMPLETE = "__complete";

/**
 * Parses a command line and runs its command.
 *
 * @param args The arguments, without the program's name.
 * @param context Passed to the command.
 * @param onStart Receives what hints can repeat of the command line, before the command runs.
 * @throws What the command throws; commander's errors, with suggestions for unknown words.
 */
export async function runCommand(
  args: readonly string[],
  context: Context,
  onStart: (invocation: Invocation) => void,
): Promise<void> {
  if (args[0] === COMPLETE) return await printCompletion(args.slice(1), context);
  const { rest } = divided(args);
  const named = rest[0] === "help" ? rest[1] : rest[0];
  const program = await createProgram(
    context,
    named !== undefined && Object.hasOwn(COMMANDS, named) ? [named] : undefined,
  );
  program.hook("preAction", async (_, command) => {
    await takeRunArgument(command);
    onStart(invocationOf(command));
    noteEmptyLists(command, new Output(context.io, command.opts()));
    await checkLocalInputs(command);
  });
  const line = commandFirst(program, args);
  try {
    await program.parseAsync([...resolveHelp(program, line)], { from: "user" });
  } catch (error) {
    const [command, rest] = commandOf(program, line);
    throw withListHint(command, rest, explainUnknown(program, line, error));
  }
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
    .helpOption("-h, --help", "print help")
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
  ignoreEmptyValues(command);
  for (const child of command.commands) configure(child, io);
}
