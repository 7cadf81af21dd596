/**
 * The main program: parses the arguments, runs the command, and turns the result or the error into
 * output and an exit code.
 *
 * @module
 */

import type { CommanderError } from "commander";
import config from "../../deno.json" with { type: "json" };
import { escapeUnprintable, RunOutputsError } from "../errors/error.ts";
import { missingPermission } from "../errors/permission.ts";
import type { Context } from "./context.ts";
import { EXIT, exitCodeOf } from "./exit_codes.ts";
import { helpWidth, wrapHelp } from "./help_width.ts";
import { completeHints, type Invocation, releaseTypeHint } from "./hints.ts";
import { divided } from "./leading_options.ts";
import { usesColor } from "./terminal/color.ts";
import type { Fence } from "./fence/fence.ts";
import { type Io, type MessageIo, withEnv } from "./terminal/io.ts";
import { jsonText } from "../layout/json_text.ts";
import { printLabelled } from "./terminal/output.ts";
import { guarded } from "./terminal/redact.ts";
import { TOP_HELP } from "./top_help.ts";

const VERSION = `${config.version}\n`;

/**
 * The arguments that are answered with a text, without loading the commands and their parser: that
 * takes longer than all the rest.
 */
const ANSWERS: Readonly<Record<string, string>> = {
  "--help": TOP_HELP,
  "-h": TOP_HELP,
  help: TOP_HELP,
  "--version": VERSION,
  "-V": VERSION,
};

/**
 * Runs a command line.
 *
 * @param args The arguments, without the program's name.
 * @param world Streams, environment and signals.
 * @param fence Runs a command in a thread with few permissions, if possible.
 * @returns The exit code.
 */
export async function main(args: readonly string[], world: Io, fence?: Fence): Promise<number> {
  let invocation: Invocation | undefined;
  let io: MessageIo;
  try {
    const complete = (text: string) => invocation ? completeHints(text, invocation) : text;
    io = { ...guarded(world), complete };
  } catch (error) {
    // Without permission to read the environment, there are no known secrets to redact.
    return reportError(error, args, withEnv(world, () => undefined));
  }
  const interruption = new Interruption(world, colorsErrors(args, world));
  let exitCode: number = EXIT.done;
  const context: Context = {
    io,
    args,
    setExitCode: (code) => exitCode = code,
    interruption: () => interruption.signal(),
  };
  const run = async (): Promise<number> => {
    try {
      const [first, ...more] = divided(args).rest;
      if (first === undefined) {
        io.stderr(wrapHelp(TOP_HELP, helpWidth(io, "stderr")));
        return EXIT.usage;
      }
      if (more.length === 0 && Object.hasOwn(ANSWERS, first)) {
        io.stdout(wrapHelp(ANSWERS[first], helpWidth(io, "stdout")));
        return EXIT.done;
      }
      const { runCommand } = await import("./program.ts");
      await runCommand(args, context, (started) => invocation = started, fence);
      return exitCode;
    } catch (error) {
      if (interruption.happened) {
        const message = "interrupted; finished files stay, run the same command again to resume";
        printError("interrupted", message, EXIT.interrupted, args, io);
        return EXIT.interrupted;
      }
      return reportError(error, args, io, invocation);
    }
  };
  try {
    return await Promise.race([run(), interruption.second]);
  } finally {
    interruption.dispose();
  }
}

function reportError(
  error: unknown,
  args: readonly string[],
  io: MessageIo,
  invocation?: Invocation,
): number {
  if (isParserError(error)) {
    if (error.exitCode === 0) return EXIT.done;
    // Without a subcommand, commander has printed the help already.
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
  // What is not an error of ours is a defect, and where it happened is all that is known of it.
  if (!(error instanceof RunOutputsError) || ownOptions(args).includes("--debug")) {
    for (let at: unknown = error; at instanceof Error; at = at.cause) io.stderr(stackText(at));
  }
  return exitCode;
}

/** Whether this is commander's error, without loading commander for it. */
function isParserError(error: unknown): error is CommanderError {
  return error instanceof Error && "code" in error && String(error.code).startsWith("commander.");
}

function printError(
  code: string,
  message: string,
  exitCode: number,
  args: readonly string[],
  io: MessageIo,
): void {
  message = io.complete?.(message) ?? message;
  printLabelled(io, "error", escapeUnprintable(message), colorsErrors(args, io));
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

/** Whether errors are in colour. Reads raw arguments too. */
function colorsErrors(args: readonly string[], io: Io): boolean {
  const options = ownOptions(args);
  const at = options.findLastIndex((arg) => /^--color(?:=|$)/.test(arg));
  const when = at < 0 ? undefined : options[at].split("=")[1] ?? options[at + 1];
  return usesColor(io, "stderr", when);
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
  readonly #hasColor: boolean;
  readonly #controller = new AbortController();
  #stop: (() => void) | undefined;
  #end: (code: number) => void = () => {};

  constructor(io: Io, hasColor: boolean) {
    this.#io = io;
    this.#hasColor = hasColor;
    this.second = new Promise((resolve) => this.#end = resolve);
  }

  signal(): AbortSignal {
    this.#stop ??= this.#io.onInterrupt(() => {
      if (this.happened) {
        // The progress bars hide the cursor, and nothing else will show it again.
        if (this.#io.stderrIsTerminal) this.#io.stderr(`${SHOW_CURSOR}\n`);
        // Parts of large files remain on the server and on disk, with their journals.
        printLabelled(this.#io, "error", ENDED_AT_ONCE, this.#hasColor);
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
