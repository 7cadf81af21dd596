/**
 * The service as a process of its own.
 *
 * @module
 */

import { programLine } from "./program.ts";

/** A service in a process. */
export interface ServiceProcess extends AsyncDisposable {
  /** Its URL, with a final `/`. */
  readonly url: string;
  /** The process. */
  readonly process: Deno.ChildProcess;
  /** The lines on its standard error that nobody has read yet. */
  readonly errors: AsyncGenerator<string>;
}

/**
 * Starts `run-outputs serve` for a staging directory.
 *
 * @param dir The staging directory.
 * @param by A program with arguments that starts it.
 * @param more More options.
 * @returns The service, which listens. Its disposal kills it.
 */
export async function startServiceProcess(
  dir: string,
  by: readonly string[] = [],
  more: readonly string[] = [],
): Promise<ServiceProcess> {
  return await startServing(["--staging-dir", dir, "--port", "0", ...more], { by });
}

/**
 * Starts `run-outputs serve`.
 *
 * @param options Its options.
 * @param how A program with arguments that starts it, and more environment variables.
 * @returns The service, which listens. Its disposal kills it.
 */
export async function startServing(
  options: readonly string[],
  { by = [], env }: { by?: readonly string[]; env?: Record<string, string> } = {},
): Promise<ServiceProcess> {
  const [program, ...args] = [...by, ...programLine()];
  const process = new Deno.Command(program, {
    args: [...args, "serve", ...options],
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [output, errors] = [linesOf(process.stdout), linesOf(process.stderr)];
  const { value: url } = await output.next();
  return {
    url,
    process,
    errors,
    async [Symbol.asyncDispose]() {
      try {
        process.kill("SIGKILL");
      } catch { /* it has ended */ }
      await process.status;
      for (const lines of [output, errors]) await Array.fromAsync(lines);
    },
  };
}

/** The lines of a stream, one by one. */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") yield rest;
}
