/**
 * The command line in process, with a world of the test's own around it.
 *
 * @module
 */

import type { Io } from "../../src/cli/terminal/io.ts";
import { main } from "../../src/cli/main.ts";

/** What a command line said and how it ended. */
export interface Ran {
  /** The exit code. */
  readonly code: number;
  /** Standard output. */
  readonly stdout: string;
  /** Standard error. */
  readonly stderr: string;
}

/** An `Io` that keeps what is written, with an environment of its own. */
export class FakeIo implements Io {
  readonly stderrIsTerminal: boolean = false;
  readonly stdoutIsTerminal: boolean = false;
  out = "";
  err = "";
  /** What is on standard input. */
  input = "";
  readonly #env: Readonly<Record<string, string>>;
  readonly #callbacks = new Set<() => void>();
  readonly #listening = Promise.withResolvers<void>();
  /** Fulfilled as soon as a command listens for interruptions. */
  readonly listening = this.#listening.promise;

  constructor(env: Readonly<Record<string, string>> = {}) {
    this.#env = env;
  }

  stdout(text: string): void {
    this.out += text;
  }

  stderr(text: string): void {
    this.err += text;
  }

  env(name: string): string | undefined {
    return this.#env[name];
  }

  readStdin(): Promise<string> {
    return Promise.resolve(this.input);
  }

  /** The bytes on standard output. */
  readonly bytes: Uint8Array[] = [];
  readonly stdoutBytes = (bytes: Uint8Array): void => void this.bytes.push(bytes.slice());

  /** The bytes on standard input. */
  inputBytes: readonly Uint8Array[] = [];
  readonly stdin = (): ReadableStream<Uint8Array> => ReadableStream.from(this.inputBytes);

  /** What the command has scheduled. A test calls it; time alone calls nothing. */
  readonly scheduled = new Set<() => void>();

  schedule(_milliseconds: number, callback: () => void): () => void {
    this.scheduled.add(callback);
    return () => this.scheduled.delete(callback);
  }

  onInterrupt(callback: () => void): () => void {
    this.#callbacks.add(callback);
    this.#listening.resolve();
    return () => this.#callbacks.delete(callback);
  }

  /** What a user does with Ctrl-C. */
  interrupt(): void {
    for (const callback of this.#callbacks) callback();
  }
}

/** Runs a command line in process. */
export async function run(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const io = new FakeIo(env);
  const code = await main(args, io);
  return { code, stdout: io.out, stderr: io.err };
}
