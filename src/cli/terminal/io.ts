/**
 * What the command line has of the world around it, handed in so that tests can hand in another.
 *
 * @module
 */

import { diskError } from "../../errors/disk.ts";

/** Streams, environment and interruption. */
export interface Io {
  /** Writes to standard output: results, and nothing else. */
  stdout(text: string): void;
  /** Writes to standard error: everything else. */
  stderr(text: string): void;
  /** Whether standard error is a terminal that can show a moving bar. */
  readonly stderrIsTerminal: boolean;
  /** How many columns the terminal of standard error has, where that can be told. */
  readonly stderrWidth?: () => number | undefined;
  /**
   * Hands all further text for standard error to one writer, who shows it among its own. Not every
   * world can do that.
   */
  readonly claimStderr?: (take: (text: string) => void) => StderrClaim;
  /** Whether standard output is a terminal that can show colours. */
  readonly stdoutIsTerminal: boolean;
  /**
   * A variable of the environment.
   *
   * @param name Its name.
   * @returns Its value; `undefined` if it is not set.
   */
  env(name: string): string | undefined;
  /**
   * Calls back when the user interrupts the program.
   *
   * @param callback Called at each interruption.
   * @returns Stops the listening.
   */
  onInterrupt(callback: () => void): () => void;
}

/** A world whose messages can be made more of, once it is known which command runs. */
export interface MessageIo extends Io {
  /**
   * Makes the commands that a message names whole.
   *
   * @param text The message.
   * @returns What to write in its place.
   */
  complete?(text: string): string;
}

/** What whoever has claimed standard error gets. */
export interface StderrClaim {
  /** Writes to it. */
  write(text: string): void;
  /** Gives it back. */
  release(): void;
}

/** The real world. */
export function systemIo(): Io {
  const encoder = new TextEncoder();
  return {
    stdout: (text) => writeOut(encoder.encode(text)),
    stderr: (text) => writeErr(encoder.encode(text)),
    stderrIsTerminal: Deno.stderr.isTerminal(),
    stderrWidth,
    stdoutIsTerminal: Deno.stdout.isTerminal(),
    env: (name) => Deno.env.get(name),
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
 * The same world with another environment.
 *
 * @param io The world.
 * @param env What a variable's value is.
 * @returns The world.
 */
export function withEnv(io: Io, env: Io["env"]): Io {
  return {
    stdout: (text) => io.stdout(text),
    stderr: (text) => io.stderr(text),
    stderrIsTerminal: io.stderrIsTerminal,
    stderrWidth: io.stderrWidth,
    stdoutIsTerminal: io.stdoutIsTerminal,
    env,
    onInterrupt: (callback) => io.onInterrupt(callback),
  };
}

/** Writes all of a text; a reader that has gone, as in `… | head`, is no error of ours. */
function writeAll(stream: Pick<typeof Deno.stdout, "writeSync">, bytes: Uint8Array): void {
  for (let offset = 0; offset < bytes.length;) {
    try {
      offset += stream.writeSync(bytes.subarray(offset));
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) return;
      // Whoever shares the stream may have made it one that does not wait: then we do.
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT);
    }
  }
}

/** The terminal can be another one's than standard error's; then nobody knows. */
function stderrWidth(): number | undefined {
  try {
    return Deno.consoleSize().columns || undefined;
  } catch {
    return undefined;
  }
}

/** How long to wait for a stream that is full, in milliseconds. */
const WAIT = 5;

function writeOut(bytes: Uint8Array): void {
  try {
    writeAll(Deno.stdout, bytes);
  } catch (error) {
    throw diskError("write", "standard output", error);
  }
}

function writeErr(bytes: Uint8Array): void {
  try {
    writeAll(Deno.stderr, bytes);
  } catch {
    // There is nobody left to tell; the exit code still says it.
  }
}
