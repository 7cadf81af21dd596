/**
 * `run-outputs runs prune`
 *
 * @module
 */

import { Command } from "commander";
import { RunOutputsError } from "../../../errors/error.ts";
import type { PruneResult } from "../../../operations/prune/execute.ts";
import type { PrunePlace } from "../../../operations/prune/place.ts";
import type { PrunePlan } from "../../../runs/retention/prune_plan.ts";
import type { Context } from "../../context.ts";
import { EXIT } from "../../exit_codes.ts";
import { inputError } from "../../local_inputs.ts";
import { stagingDirOf } from "../../storage.ts";
import { columns, formatBytes, Output, plural } from "../../terminal/output.ts";
import { STATE_DIR } from "../bisect/options.ts";
import { withRuns, withRunsOptions } from "./options.ts";
import {
  checkPruneOptions,
  policyOf,
  type PruneOptions,
  withPruneOptions,
} from "./prune_options.ts";

/** Builds the command. */
export function runsPruneCommand(context: Context): Command {
  const command = withPruneOptions(
    new Command("prune")
      .summary("delete old runs by a policy; first shows a plan")
      .description(
        "Prints which runs a policy keeps and deletes, each with the reason. Deletes them, or with " +
          "--drop-kinds only files of them, only with --yes or --execute.",
      ),
  ).addHelpText(
    "after",
    `
A run is kept if any rule keeps it. Without a rule that deletes, all other runs are deleted. Always
kept: pinned runs, the latest run of each group that is not incomplete, runs younger than --min-age,
runs with an upload that began less than 7 days ago, runs that can't be read, and runs that the
bisect in ./${STATE_DIR} or --bisect-dir uses. docs/retention.md has policies as examples.

Each run is checked again before it is deleted, and skipped if it has changed. The next prune
finishes an interrupted one. Exits with 7 if a limit can't be reached or a run can't be deleted.

Examples:
  run-outputs runs prune --staging-dir ./staging --keep-last 10 --keep-within 30d
  run-outputs runs prune --bucket lab-artifacts --keep 10,1d1w,1w1m --older-than 90d --json
  run-outputs runs prune --bucket lab-artifacts --execute plan.json
  run-outputs runs prune --staging-dir ./staging --max-size 500GB --yes
  run-outputs runs prune --bucket lab-artifacts --older-than 30d --drop-kinds artifact,python
  run-outputs runs prune --older-than 180d --as-lifecycle-rule > rules.json`,
  );
  return withRunsOptions(command, "the mark of a deletion")
    .action((options: PruneOptions) => prune(context, options));
}

async function prune(context: Context, options: PruneOptions): Promise<void> {
  const { io } = context;
  const output = new Output(io, options);
  checkPruneOptions(options);
  const { execute, yes = false, bisectDir = [] } = options;
  const given = execute === undefined ? undefined : await readPlan(execute);
  const policy = given?.policy ?? await policyOf(options, io);
  if (options.asLifecycleRule) {
    const { lifecycleRules } = await import("../../../runs/retention/lifecycle.ts");
    const { configuration, limits } = lifecycleRules(policy);
    for (const limit of limits) output.note(limit);
    return output.result(
      () => ({ schema: "run-outputs.lifecycle/1", configuration, limits }),
      () => JSON.stringify(configuration, null, 2).split("\n"),
    );
  }
  await withRuns(context, options, output, async ({ index, tool, signal }) => {
    const { FOREIGN_MARK, planPrune } = await import("../../../operations/prune/plan.ts");
    const { runsOfBisects } = await import("../../../operations/prune/bisects.ts");
    const place: PrunePlace = { index, directory: stagingDirOf(options, io) };
    const inUse = await runsOfBisects([STATE_DIR, ...bisectDir]);
    const plan = await planPrune(place, {
      policy,
      inUse,
      onNote: (note) => output.note(note),
      signal,
    });
    for (const { key, reasons } of plan.keep) {
      const mark = reasons.find((reason) => reason.startsWith(FOREIGN_MARK));
      if (mark !== undefined) output.warn(`${key} is kept: ${mark}`);
    }
    for (const entry of plan.unmatched) output.warn(`no run matches '${entry}' in --keep-listed`);
    if (given === undefined && !yes) {
      reportPlan(plan, output);
      noteUndone(plan, output);
      context.setExitCode(plan.unreached.length > 0 ? EXIT.incomplete : EXIT.done);
      return;
    }
    const { executePrune, largeBecause, narrowPlan } = await import(
      "../../../operations/prune/execute.ts"
    );
    const { plan: narrowed, skipped } = given === undefined
      ? { plan, skipped: [] }
      : narrowPlan(given, plan);
    const large = largeBecause(given ?? plan);
    if (large !== undefined && !options.allowLarge) {
      // In JSON, the error is the document.
      if (!output.json) reportPlan(narrowed, output);
      throw new RunOutputsError(
        "invalid",
        `Cannot carry out the plan: ${large}; nothing was deleted; to delete it, add --allow-large`,
      );
    }
    const done = await executePrune(place, narrowed, { tool, signal });
    const results = [...skipped, ...done];
    reportResults(results, plan, output);
    const isIncomplete = results.some(({ outcome }) => outcome === "failed") ||
      (given === undefined && plan.unreached.length > 0);
    context.setExitCode(isIncomplete ? EXIT.incomplete : EXIT.done);
  });
}

async function readPlan(path: string): Promise<PrunePlan> {
  const { parsePrunePlan } = await import("../../../runs/retention/prune_plan.ts");
  const text = await Deno.readTextFile(path).catch((error) => {
    throw inputError("read the plan (--execute)", path, error);
  });
  return parsePrunePlan(text, path);
}

function reportPlan(plan: PrunePlan, output: Output): void {
  const { keep, drop, thin = [], leftovers = [], unfinished } = plan;
  output.result(() => plan, () => [
    ...columns([
      ...keep.map(({ key, reasons }) => ["keep", key, "", reasons.join("; ")]),
      ...drop.map(({ key, bytes, rule }) => ["delete", key, formatBytes(bytes), rule]),
      ...thin.map(({ key, bytes, rule }) => ["thin", key, formatBytes(bytes), rule]),
      ...leftovers.map(({ kind, path, bytes, since }) => [
        "delete",
        path,
        formatBytes(bytes),
        `${LEFTOVERS[kind]} of ${since.slice(0, 10)}`,
      ]),
      ...unfinished.map((key) => ["finish", key, "", "an earlier prune has begun to delete it"]),
    ], [2]),
    [
      `${plural(keep.length, "run")} kept`,
      ...plan.thin === undefined
        ? [`${plural(drop.length, "run")} to delete (${formatBytes(sum(drop))})`]
        : [`${plural(thin.length, "run")} to thin (${formatBytes(sum(thin))})`],
      ...leftovers.length === 0
        ? []
        : [`${plural(leftovers.length, "leftover")} (${formatBytes(sum(leftovers))})`],
      ...unfinished.length === 0 ? [] : [`${plural(unfinished.length, "run")} to finish`],
    ].join(", "),
  ]);
  warnUnreached(plan, output);
}

function noteUndone({ drop, thin = [], leftovers = [] }: PrunePlan, output: Output): void {
  if (output.json || drop.length + thin.length + leftovers.length === 0) return;
  output.note("nothing was deleted: --yes deletes, or save the plan (--json) for --execute");
}

/** What killed processes have left, in words. */
const LEFTOVERS = {
  upload: "unfinished upload",
  download: "unfinished download",
  temporary: "temporary file",
} as const;

function warnUnreached({ unreached, keep }: PrunePlan, output: Output): void {
  if (unreached.length === 0) return;
  const holders = keep.slice(0, 5).map(({ key, reasons }) => `${key} (${reasons[0]})`);
  const more = keep.length > 5 ? `, and ${keep.length - 5} more` : "";
  output.warn(`limit not reached: ${unreached.join("; ")}: ${holders.join(", ")}${more}`);
}

function reportResults(results: readonly PruneResult[], plan: PrunePlan, output: Output): void {
  const count = (outcome: PruneResult["outcome"]) =>
    results.filter((result) => result.outcome === outcome).length;
  const counts = {
    deleted: count("deleted"),
    thinned: count("thinned"),
    cleaned: count("cleaned"),
    finished: count("finished"),
    skipped: count("skipped"),
    failed: count("failed"),
  };
  const bytes = sum(results);
  output.result(
    () => ({
      schema: "run-outputs.prune/1",
      policy: plan.policy,
      now: plan.now,
      ...counts,
      bytes,
      unreached: plan.unreached,
      results,
    }),
    () => [
      ...results.filter(({ outcome }) => outcome !== "failed").map(resultText),
      [
        plan.thin === undefined
          ? `${plural(counts.deleted, "run")} deleted (${formatBytes(bytes)})`
          : `files of ${plural(counts.thinned, "run")} deleted (${formatBytes(bytes)})`,
        ...counts.cleaned === 0 ? [] : [`${plural(counts.cleaned, "leftover")} deleted`],
        ...counts.finished === 0 ? [] : [`${counts.finished} finished`],
        ...counts.skipped === 0 ? [] : [`${counts.skipped} skipped`],
        ...counts.failed === 0 ? [] : [`${counts.failed} failed`],
      ].join(", "),
    ],
  );
  for (const result of results) {
    if (result.outcome === "failed") output.error(resultText(result));
  }
  warnUnreached(plan, output);
}

function resultText({ key, outcome, reason, bytes }: PruneResult): string {
  const words = { finished: "finished an interrupted deletion", cleaned: "deleted a leftover" };
  const what = outcome in words ? words[outcome as keyof typeof words] : outcome;
  const text = bytes === undefined ? what : `${what} (${formatBytes(bytes)})`;
  return `${key}: ${text}${reason === undefined ? "" : `: ${reason}`}`;
}

function sum(runs: readonly { readonly bytes?: number }[]): number {
  return runs.reduce((total, { bytes = 0 }) => total + bytes, 0);
}
