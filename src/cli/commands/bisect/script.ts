/**
 * Shell scripts for a bisect: one that repeats the verdicts so far, and a loop that does the same as
 * `bisect run` without the permission to run programs.
 *
 * @module
 */

import type { BisectEnding } from "../../../operations/bisect/source.ts";
import type { BisectState } from "../../../operations/bisect/state.ts";
import { STATE_DIR } from "./options.ts";
import { argsOf } from "./session.ts";
import { endingLines, nameOf } from "./report.ts";

/**
 * Writes the verdicts so far as commands. Running them repeats the bisect.
 *
 * @param state The bisect.
 * @param ending Its result, if it has ended.
 * @param stateDir Its state directory.
 * @returns The lines.
 */
export function logLines(
  state: BisectState,
  ending: BisectEnding | undefined,
  stateDir: string,
): string[] {
  const titles = new Map(state.commits.map((commit) => [commit.sha, nameOf(commit)]));
  const { good, bad, log } = state;
  const start = ["start", "--no-fetch", "--good", good.sha, "--bad", bad.sha];
  return [
    "#!/bin/sh",
    `# started ${state.started_at}: good ${good.given}, bad ${bad.given}`,
    command([...start, ...where(stateDir), ...argsOf(state)]),
    ...Object.entries(state.artifacts).flatMap(([sha, artifacts]) =>
      artifacts.status === "no" ? [comment(`${titles.get(sha)}: ${artifacts.reason}`)] : []
    ),
    ...log.flatMap(({ sha, verdict, exit_code: code }) => [
      comment(`${verdict}: ${titles.get(sha)}${code === undefined ? "" : ` (exit code ${code})`}`),
      command([verdict, "--no-fetch", sha, ...where(stateDir)]),
    ]),
    ...(ending === undefined ? [] : endingLines(ending, state).map(comment)),
  ];
}

/**
 * Writes a loop that does the same as `bisect run`, with the same exit code.
 *
 * @param test The test command and its arguments.
 * @param stateDir The state directory.
 * @param program The command that runs this program.
 * @returns The lines.
 */
export function loopLines(
  test: readonly string[],
  stateDir: string,
  program = "run-outputs",
): string[] {
  const bisect = (verb: string, ...more: string[]) =>
    command([verb, ...more, ...where(stateDir)], program);
  return [
    `while dir=$(${bisect("next")}); code=$?; [ "$code" -eq 0 ]; do`,
    `  ${bisect("prefetch", "--quiet")} 2>/dev/null & prefetch=$!`,
    `  RUN_OUTPUTS_DIR=$dir ${test.map(quoted).join(" ")} >&2`,
    "  code=$?",
    "  kill $prefetch 2>/dev/null; wait $prefetch 2>/dev/null",
    '  if [ "$code" -eq 0 ]; then verdict=good',
    '  elif [ "$code" -eq 125 ]; then verdict=skip',
    '  elif [ "$code" -lt 126 ]; then verdict=bad',
    '  else echo "stopped: the command ended with $code; the commit is not marked" >&2',
    "    dir= code=1; break; fi",
    `  ${bisect("$verdict", "--no-fetch")} || { code=$?; dir=; break; }`,
    "done",
    'if [ -n "$dir" ]; then',
    '  echo "$dir"',
    "  # 'next' exits with 3 if the first bad commit is found.",
    '  if [ "$code" -eq 3 ]; then code=0; fi',
    "fi",
    '(exit "$code")',
  ];
}

function where(stateDir: string): string[] {
  return stateDir === STATE_DIR ? [] : ["--state-dir", stateDir];
}

function command(args: readonly string[], program = "run-outputs"): string {
  const words = args.map((arg) => arg === "$verdict" ? arg : quoted(arg));
  return [quoted(program), "bisect", ...words].join(" ");
}

function comment(text: string): string {
  return `# ${text}`;
}

/** A word quoted for a POSIX shell. */
function quoted(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word) && !/^\w+=/.test(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
