/**
 * What the main program passes to a command.
 *
 * @module
 */

import type { MessageIo } from "./terminal/io.ts";

/** Passed to every command. */
export interface Context {
  /** Streams, environment and signals. */
  readonly io: MessageIo;
  /** Sets the exit code of the program for when the command returns. */
  setExitCode(code: number): void;
  /**
   * A signal that aborts when the user interrupts. After the first interruption the command cleans
   * up; the second one exits at once.
   */
  interruption(): AbortSignal;
}
