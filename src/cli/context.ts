/**
 * What a command gets from the main program.
 *
 * @module
 */

import type { MessageIo } from "./terminal/io.ts";

/** Handed to every command. */
export interface Context {
  /** The world around. */
  readonly io: MessageIo;
  /** Ends the program with this exit code once the command has returned. */
  setExitCode(code: number): void;
  /**
   * A signal that aborts when the user interrupts. The first interruption cleans up, a second one
   * ends the program at once.
   */
  interruption(): AbortSignal;
}
