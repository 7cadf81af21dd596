/**
 * `run-outputs status`
 *
 * @module
 */

import { resolve } from "node:path";
import { Command, Option } from "commander";
import { ArtifactName } from "../../../layout/artifact_name.ts";
import type { FetchStatus, HeldArchive, HeldRun } from "../../../operations/fetch/status.ts";
import type { Context } from "../../context.ts";
import { EXIT } from "../../exit_codes.ts";
import { withOutputOptions } from "../../options.ts";
import { Output, type OutputOptions, plural } from "../../terminal/output.ts";

/** The values of the command's options. */
interface StatusOptions extends OutputOptions {
  readonly all?: boolean;
}

/** The number of paths of one kind that are printed without `--all`. */
const SHOWN = 10;

/** Builds the command. */
export function statusCommand(context: Context): Command {
  const command = new Command("status")
    .summary("print which run a directory was fetched from, and what was changed since")
    .description(
      "Prints what a directory holds that 'run-outputs fetch' has filled: the run, its commit, the " +
        "groups, and which files are missing, changed, or not from a fetch.",
    )
    .argument("[dir]", "the output directory of the fetch", ".")
    .addOption(new Option("--all", `print all paths, and not only ${SHOWN} of each kind`))
    .addHelpText(
      "after",
      `
Files are compared by size and time with DIR/.run-outputs-fetched.json, which each fetch writes.
Nothing is changed, and no network is used.

Exits with 7 if files are missing or changed, or a fetch was interrupted; with 3 if no fetch is
recorded there.

Examples:
  run-outputs status ./artifacts
  run-outputs status ./rocm --json`,
    );
  return withOutputOptions(command).action(async (dir: string, options: StatusOptions) => {
    const output = new Output(context.io, options);
    const { fetchStatus } = await import("../../../operations/fetch/status.ts");
    const status = await fetchStatus(dir);
    if (status.interrupted !== undefined) {
      output.warn(
        `a fetch to ${dir} is in progress or was interrupted; the next fetch into it undoes that`,
      );
    }
    const kinds = kindsOf(status);
    output.result(
      () => ({
        schema: "run-outputs.status/1",
        dir: resolve(dir),
        runs: status.runs.map(runJson),
        files: status.files,
        unchanged: status.unchanged,
        ...kinds,
        interrupted: status.interrupted !== undefined,
      }),
      () => [
        ...status.runs.flatMap(runLines),
        ...Object.entries(kinds).flatMap(([kind, paths]) => pathLines(kind, paths, options)),
        summary(status),
      ],
    );
    const { changed, missing, unfinished } = kinds;
    const isWhole = changed.length + missing.length + unfinished.length === 0 &&
      status.interrupted === undefined;
    context.setExitCode(isWhole ? EXIT.done : EXIT.incomplete);
  });
}

function kindsOf({ missing, changed, unfinished, foreign }: FetchStatus) {
  return { missing, changed, unfinished, foreign };
}

function runJson({ archives, ...run }: HeldRun) {
  return {
    ...run,
    groups: groupsOf(archives),
    archives: archives.map(({ fetchedAt: fetched_at, ...archive }) => ({ ...archive, fetched_at })),
  };
}

const MODES: Readonly<Record<HeldArchive["mode"], string>> = {
  extract: "unpacked",
  flatten: "unpacked with --flatten",
  bootstrap: "unpacked with --bootstrap",
  packed: "not unpacked",
};

function runLines({ archives, ...run }: HeldRun): string[] {
  const { run_id, platform, repository, commit, source } = run;
  const of = repository === undefined ? "" : ` of ${repository}`;
  const at = commit === undefined ? "" : `, commit ${commit.slice(0, 12)}`;
  const modes = [...new Set(archives.map(({ mode }) => mode))];
  return [
    `run ${run_id}${of} for ${platform}${at}, from ${source}`,
    ...modes.map((mode) => {
      const own = archives.filter((archive) => archive.mode === mode);
      const last = own.map(({ fetchedAt }) => fetchedAt).sort().at(-1)!;
      const count = plural(own.length, "archive");
      return `  ${count} ${MODES[mode]}, ${last}: ${groupsOf(own).join(", ")}`;
    }),
  ];
}

/** The groups and targets of archives. */
function groupsOf(archives: readonly HeldArchive[]): string[] {
  const targets = archives.flatMap(({ name }) => ArtifactName.tryParse(name)?.target ?? []);
  return [...new Set(targets)].sort();
}

function pathLines(
  kind: string,
  paths: readonly string[],
  { all = false }: StatusOptions,
): string[] {
  const shown = all ? paths : paths.slice(0, SHOWN);
  const more = paths.length - shown.length;
  return [
    ...shown.map((path) => `${kind.padEnd(10)} ${path}`),
    ...(more === 0 ? [] : [`${kind.padEnd(10)} … and ${more} more (--all)`]),
  ];
}

function summary({ files, missing, changed, unfinished, foreign }: FetchStatus): string {
  const counts = [
    [missing.length, "missing"],
    [changed.length, "changed"],
    [unfinished.length, "unfinished"],
    [foreign.length, "not from a fetch"],
  ] as const;
  return [
    plural(files, "file"),
    ...counts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`),
  ].join(", ");
}
