/**
 * The command line in process, with a world that a test can look into.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Io } from "../../src/cli/io.ts";
import { main } from "../../src/cli/main.ts";

/** Options of {@linkcode FakeIo}. */
export interface FakeIoOptions {
  /** The environment; empty by default. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether both streams are terminals. */
  readonly terminal?: boolean;
}

/** Collects what is printed, has an environment of its own, and can be interrupted. */
export class FakeIo implements Io {
  /** All of standard output so far. */
  out = "";
  /** All of standard error so far. */
  err = "";
  readonly stderrIsTerminal = false;
  readonly stdoutIsTerminal: boolean;
  readonly #env: Readonly<Record<string, string>>;
  readonly #callbacks = new Set<() => void>();

  constructor(options: FakeIoOptions = {}) {
    this.#env = options.env ?? {};
    this.stdoutIsTerminal = options.terminal ?? false;
  }

  stdout(text: string): void {
    this.out += text;
  }

  stderr(text: string): void {
    this.err += text;
  }

  env(name: string): string | undefined {
    return Object.hasOwn(this.#env, name) ? this.#env[name] : undefined;
  }

  onInterrupt(callback: () => void): () => void {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  }

  /** How many listen for an interruption. */
  get listeners(): number {
    return this.#callbacks.size;
  }

  /** Interrupts, as Ctrl-C does. */
  interrupt(): void {
    for (const callback of [...this.#callbacks]) callback();
  }
}

/** What a command line did. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line with an environment. */
export async function run(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const io = new FakeIo({ env });
  const code = await main(args, io);
  assert.equal(io.listeners, 0, "a listener for interruptions is left");
  return { code, out: io.out, err: io.err };
}

/** Runs a command line that has to end with a code; tells what it said if it does not. */
export async function runs(
  code: number,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const ran = await run(args, env);
  assert.equal(ran.code, code, `${args.join(" ")}\n${ran.err}${ran.out}`);
  return ran;
}

/** A JSON document that a command printed. */
// deno-lint-ignore no-explicit-any -- a test asserts on what it expects
export type Json = any;

/** Runs a command line with `--json` and reads the one document that it prints. */
export async function runJson(
  code: number,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Json> {
  const { out } = await runs(code, [...args, "--json"], env);
  return parseDocument(out);
}

/** Reads one JSON document with a schema and a line break at its end, and nothing beside it. */
export function parseDocument(text: string): Json {
  const document = JSON.parse(text);
  assert.match(document.schema, /^run-outputs\.[a-z-]+\/1$/);
  assert(text.endsWith("}\n"), text);
  return document;
}

/** Asserts that a command line is refused: one line of error, nothing else, exit code 2. */
export async function refused(
  args: readonly string[],
  texts: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly code?: number } = {},
): Promise<void> {
  const { code, out, err } = await run(args, options.env);
  assert.match(err, /^error: [^\n]+\n$/, `not one line: ${JSON.stringify(err)}`);
  for (const text of texts) assert(err.includes(text), `${text} is not in: ${err}`);
  assert.equal(code, options.code ?? 2, err);
  assert.equal(out, "");
}
