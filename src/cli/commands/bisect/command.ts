/**
 * The command that `run-outputs bisect run` tests commits with.
 *
 * @module
 */

import { RunOutputsError } from "../../../errors/error.ts";
import type { BisectTestResult } from "../../../operations/bisect/bisect.ts";
import type { BisectCallOptions, BisectTest } from "../../../operations/bisect/source.ts";
import { short } from "./report.ts";

/** The exit code that says that a commit can't be tested. */
const SKIP = 125;

/** From here on an exit code says that the command itself came to harm. */
const HARM = 126;

/** The exit codes of a shell that could not run what it was told to. */
const NOT_RUN = [126, 127];

/** How long to read on when the command has ended: what it has started may print for ever. */
const REST = 500;

/** How long a command that is to end has for it, in milliseconds. */
const GRACE = 1000;

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
    const { code, signal: killer } = await finish(child, onOutput, signal);
    if (killer !== null || code >= HARM || code < 0) {
      const why = NOT_RUN.includes(code)
        ? ": something was not found or can't be run (where that is the commit's fault, let it end " +
          "with another one)"
        : "";
      throw new RunOutputsError(
        "failed",
        `Cannot test ${short(commit.sha)}: '${program}' ended with ${
          killer ?? `exit code ${code}`
        }${why}; nothing is said of the commit, the same command goes on with it`,
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

/** Waits for the end of the command, not for that of what it has started. */
async function finish(
  child: Deno.ChildProcess,
  onOutput: (text: string) => void,
  signal: AbortSignal | undefined,
): Promise<Deno.CommandStatus> {
  const reader = child.stdout.getReader();
  const reading = pass(reader, onOutput);
  // It is waited for below; until then a failure must not look as if nobody cared.
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
    // It has just ended.
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
