/**
 * Shell scripts for a bisect: one that repeats the verdicts so far, and loops that do the same as
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

/** The shells that a loop can be for: a POSIX shell such as bash, or PowerShell. */
export const SHELLS = ["sh", "powershell"] as const;

/** One of {@linkcode SHELLS}. */
export type Shell = typeof SHELLS[number];

/**
 * Writes a loop that does the same as `bisect run`, with the same exit code.
 *
 * @param shell The shell that will run it.
 * @param test The test command and its arguments.
 * @param stateDir The state directory.
 * @param program The command that runs this program.
 * @returns The lines.
 */
export function loopLines(
  shell: Shell,
  test: readonly string[],
  stateDir: string,
  program = "run-outputs",
): string[] {
  return shell === "sh" ? shLoop(test, stateDir, program) : powershellLoop(test, stateDir, program);
}

function shLoop(test: readonly string[], stateDir: string, program: string): string[] {
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

/**
 * The loop for PowerShell 5.1 and later. It downloads nothing ahead: a background job of PowerShell
 * is not stopped with the script.
 */
function powershellLoop(test: readonly string[], stateDir: string, program: string): string[] {
  const bisect = (verb: string, ...more: string[]) => {
    const words = [verb, ...more, ...where(stateDir)]
      .map((word) => word === "$verdict" ? word : powershellWord(word));
    return ["&", powershellWord(program), "bisect", ...words].join(" ");
  };
  return [
    "# The quotes inside of words are escaped for this mode, the only one of Windows PowerShell.",
    "$PSNativeCommandArgumentPassing = 'Legacy'",
    "$PSNativeCommandUseErrorActionPreference = $false",
    "while ($true) {",
    `  $dir = ${bisect("next")}`,
    "  $code = $LASTEXITCODE",
    "  if ($code -ne 0) { break }",
    "  $env:RUN_OUTPUTS_DIR = $dir",
    "  # It stays if the command does not exist.",
    "  $global:LASTEXITCODE = 127",
    `  & ${test.map(powershellWord).join(" ")} | ForEach-Object { [Console]::Error.WriteLine($_) }`,
    "  $code = $LASTEXITCODE",
    "  if ($code -eq 0) { $verdict = 'good' }",
    "  elseif ($code -eq 125) { $verdict = 'skip' }",
    "  elseif ($code -gt 0 -and $code -lt 126) { $verdict = 'bad' }",
    "  else {",
    '    [Console]::Error.WriteLine("stopped: the command ended with $code; the commit is not marked")',
    "    $dir = $null; $code = 1; break",
    "  }",
    `  ${bisect("$verdict", "--no-fetch")}`,
    "  if ($LASTEXITCODE -ne 0) { $code = $LASTEXITCODE; $dir = $null; break }",
    "}",
    "if ($dir) {",
    "  $dir",
    "  # 'next' exits with 3 if the first bad commit is found.",
    "  if ($code -eq 3) { $code = 0 }",
    "}",
    "exit $code",
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

/**
 * A word quoted for PowerShell, which also takes typographic quotes for quotes, and for the program
 * that reads it: there, `\"` is a quote, and backslashes before one are doubled.
 */
function powershellWord(word: string): string {
  if (/^[A-Za-z./\\][\w./\\:-]*$/.test(word) || /^--?[a-z][a-z-]*$/.test(word)) return word;
  const native = word === "" ? '""' : word.replace(/(\\*)"/g, '$1$1\\"');
  return `'${native.replace(/['\u2018-\u201b]/g, "$&$&")}'`;
}
