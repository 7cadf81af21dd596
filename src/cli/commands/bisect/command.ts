/**
 * Runs the user's test command for `run-outputs bisect run`.
 *
 * @module
 */

import { RunOutputsError } from "../../../errors/error.ts";
import type { BisectTestResult } from "../../../operations/bisect/bisect.ts";
import type { BisectCallOptions, BisectTest } from "../../../operations/bisect/source.ts";
import { short } from "./report.ts";

/** The exit code that says that a commit can't be tested. */
const SKIP = 125;

/** From this exit code on, the command itself failed. */
const HARM = 126;

/** The exit codes of a shell that could not run a command. */
const NOT_RUN = [126, 127];

/** How long to read output after the command ended, in milliseconds: its children may continue. */
const REST = 500;

/** How long an aborted command has to exit, in milliseconds. */
const GRACE = 1000;

/**
 * Whether this process has the permission to run a program. It never prompts.
 *
 * @param program The program.
 * @returns Whether the permission is granted.
 */
export async function mayRun(program: string): Promise<boolean> {
  const { state } = await Deno.permissions.query({ name: "run", command: program });
  return state === "granted";
}

/**
 * Creates a test that runs a command.
 *
 * @param command The command and its arguments.
 * @param onOutput Receives its standard output, because ours is for the result.
 * @returns The test. It fails with `failed`, if the command itself failed; `invalid`, if the command
 * does not exist.
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
    const { code, signal: killer } = await finish(child, onOutput, signal);
    if (killer !== null || code >= HARM || code < 0) {
      const why = NOT_RUN.includes(code)
        ? ": a program was not found or can't be run (if that is the commit's fault, exit with " +
          "another code)"
        : "";
      throw new RunOutputsError(
        "failed",
        `Cannot test ${short(commit.sha)}: '${program}' ended with ${
          killer ?? `exit code ${code}`
        }${why}; the commit is not marked, run the same command again to continue`,
      );
    }
    const verdict = code === 0 ? "good" : code === SKIP ? "skip" : "bad";
    return { verdict, exitCode: code };
  };
}

function cannotStart(program: string, cause: unknown): RunOutputsError {
  const options = { cause };
  if (cause instanceof Deno.errors.NotFound) {
    const message = `Cannot run '${program}': program not found; check its path`;
    return new RunOutputsError("invalid", message, options);
  }
  const reason = (cause as Error).message.split("\n")[0];
  return new RunOutputsError("failed", `Cannot run '${program}': ${reason}`, options);
}

/** Waits for the command to exit, but not for its children. */
async function finish(
  child: Deno.ChildProcess,
  onOutput: (text: string) => void,
  signal: AbortSignal | undefined,
): Promise<Deno.CommandStatus> {
  const reader = child.stdout.getReader();
  const reading = pass(reader, onOutput);
  // It is awaited below; avoid an unhandled rejection until then.
  reading.catch(() => {});
  const timers: ReturnType<typeof setTimeout>[] = [];
  const later = (ms: number, act: () => void) => timers.push(setTimeout(act, ms));
  const close = () => void reader.cancel().catch(() => {});
  const stop = () => {
    close();
    end(child, "SIGTERM");
    later(GRACE, () => end(child, "SIGKILL"));
  };
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const status = await child.status;
    later(REST, close);
    await reading;
    signal?.throwIfAborted();
    return status;
  } finally {
    timers.forEach(clearTimeout);
    signal?.removeEventListener("abort", stop);
  }
}

function end(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It has already exited.
  }
}

async function pass(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  onOutput: (text: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onOutput(decoder.decode(value, { stream: true }));
  }
}
