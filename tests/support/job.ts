/**
 * A job of GitHub Actions around a command line: its environment, and what it was told.
 *
 * @module
 */

import { join } from "node:path";
import { writeTree } from "./temp_dir.ts";

/** What a job was told. */
export interface Told {
  readonly outputs: Readonly<Record<string, string>>;
  readonly summary: string;
  readonly mirror: string;
}

/** A job. */
export interface Job {
  /** Its variables. */
  readonly env: Readonly<Record<string, string>>;
  /** What it has been told so far. */
  told(): Promise<Told>;
}

/** Makes a job whose files are in a directory. */
export async function makeJob(dir: string): Promise<Job> {
  await writeTree(dir, { "output": "", "summary.md": "", "temp/.keep": "" });
  const read = (name: string) => Deno.readTextFile(join(dir, name)).catch(() => "");
  return {
    env: {
      GITHUB_ACTIONS: "true",
      GITHUB_OUTPUT: join(dir, "output"),
      GITHUB_STEP_SUMMARY: join(dir, "summary.md"),
      RUNNER_TEMP: join(dir, "temp"),
    },
    told: async () => ({
      outputs: parseOutputs(await read("output")),
      summary: await read("summary.md"),
      mirror: await read("temp/job_summary.md"),
    }),
  };
}

/** Reads `$GITHUB_OUTPUT` as the runner does. */
export function parseOutputs(text: string): Record<string, string> {
  const outputs: Record<string, string> = {};
  const lines = text.split("\n");
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i];
    if (line === "") continue;
    const equals = line.indexOf("=");
    const heredoc = line.indexOf("<<");
    if (heredoc >= 0 && (equals < 0 || heredoc < equals)) {
      const delimiter = line.slice(heredoc + 2);
      const end = lines.indexOf(delimiter, i + 1);
      if (end < 0) throw new Error(`Matching delimiter not found '${delimiter}'`);
      outputs[line.slice(0, heredoc)] = lines.slice(i + 1, end).join("\n");
      i = end;
    } else if (equals >= 0) outputs[line.slice(0, equals)] = line.slice(equals + 1);
    else throw new Error(`Invalid format '${line}'`);
  }
  return outputs;
}
