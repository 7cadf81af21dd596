/**
 * The command that `run-outputs bisect run` tests commits with.
 *
 * @module
 */

import { RunOutputsError } from "../layout/error.ts";
import type { BisectTestResult } from "../operations/bisect/bisect.ts";
import type { BisectCallOptions, BisectTest } from "../operations/bisect/source.ts";
import { short } from "./bisect_report.ts";

/** The exit code that says that a commit can't be tested. */
const SKIP = 125;

/** From here on an exit code says that the command itself came to harm. */
const HARM = 128;

/**
 * Whether this program may start another one. Nobody is asked for it.
 *
 * @param program The program.
 * @returns Whether that was granted.
 */
export async function mayRun(program: string): Promise<boolean> {
  const { state } = await Deno.permissions.query({ name: "run", command: program });
  return state === "granted";
}

/**
 * Makes a test of a command.
 *
 * @param command The command and its arguments.
 * @param onOutput Gets what it prints on standard output: our own is for the result.
 * @returns The test. It fails with `failed`, if the command came to harm; `invalid`, if there is no
 * such command.
 */
export function commandTest(
  command: readonly string[],
  onOutput: (text: string) => void,
): (step: BisectTest, options: BisectCallOptions) => Promise<BisectTestResult> {
  const [program, ...args] = command;
  return async ({ commit, directory }, { signal }) => {
    signal?.throwIfAborted();
    let child: Deno.ChildProcess;
    try {
      child = new Deno.Command(program, {
        args,
        env: { RUN_OUTPUTS_DIR: directory },
        stdin: "inherit",
        stdout: "piped",
        stderr: "inherit",
      }).spawn();
    } catch (error) {
      throw cannotStart(program, error);
    }
    const stop = () => end(child);
    signal?.addEventListener("abort", stop, { once: true });
    const [status] = await Promise.all([child.status, pass(child.stdout, onOutput)]);
    signal?.removeEventListener("abort", stop);
    signal?.throwIfAborted();
    const { code, signal: killer } = status;
    if (killer !== null || code >= HARM || code < 0) {
      throw new RunOutputsError(
        "failed",
        `Cannot test ${short(commit.sha)}: '${program}' ended with ${
          killer ?? `exit code ${code}`
        }; ` +
          "nothing is said of the commit, the same command goes on with it",
      );
    }
    const verdict = code === 0 ? "good" : code === SKIP ? "skip" : "bad";
    return { verdict, exitCode: code };
  };
}

function cannotStart(program: string, cause: unknown): RunOutputsError {
  const options = { cause };
  if (cause instanceof Deno.errors.NotFound) {
    const message = `Cannot run '${program}': there is no such program; check its path`;
    return new RunOutputsError("invalid", message, options);
  }
  const reason = (cause as Error).message.split("\n")[0];
  return new RunOutputsError("failed", `Cannot run '${program}': ${reason}`, options);
}

function end(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGTERM");
  } catch {
    // It has just ended.
  }
}

async function pass(
  stream: ReadableStream<Uint8Array>,
  onOutput: (text: string) => void,
): Promise<void> {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) onOutput(text);
}
