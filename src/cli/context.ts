/**
 * What the main program passes to a command.
 *
 * @module
 */

import type { CommandLine } from "./fence/invocation.ts";
import type { MessageIo } from "./terminal/io.ts";

/** Passed to every command. */
export interface Context {
  /** Streams, environment and signals. */
  readonly io: MessageIo;
  /** The arguments of the program, for messages; they can hold secrets. */
  readonly args?: readonly string[];
  /** Sets the exit code of the program for when the command returns. */
  setExitCode(code: number): void;
  /**
   * A signal that aborts when the user interrupts. After the first interruption the command cleans
   * up; the second one exits at once.
   */
  interruption(): AbortSignal;
  /**
   * Parses a command line without running it.
   *
   * @param args The arguments, without the program's name.
   * @returns The command line.
   * @throws What the parser throws.
   */
  parse?(args: readonly string[]): Promise<CommandLine>;
}
