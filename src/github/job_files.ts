/**
 * The files in which a step of a GitHub Actions job sets its outputs and its summary.
 *
 * @module
 */

import { join } from "node:path";
import { diskError } from "../errors/disk.ts";
import { RunOutputsError } from "../errors/error.ts";

/** Variables that the runner sets; missing outside of a job. */
export interface JobEnvironment {
  /** `$GITHUB_OUTPUT` */
  readonly githubOutput?: string;
  /** `$GITHUB_STEP_SUMMARY` */
  readonly githubStepSummary?: string;
  /** `$RUNNER_TEMP` */
  readonly runnerTemp?: string;
}

/** GitHub rejects larger summaries of a step, in bytes. */
const MAX_SUMMARY = 1024 * 1024;

/**
 * The text that sets the outputs of a step.
 *
 * @param outputs Their values by name.
 * @param delimiter Ends a value of several lines. It must be unpredictable: a value that contains
 * it could set other outputs.
 * @returns Lines for `$GITHUB_OUTPUT`.
 * @throws {RunOutputsError} `invalid`, if a name is invalid or a value contains the delimiter.
 */
export function formatOutputs(
  outputs: Readonly<Record<string, string>>,
  delimiter: string,
): string {
  return Object.entries(outputs).map(([name, value]) => {
    if (!/^[A-Za-z_][\w-]*$/.test(name)) {
      throw new RunOutputsError(
        "invalid",
        `Cannot set the output '${name}': it is not a valid name`,
      );
    }
    if (!/[\r\n]/.test(value)) return `${name}=${value}\n`;
    if (value.includes(delimiter)) {
      throw new RunOutputsError(
        "invalid",
        `Cannot set the output '${name}': its value contains the delimiter`,
      );
    }
    return `${name}<<${delimiter}\n${value}\n${delimiter}\n`;
  }).join("");
}

/**
 * Sets outputs of the current step, if there is one.
 *
 * @param outputs Their values by name.
 * @param env The destination.
 * @throws {RunOutputsError} Errors of the disk.
 */
export async function setOutputs(
  outputs: Readonly<Record<string, string>>,
  env: JobEnvironment,
): Promise<void> {
  if (env.githubOutput === undefined) return;
  const text = formatOutputs(outputs, `run-outputs-${crypto.randomUUID()}`);
  await append(env.githubOutput, text);
}

/**
 * Appends to the summary of the current step, and to `job_summary.md` in the runner's temporary
 * directory: GitHub deletes the summary file when the step ends, and a later step may want it.
 *
 * @param markdown The text to append.
 * @param env The destination.
 * @throws {RunOutputsError} `invalid`, if the summary becomes too large; errors of the disk.
 */
export async function appendStepSummary(markdown: string, env: JobEnvironment): Promise<void> {
  const { githubStepSummary, runnerTemp } = env;
  if (githubStepSummary === undefined) return;
  const before = await Deno.stat(githubStepSummary).then(({ size }) => size, () => 0);
  if (before + new TextEncoder().encode(markdown).length > MAX_SUMMARY) {
    throw new RunOutputsError(
      "invalid",
      `Cannot write the step summary '${githubStepSummary}': it would exceed GitHub's limit of ` +
        `${MAX_SUMMARY} bytes`,
    );
  }
  await append(githubStepSummary, markdown);
  if (runnerTemp !== undefined) await append(join(runnerTemp, "job_summary.md"), markdown);
}

async function append(path: string, text: string): Promise<void> {
  try {
    await Deno.writeTextFile(path, text, { append: true });
  } catch (error) {
    throw diskError("write", path, error);
  }
}
