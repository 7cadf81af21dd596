/**
 * The report of the bisect commands: the commit to test, or the result.
 *
 * @module
 */

import type { BisectEnding, BisectStep } from "../../../operations/bisect/source.ts";
import type { BisectState } from "../../../operations/bisect/state.ts";
import type { BisectCommit, BisectSurvey } from "../../../operations/bisect/suspects.ts";
import { argsOf } from "./session.ts";
import { readBisectArgs } from "./options.ts";
import { EXIT } from "../../exit_codes.ts";
import { columns, type Output, plural } from "../../terminal/output.ts";

/**
 * Prints the next step: the directory to test, or the first bad commit, or the remaining suspects.
 *
 * @param step The next step; `undefined` with `--no-fetch`.
 * @param state The bisect.
 * @param output Receives the report.
 * @returns The exit code.
 */
export async function reportNext(
  step: BisectStep | undefined,
  state: BisectState,
  output: Output,
): Promise<number> {
  if (step === undefined) {
    const { surveyBisect } = await import("../../../operations/bisect/suspects.ts");
    const { bisectFacts } = await import("../../../operations/bisect/state.ts");
    const survey = surveyBisect(bisectFacts(state));
    output.note(howFar(survey));
    output.result(
      () => ({ ...headJson("pending", state), ...surveyJson(survey) }),
      () => [],
    );
    return EXIT.done;
  }
  if (step.kind === "test") reportTest(step.commit, step.survey, output);
  output.result(
    () => stepJson(step, state),
    () => step.kind === "test" ? [step.directory] : endingLines(step, state),
  );
  return exitCodeOfStep(step);
}

/**
 * Reports which commit is tested, and the progress.
 *
 * @param commit The commit.
 * @param survey The progress.
 * @param output Receives the note.
 */
export function reportTest(commit: BisectCommit, survey: BisectSurvey, output: Output): void {
  output.note(`${howFar(survey)}; now ${nameOf(commit)}`);
}

/**
 * The progress of a bisect in words.
 *
 * @param survey The progress.
 * @returns A part of a sentence.
 */
export function howFar({ suspects, testable, steps }: BisectSurvey): string {
  return `${plural(suspects.length, "suspect")}, ${
    plural(testable.length, "commit")
  } left to test, ` +
    `about ${plural(steps, "test")}`;
}

/**
 * The exit code of a step.
 *
 * @param step The step.
 * @returns 7, if the bisect ended with several suspects; else 0.
 */
export function exitCodeOfStep(step: BisectStep): number {
  return step.kind === "suspects" ? EXIT.incomplete : EXIT.done;
}

function stepJson(step: BisectStep, state: BisectState) {
  const head = headJson(step.kind, state);
  if (step.kind !== "test") {
    return { ...head, suspects: step.suspects.map((commit) => suspectJson(commit, state)) };
  }
  const { commit, directory, runs, survey } = step;
  return {
    ...head,
    commit: commitJson(commit),
    directory,
    runs,
    ...surveyJson(survey),
  };
}

function headJson(status: BisectStep["kind"] | "pending", state: BisectState) {
  return { schema: "run-outputs.bisect-step/1", status, ...endsJson(state) };
}

/**
 * The JSON form of the progress.
 *
 * @param survey The progress.
 * @returns Members of a document.
 */
function surveyJson({ suspects, testable, steps }: BisectSurvey) {
  return { suspect_count: suspects.length, testable_count: testable.length, steps };
}

/**
 * The JSON form of the range of a bisect.
 *
 * @param state The bisect.
 * @returns Members of a document.
 */
export function endsJson(state: BisectState) {
  const { good, bad } = state;
  return { repository: repositoryOf(state), good, bad };
}

/**
 * The result of a bisect as text.
 *
 * @param ending The result.
 * @param state The bisect.
 * @returns The lines.
 */
export function endingLines({ kind, suspects }: BisectEnding, state: BisectState): string[] {
  if (kind === "found") {
    const [commit] = suspects;
    return [
      `${commit.sha} is the first bad commit`,
      `  ${commit.title}`,
      `  ${[commit.date, commit.url].filter(Boolean).join("  ")}`,
    ];
  }
  return [
    `The first bad commit is one of these ${suspects.length}; no available test can narrow it down:`,
    ...columns(
      suspects.map((commit) => {
        const why = whyUntested(commit, state);
        return [`  ${short(commit.sha)}`, `${commit.title}${why === "" ? "" : ` (${why})`}`];
      }),
    ),
  ];
}

/** A commit as text. */
export function nameOf({ sha, title }: BisectCommit): string {
  return `${short(sha)} ${title}`;
}

/** An abbreviated SHA. */
export function short(sha: string): string {
  return sha.slice(0, 10);
}

function commitJson({ sha, title, date, url }: BisectCommit) {
  return { sha, title, date, url };
}

/** The JSON form of a suspect, and why it was not tested. */
export function suspectJson(commit: BisectCommit, state: BisectState) {
  return { ...commitJson(commit), reason: whyUntested(commit, state) || undefined };
}

function whyUntested({ sha }: BisectCommit, { log, artifacts, bad }: BisectState): string {
  const verdict = sha === bad.sha ? "bad" : log.findLast((entry) => entry.sha === sha)?.verdict;
  if (verdict === "skip") return "skipped";
  if (verdict !== undefined) return verdict;
  const found = artifacts[sha];
  return found?.status === "no" ? found.reason : "";
}

function repositoryOf(state: BisectState): string {
  return readBisectArgs(argsOf(state)).repo;
}
