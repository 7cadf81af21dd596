/**
 * How a test starts the program as a process: from the sources with Deno, or, if
 * `RUN_OUTPUTS_EXECUTABLE` names it, the executable.
 *
 * @module
 */

import { fileURLToPath } from "node:url";

const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));

/** The executable that the tests start instead of the sources; `undefined` for the sources. */
export const EXECUTABLE: string | undefined = Deno.env.get("RUN_OUTPUTS_EXECUTABLE");

/**
 * Whether it has the base runtime of Deno 2.4.2, the newest on npm. `.ci/run` says so by
 * `RUN_OUTPUTS_OLD_BASE`.
 */
export const hasOldBase: boolean = Deno.env.has("RUN_OUTPUTS_OLD_BASE");

/** A warning of that base about its own code, which newer ones do not print. */
const OLD_BASE_WARNING = /^\(node:\d+\) \[DEP0181\][^\n]*\n/gm;

/**
 * What the program itself has printed.
 *
 * @param text All that its process has printed.
 * @returns The text without what only an old base runtime adds.
 */
export function ownOutput(text: string): string {
  return hasOldBase ? text.replaceAll(OLD_BASE_WARNING, "") : text;
}

/**
 * The words that start the program, before its arguments.
 *
 * @param options Options of `deno run`. An executable has its own permissions, and ignores these.
 * @returns The words.
 * @throws {Error} If an executable would have to do what only `deno run` can.
 */
export function programLine(options: readonly string[] = ["-P"]): string[] {
  if (EXECUTABLE === undefined) {
    const config = ["--config", path("deno.json")];
    return [Deno.execPath(), "run", "-q", "--no-check", ...config, ...options, path("cli.ts")];
  }
  const other = options.find((option) => !/^(?:-A$|-P|--(?:allow|deny)-)/.test(option));
  if (other !== undefined) throw new Error(`An executable has no option ${other}`);
  return [EXECUTABLE];
}

/**
 * The words that start the program in a shell's script.
 *
 * @returns The quoted words.
 */
export function programScript(): string {
  return programLine().map((word) => `'${word}'`).join(" ");
}

/**
 * Makes a command `run-outputs` that starts the program.
 *
 * @param bin The directory, which exists.
 */
export async function installProgram(bin: string): Promise<void> {
  const script = `#!/bin/sh\nexec ${programScript()} "$@"\n`;
  await Deno.writeTextFile(`${bin}/run-outputs`, script, { mode: 0o755 });
}
