/**
 * `compare_reports.ts SOURCES EXECUTABLE`: compares two reports of `deno test --junit-path=…`: the
 * end-to-end tests with the sources, and with the executable. Prints what passed and failed with
 * each, and why tests are skipped with the executable. Fails if the executable's report lacks a test,
 * or if a reason is for a test that does not exist.
 *
 * @module
 */

import { SaxesParser } from "saxes";
import { skipped } from "../tests/support/executable_skips.ts";

/** The tests that start the program as a process, and need nothing but Deno. */
const END_TO_END = /^\.\/tests\/(?:e2e|service)\//;

/** How a test ended. */
type Outcome = "passed" | "failed" | "skipped";

const OUTCOMES: readonly Outcome[] = ["passed", "failed", "skipped"];

/** A test of a report. */
interface Test {
  readonly name: string;
  readonly file: string;
  outcome: Outcome;
}

/**
 * Reads a report.
 *
 * @param xml Its text.
 * @returns Its tests.
 */
export function parseReport(xml: string): Test[] {
  const tests: Test[] = [];
  const parser = new SaxesParser();
  parser.on("opentag", ({ name, attributes }) => {
    if (name === "testcase") {
      tests.push({ name: attributes.name, file: attributes.classname, outcome: "passed" });
    }
    if (name === "failure" || name === "error") tests.at(-1)!.outcome = "failed";
    if (name === "skipped") tests.at(-1)!.outcome = "skipped";
  });
  parser.write(xml).close();
  return tests;
}

/**
 * Compares two reports.
 *
 * @param sources The tests with the sources. Those that are not end-to-end tests do not count.
 * @param executable The tests with the executable, of the same files and more.
 * @param reasons Why tests are skipped with it, with a part of the name of each.
 * @returns The lines to print, and what is wrong with the comparison.
 */
export function compare(
  sources: readonly Test[],
  executable: readonly Test[],
  reasons: Readonly<Record<string, readonly string[]>>,
): { readonly lines: string[]; readonly errors: string[] } {
  const files = new Set(executable.map(({ name }) => name));
  const compared = sources.filter(({ file, name }) => END_TO_END.test(file) && files.has(name));
  const names = new Set(compared.map(({ name }) => name));
  const groups = [
    ["deno run", compared],
    ["executable", executable.filter(({ name }) => names.has(name))],
    ["executable alone", executable.filter(({ name }) => !names.has(name))],
  ] as const;
  const row = (title: string, cells: readonly (string | number)[]) =>
    title.padEnd(10) + cells.map((cell) => `${cell}`.padStart(18)).join("");
  const lines = [row("", groups.map(([title]) => title))];
  for (const outcome of OUTCOMES) {
    lines.push(row(
      outcome,
      groups.map(([, tests]) => tests.filter((test) => test.outcome === outcome).length),
    ));
  }
  const errors: string[] = [];
  for (const [reason, parts] of Object.entries(reasons)) {
    const tests = executable.filter(({ name }) => parts.some((part) => name.includes(part)));
    lines.push(`${`${tests.length}`.padStart(4)} skipped: ${reason}`);
    for (const part of parts) {
      if (!tests.some(({ name }) => name.includes(part))) {
        errors.push(`executable_skips.ts names '${part}', which is in no test's name`);
      }
    }
  }
  // The steps of a skipped test are not in the report, and names can have the number of cases.
  const expected = Object.values(reasons).flat();
  for (const { name, file } of sources) {
    if (expected.some((part) => name.includes(part))) continue;
    if (file.startsWith("./tests/e2e/") && !files.has(name)) {
      errors.push(`'${name}' was not started with the executable`);
    }
  }
  return { lines, errors };
}

if (import.meta.main) {
  const [sources, executable] = await Promise.all(
    Deno.args.map(async (path) => parseReport(await Deno.readTextFile(path))),
  );
  const { lines, errors } = compare(sources, executable, skipped());
  for (const line of lines) console.log(line);
  for (const error of errors) console.error(`error: ${error}`);
  if (errors.length > 0) Deno.exit(1);
}
