/**
 * What the commands of a bisect print: the commit to test, or the end.
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
 * Prints what comes next: of a test the directory, of an end the first bad commit or the commits
 * that can be it.
 *
 * @param step What comes next; `undefined`, if nothing is to be fetched now.
 * @param state The bisect.
 * @param output Where to.
 * @returns The exit code.
 */
export async function tellNext(
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
  if (step.kind === "test") tellTest(step.commit, step.survey, output);
  output.result(
    () => stepJson(step, state),
    () => step.kind === "test" ? [step.directory] : endingLines(step, state),
  );
  return exitCodeOfStep(step);
}

/**
 * Says which commit is tested, and how far the bisect is.
 *
 * @param commit The commit.
 * @param survey How far it is.
 * @param output Where to.
 */
export function tellTest(commit: BisectCommit, survey: BisectSurvey, output: Output): void {
  output.note(`${howFar(survey)}; now ${nameOf(commit)}`);
}

/**
 * How far a bisect is, in words.
 *
 * @param survey How far it is.
 * @returns A part of a sentence.
 */
export function howFar({ suspects, testable, steps }: BisectSurvey): string {
  return `${plural(suspects.length, "suspect")}, ${
    plural(testable.length, "commit")
  } left to test, ` +
    `about ${plural(steps, "test")}`;
}

/**
 * The exit code of what comes next.
 *
 * @param step What comes next.
 * @returns 7 of an end with several commits.
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
 * The JSON form of how far a bisect is.
 *
 * @param survey How far it is.
 * @returns Members of a document.
 */
function surveyJson({ suspects, testable, steps }: BisectSurvey) {
  return { suspect_count: suspects.length, testable_count: testable.length, steps };
}

/**
 * The JSON form of what a bisect is about.
 *
 * @param state The bisect.
 * @returns Members of a document.
 */
export function endsJson(state: BisectState) {
  const { good, bad } = state;
  return { repository: repositoryOf(state), good, bad };
}

/**
 * The end of a bisect, for people.
 *
 * @param ending The end.
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
    `The first bad commit is one of these ${suspects.length}; no test can tell them apart:`,
    ...columns(
      suspects.map((commit) => {
        const why = whyUntested(commit, state);
        return [`  ${short(commit.sha)}`, `${commit.title}${why === "" ? "" : ` (${why})`}`];
      }),
    ),
  ];
}

/** A commit, for people. */
export function nameOf({ sha, title }: BisectCommit): string {
  return `${short(sha)} ${title}`;
}

/** A SHA, for people. */
export function short(sha: string): string {
  return sha.slice(0, 10);
}

function commitJson({ sha, title, date, url }: BisectCommit) {
  return { sha, title, date, url };
}

/** A commit that can be the first bad one, and why it was not tested. */
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
