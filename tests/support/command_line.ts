/**
 * Command lines in process: run, held against what they must say, refused.
 *
 * @module
 */

import assert from "node:assert/strict";
import { main } from "../../src/cli/main.ts";
import { FakeIo } from "./fake_io.ts";

/** A {@linkcode FakeIo} that can be a terminal and tells who listens. */
export class WatchedIo extends FakeIo {
  override readonly stdoutIsTerminal: boolean;
  /** How many listen for an interruption. */
  listeners = 0;

  constructor(env: Readonly<Record<string, string>> = {}, terminal = false) {
    super(env);
    this.stdoutIsTerminal = terminal;
  }

  override onInterrupt(callback: () => void): () => void {
    const stop = super.onInterrupt(callback);
    this.listeners++;
    return () => {
      this.listeners--;
      stop();
    };
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
  const io = new WatchedIo(env);
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
