/**
 * `run-outputs runs search`
 *
 * @module
 */

import { Argument, Command, Option } from "commander";
import { OUTPUT_KINDS } from "../../../layout/classify.ts";
import type { RunSearch } from "../../../operations/retained/answers.ts";
import type { Context } from "../../context.ts";
import { EXIT } from "../../exit_codes.ts";
import { RUN, wholeNumber } from "../../options.ts";
import { Output, plural } from "../../terminal/output.ts";
import {
  type ChoiceOptions,
  type RunsCommandOptions,
  withChoiceOptions,
  withReadRunsOptions,
  withRuns,
} from "./options.ts";
import { removedOf } from "./removed.ts";
import { runArgument } from "./show.ts";

/** The values of the command's options. */
interface SearchOptions extends RunsCommandOptions, ChoiceOptions {
  readonly problems?: boolean;
  readonly regex?: boolean;
  readonly caseSensitive?: boolean;
  readonly path?: string;
  readonly kind?: string;
  readonly limit?: number;
  readonly cursor?: string;
}

/** Builds the command. */
export function runsSearchCommand(context: Context): Command {
  const command = withChoiceOptions(
    new Command("search")
      .summary("search the logs of a run")
      .description(
        "Searches all logs of a run, or one of its files, and prints each matching line with its path " +
          "and number. The query is a text, in which upper and lower case are the same.",
      )
      .addArgument(runArgument())
      .addArgument(new Argument("[query]", "the text to find; not with --problems")),
  )
    .addOption(
      new Option(
        "--problems",
        "instead of a query: lines with which compilers, build tools and tests report problems",
      ),
    )
    .addOption(
      new Option("--regex", "the query is a regular expression, in the syntax of RE2"),
    )
    .addOption(new Option("--case-sensitive", "upper and lower case differ"))
    .addOption(
      new Option("--path <path>", "search only this file: its path in the run")
        .helpGroup(RUN),
    )
    .addOption(
      new Option("--kind <name>", "search the files of this kind (default: log)")
        .choices(OUTPUT_KINDS).helpGroup(RUN),
    )
    .addOption(
      new Option("--limit <number>", "at most this many lines (default: 1000)")
        .argParser(wholeNumber(1, 10_000)).helpGroup(RUN),
    )
    .addOption(
      new Option("--cursor <text>", "continue after an earlier page: its 'next'").helpGroup(RUN),
    )
    .addHelpText(
      "after",
      `
Exits with 0 if a line matches, with 3 if none does, and with 7 if a file can't be read. Compressed
files and those that are not text are skipped with a note. Escape sequences are ignored.

Examples:
  run-outputs runs search 12345 --problems --staging-dir ./staging
  run-outputs runs search 12345 'undefined symbol' --bucket lab-artifacts --platform linux
  run-outputs runs search 12345 'gfx9\\d+.*(skip|fail)' --regex --staging-dir ./staging --json`,
    );
  return withReadRunsOptions(command).action(
    async (run: string, query: string | undefined, options: SearchOptions) => {
      const output = new Output(context.io, options);
      await withRuns(context, options, output, async ({ ask }) => {
        const { platform, repo, problems, regex, path, kind, limit, cursor } = options;
        const named = { run, platform, repo, path, kind };
        const params = { q: query, problems, regex, case: options.caseSensitive, limit, cursor };
        const labels = { q: "<query>", case: "--case-sensitive" };
        const answer = await ask(({ search }) => search, { ...named, ...params }, labels);
        const { matchLine } = await import("./text.ts");
        output.result(() => answer, () => answer.matches.map((match) => matchLine(match, output)));
        if (!output.json) {
          const { key, matches, files } = answer;
          const isNone = matches.length === 0;
          const gone = isNone ? await removedOf({ ask }, key, kind ?? "log") : undefined;
          const rest = gone === undefined ? "" : `; ${gone}`;
          reportSkipped(answer, output);
          if (isNone) output.note(`no match in ${plural(files, "file")} of ${key}${rest}`);
          noteNext(answer, output);
        }
        const isIncomplete = answer.skipped.some(({ failed }) => failed);
        if (isIncomplete) context.setExitCode(EXIT.incomplete);
        else if (answer.matches.length === 0) context.setExitCode(EXIT.notFound);
      });
    },
  );
}

/** Reports what the lines do not say. */
function reportSkipped({ skipped }: RunSearch, output: Output): void {
  for (const { path, reason, failed } of skipped) {
    const text = `skipped ${path}: ${reason}`;
    if (failed) output.error(text);
    else output.note(text);
  }
}

function noteNext({ next }: RunSearch, output: Output): void {
  if (next !== undefined) {
    output.note(`there can be more matches: continue with '--cursor ${next}'`);
  }
}
