/**
 * Streams, environment and signals of the process, passed in so that tests can replace them.
 *
 * @module
 */

import { diskError } from "../../errors/disk.ts";
import type { WorkflowCommandName } from "../../github/workflow_command.ts";

/** Streams, environment and interruption. */
export interface Io {
  /** Writes to standard output: results, and nothing else. */
  stdout(text: string): void;
  /** Writes to standard error: everything else. */
  stderr(text: string): void;
  /**
   * Writes a command for the runner, as a line. On a runner it is the only way to write one: what
   * looks like a command in other text is escaped.
   *
   * @param stream The destination.
   * @param name The command.
   * @param message Its message.
   */
  command?(stream: "stdout" | "stderr", name: WorkflowCommandName, message?: string): void;
  /** Whether standard error is a terminal that can show progress bars. */
  readonly stderrIsTerminal: boolean;
  /** The width of the terminal in columns, if known. */
  readonly stderrWidth?: () => number | undefined;
  /**
   * Redirects all further text for standard error to one writer, which shows it with its own text.
   * Not all implementations support it.
   */
  readonly claimStderr?: (take: (text: string) => void) => StderrClaim;
  /** Whether standard output is a terminal that can show colours. */
  readonly stdoutIsTerminal: boolean;
  /**
   * Reads an environment variable.
   *
   * @param name Its name.
   * @returns Its value; `undefined` if it is not set.
   */
  env(name: string): string | undefined;
  /** Reads all of standard input. */
  readStdin(): Promise<string>;
  /** Reads standard input as bytes. Not all implementations support it. */
  readonly stdin?: () => ReadableStream<Uint8Array>;
  /**
   * Writes bytes to standard output. Unlike text, they are of no use if somebody closes the pipe:
   * that is an error. Not all implementations support it.
   */
  readonly stdoutBytes?: (bytes: Uint8Array) => void;
  /**
   * Calls a function later. Default: the runtime's timer.
   *
   * @param milliseconds When.
   * @param callback The function.
   * @returns A function that prevents the call.
   */
  schedule?(milliseconds: number, callback: () => void): () => void;
  /**
   * Registers a callback for interruptions by the user.
   *
   * @param callback Called at each interruption.
   * @returns A function that removes the callback.
   */
  onInterrupt(callback: () => void): () => void;
}

/** An {@linkcode Io} that completes messages once it is known which command runs. */
export interface MessageIo extends Io {
  /**
   * Completes the commands in a message with the user's options.
   *
   * @param text The message.
   * @returns The text to write.
   */
  complete?(text: string): string;
}

/** Exclusive access to standard error. */
export interface StderrClaim {
  /** Writes to it. */
  write(text: string): void;
  /** Gives it back. */
  release(): void;
}

/** The streams, environment and signals of this process. */
export function systemIo(): Io {
  const encoder = new TextEncoder();
  return {
    stdout: (text) => writeOut(encoder.encode(text)),
    stderr: (text) => writeErr(encoder.encode(text)),
    stderrIsTerminal: Deno.stderr.isTerminal(),
    stderrWidth,
    stdoutIsTerminal: Deno.stdout.isTerminal(),
    env: (name) => Deno.env.get(name),
    readStdin: () =>
      new Response(Deno.stdin.readable).text().catch((error) => {
        throw diskError("read", "standard input", error);
      }),
    stdin: () => Deno.stdin.readable,
    stdoutBytes: (bytes) => writeOut(bytes, true),
    onInterrupt(callback) {
      const signals: Deno.Signal[] = Deno.build.os === "windows"
        ? ["SIGINT", "SIGBREAK"]
        : ["SIGINT", "SIGTERM"];
      for (const signal of signals) Deno.addSignalListener(signal, callback);
      return () => {
        for (const signal of signals) Deno.removeSignalListener(signal, callback);
      };
    },
  };
}

/**
 * Replaces the environment.
 *
 * @param io The streams and signals.
 * @param env Reads a variable.
 * @returns The same, with the other environment.
 */
export function withEnv(io: Io, env: Io["env"]): Io {
  return {
    stdout: (text) => io.stdout(text),
    stderr: (text) => io.stderr(text),
    command: io.command && ((...command) => io.command!(...command)),
    stderrIsTerminal: io.stderrIsTerminal,
    stderrWidth: io.stderrWidth,
    stdoutIsTerminal: io.stdoutIsTerminal,
    env,
    readStdin: () => io.readStdin(),
    stdin: io.stdin,
    stdoutBytes: io.stdoutBytes,
    schedule: io.schedule?.bind(io),
    onInterrupt: (callback) => io.onInterrupt(callback),
  };
}

/**
 * Whether this runs in a job of GitHub Actions.
 *
 * @param io The environment.
 * @returns `true` on a runner.
 */
export function isOnRunner(io: Io): boolean {
  return io.env("GITHUB_ACTIONS") === "true";
}

/** Writes bytes completely. A closed pipe, as in `… | head`, is an error only if all are needed. */
function writeAll(
  stream: Pick<typeof Deno.stdout, "writeSync">,
  bytes: Uint8Array,
  needsAll = false,
): void {
  for (let offset = 0; offset < bytes.length;) {
    try {
      offset += stream.writeSync(bytes.subarray(offset));
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe && !needsAll) return;
      // Another process may have made the shared stream non-blocking, so wait here.
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT);
    }
  }
}

/** The width of the terminal. `consoleSize` throws if no stream is a terminal. */
function stderrWidth(): number | undefined {
  try {
    return Deno.consoleSize().columns || undefined;
  } catch {
    return undefined;
  }
}

/** How long to wait for a full stream, in milliseconds. */
const WAIT = 5;

function writeOut(bytes: Uint8Array, needsAll = false): void {
  try {
    writeAll(Deno.stdout, bytes, needsAll);
  } catch (error) {
    throw diskError("write", "standard output", error);
  }
}

function writeErr(bytes: Uint8Array): void {
  try {
    writeAll(Deno.stderr, bytes);
  } catch {
    // The error can't be reported; the exit code still shows it.
  }
}
