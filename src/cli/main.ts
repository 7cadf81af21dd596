/**
 * The main program: parses the arguments, runs the command, and turns the result or the error into
 * output and an exit code.
 *
 * @module
 */

import { Command, CommanderError } from "commander";
import config from "../../deno.json" with { type: "json" };
import { escapeUnprintable, RunOutputsError } from "../errors/error.ts";
import { missingPermission } from "../errors/permission.ts";
import { bisectCommand } from "./commands/bisect/bisect.ts";
import { bucketCommand } from "./commands/bucket.ts";
import { copyCommand } from "./commands/copy/copy.ts";
import { exportCommand } from "./commands/copy/export.ts";
import { fetchCommand } from "./commands/fetch/fetch.ts";
import { findCommand } from "./commands/find/find.ts";
import { importCommand } from "./commands/copy/import.ts";
import { indexCommand } from "./commands/index.ts";
import { listCommand } from "./commands/list.ts";
import { pathCommand } from "./commands/path.ts";
import { runsCommand } from "./commands/runs/runs.ts";
import { uploadCommand } from "./commands/upload/upload.ts";
import { stagesCommand } from "./commands/stages.ts";
import { staleUploadsCommand } from "./commands/stale_uploads.ts";
import { diffCommand } from "./commands/diff/diff.ts";
import { verifyCommand } from "./commands/verify/verify.ts";
import type { Context } from "./context.ts";
import { ignoreEmptyValues, noteEmptyLists } from "./empty_values.ts";
import { EXIT, exitCodeOf } from "./exit_codes.ts";
import { resolveHelp } from "./help.ts";
import { completeHints, type Invocation, invocationOf, releaseTypeHint } from "./hints.ts";
import { type Io, type MessageIo, withEnv } from "./terminal/io.ts";
import { jsonText } from "./terminal/json_text.ts";
import { Output, printLabelled } from "./terminal/output.ts";
import { guarded } from "./terminal/redact.ts";
import { explainUnknown } from "./unknown_word.ts";

/**
 * Runs a command line.
 *
 * @param args The arguments, without the program's name.
 * @param world Streams, environment and signals.
 * @returns The exit code.
 */
export async function main(args: readonly string[], world: Io): Promise<number> {
  let invocation: Invocation | undefined;
  let io: MessageIo;
  try {
    const complete = (text: string) => invocation ? completeHints(text, invocation) : text;
    io = { ...guarded(world), complete };
  } catch (error) {
    // Without permission to read the environment, there are no known secrets to redact.
    return reportError(error, args, withEnv(world, () => undefined));
  }
  const interruption = new Interruption(world);
  let exitCode: number = EXIT.done;
  const context: Context = {
    io,
    setExitCode: (code) => exitCode = code,
    interruption: () => interruption.signal(),
  };
  const program = createProgram(context)
    .hook("preAction", (_, command) => {
      invocation = invocationOf(command);
      noteEmptyLists(command, new Output(io, command.opts()));
    });
  const run = async (): Promise<number> => {
    try {
      await program.parseAsync([...resolveHelp(program, args)], { from: "user" });
      return exitCode;
    } catch (error) {
      if (interruption.happened) {
        const message = "interrupted; finished files stay, run the same command again to resume";
        printError("interrupted", message, EXIT.interrupted, args, io);
        return EXIT.interrupted;
      }
      return reportError(explainUnknown(program, args, error), args, io, invocation);
    }
  };
  try {
    return await Promise.race([run(), interruption.second]);
  } finally {
    interruption.dispose();
  }
}

/**
 * Builds the program: all commands with their options.
 *
 * @param context Passed to the commands.
 * @returns The program.
 */
export function createProgram(context: Context): Command {
  const { io } = context;
  const program = new Command("run-outputs")
    .description("Upload, find, download and verify the outputs of CI workflow runs.")
    .version(config.version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command...]", "print a command's help")
    .addHelpText(
      "after",
      `
Examples:
  run-outputs path artifact blas_lib_gfx94X-dcgpu.tar.zst --run-id 12345 --platform linux
  run-outputs upload build --artifact-group gfx94X-dcgpu --output-dir ./staging --run-id 12345
  run-outputs list --staging-dir ./staging --run-id 12345
  run-outputs find --commit 1a2b3c4d --artifact-group gfx94X-dcgpu
  run-outputs fetch 'blas_*' --staging-dir ./staging --run-id 12345 --output-dir ./artifacts

Exit codes: 0 success, 1 failure, 2 usage error, 3 not found, 4 access denied, 5 network error,
6 checksum mismatch, 7 incomplete, 130 interrupted.`,
    );
  program.addCommand(pathCommand(context));
  program.addCommand(bucketCommand(context));
  program.addCommand(uploadCommand(context));
  program.addCommand(listCommand(context));
  program.addCommand(findCommand(context));
  program.addCommand(fetchCommand(context));
  program.addCommand(bisectCommand(context));
  program.addCommand(verifyCommand(context));
  program.addCommand(diffCommand(context));
  program.addCommand(copyCommand(context));
  program.addCommand(exportCommand(context));
  program.addCommand(importCommand(context));
  program.addCommand(indexCommand(context));
  program.addCommand(runsCommand(context));
  program.addCommand(stagesCommand(context));
  program.addCommand(staleUploadsCommand(context));
  configure(program, io);
  return program;
}

/** Settings that commander does not pass on to subcommands added with `addCommand`. */
function configure(command: Command, io: Io): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => io.stdout(text),
    writeErr: (text) => io.stderr(text),
    // reportError() prints all errors, as one line each.
    outputError: () => {},
    getOutHelpWidth: () => 100,
    getErrHelpWidth: () => 100,
  });
  ignoreEmptyValues(command);
  for (const child of command.commands) configure(child, io);
}

function reportError(
  error: unknown,
  args: readonly string[],
  io: MessageIo,
  invocation?: Invocation,
): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.done;
    // Without a command, commander has printed the help already.
    if (error.code === "commander.help") return EXIT.usage;
    printError("invalid", oneLine(error.message.replace(/^error: /, "")), EXIT.usage, args, io);
    return EXIT.usage;
  }
  const permission = error instanceof RunOutputsError ? undefined : missingPermission(error);
  if (permission !== undefined) {
    error = new RunOutputsError("denied", `Cannot run the command: ${permission}`, {
      cause: error,
    });
  }
  const exitCode = exitCodeOf(error);
  const said = error instanceof Error ? oneLine(error.message) : String(error);
  const code = error instanceof RunOutputsError ? error.code : "failed";
  const message = code === "not_found" && invocation !== undefined
    ? said + releaseTypeHint(said, invocation, (name) => io.env(name))
    : said;
  printError(code, message, exitCode, args, io);
  // A usage error needs no stack.
  if (error instanceof RunOutputsError && error.code === "invalid") return exitCode;
  if (
    !(error instanceof RunOutputsError) ||
    ownOptions(args).some((arg) => /^(-v|--verbose)$/.test(arg))
  ) {
    for (let at: unknown = error; at instanceof Error; at = at.cause) io.stderr(stackText(at));
  }
  return exitCode;
}

function printError(
  code: string,
  message: string,
  exitCode: number,
  args: readonly string[],
  io: MessageIo,
): void {
  message = io.complete?.(message) ?? message;
  printLabelled(io, "error", escapeUnprintable(message));
  if (!wantsJson(args)) return;
  const document = {
    schema: "run-outputs.error/1",
    error: { code, message, exit_code: exitCode },
  };
  try {
    for (const piece of jsonText(document)) io.stdout(piece);
  } catch {
    // Standard output can't be written. The message above says what failed.
  }
}

/** A stack begins with its error's message, which can hold anything. */
function stackText({ stack = "" }: Error): string {
  return stack.split("\n").map((line) => `${escapeUnprintable(line)}\n`).join("");
}

/** Whether to print errors as JSON too. Reads raw arguments, because parsing may have failed. */
function wantsJson(args: readonly string[]): boolean {
  const options = ownOptions(args);
  if (options.includes("--json") || options.includes("--format=json")) return true;
  return options.some((arg, i) => arg === "--format" && options[i + 1] === "json");
}

/** The arguments before `--`. After it come names, or options of another program. */
function ownOptions(args: readonly string[]): readonly string[] {
  const end = args.indexOf("--");
  return end < 0 ? args : args.slice(0, end);
}

/** Joins lines: commander prints its suggestion on a separate line. */
function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, " ");
}

const ENDED_AT_ONCE = "stopped without cleaning up; run the same command again to resume";

const SHOW_CURSOR = "\u001b[?25h";

/** Interruptions by the user. The first one aborts; the second one exits without cleaning up. */
class Interruption {
  happened = false;
  readonly second: Promise<number>;
  readonly #io: Io;
  readonly #controller = new AbortController();
  #stop: (() => void) | undefined;
  #end: (code: number) => void = () => {};

  constructor(io: Io) {
    this.#io = io;
    this.second = new Promise((resolve) => this.#end = resolve);
  }

  signal(): AbortSignal {
    this.#stop ??= this.#io.onInterrupt(() => {
      if (this.happened) {
        // The progress bars hide the cursor, and nothing else will show it again.
        if (this.#io.stderrIsTerminal) this.#io.stderr(`${SHOW_CURSOR}\n`);
        // Parts of large files remain on the server and on disk, with their journals.
        printLabelled(this.#io, "error", ENDED_AT_ONCE);
        this.#end(EXIT.interrupted);
      }
      this.happened = true;
      this.#controller.abort();
    });
    return this.#controller.signal;
  }

  dispose(): void {
    this.#stop?.();
  }
}
