/**
 * `run-outputs bisect start`
 *
 * @module
 */

import { Argument, Command, Option } from "commander";
import type { BisectStep } from "../../../operations/bisect/source.ts";
import type { BisectStore } from "../../../operations/bisect/store.ts";
import { checkOutputDir } from "../../output_dir.ts";
import {
  bisectArgs,
  type BisectFetchOptions,
  type BisectOptions,
  checkBisectOptions,
  settled,
  withBisectFetchOptions,
  withBisectOptions,
} from "./options.ts";
import { reportNext } from "./report.ts";
import {
  bisectSettings,
  openBisectSource,
  partsOf,
  type SessionWorld,
  withBisectStore,
} from "./session.ts";
import type { Context } from "../../context.ts";
import { required } from "../../options.ts";
import { Output, plural } from "../../terminal/output.ts";
import { includePatterns, searchPatterns, selectionOf } from "../../selection.ts";
import { noteUnused } from "../../storage.ts";

/** The values of the command's options. */
interface Options extends BisectFetchOptions, BisectOptions {
  readonly good?: string;
  readonly bad?: string;
  readonly firstParent?: boolean;
  /** `false` with `--no-fetch`. */
  readonly fetch: boolean;
}

const GOOD = "--good <commit>";
const BAD = "--bad <commit>";

/** Builds the command. */
export function bisectStartCommand(context: Context): Command {
  const command = new Command("start")
    .summary("start a bisect and fetch the artifacts of the middle commit")
    .description(
      "Queries GitHub for the commits between a good and a bad one, fetches the artifacts of the " +
        "middle commit that has any, and prints their directory.",
    )
    .addArgument(
      new Argument("[include...]", "globs of artifacts to fetch, such as 'blas_*' (default: all)"),
    )
    .option(GOOD, "a good commit: a SHA, a branch, a tag (required)")
    .option(BAD, "a later, bad commit (required)")
    .addOption(
      new Option("--first-parent", "only commits of the branch itself, not of merged branches"),
    )
    .addOption(new Option("--no-fetch", "don't fetch yet; 'bisect next' does"))
    .addHelpText(
      "after",
      `
Test the contents of the directory, then run 'run-outputs bisect good', 'bad' or 'skip'. Or let
'run-outputs bisect run' do everything. The state is kept in --state-dir, so you can interrupt the
bisect at any time. The artifacts of tested commits are deleted; the cache keeps the archives.

Exits with 7 if several commits remain possible.

Examples:
  run-outputs bisect start --good v1.0 --bad main --artifact-group gfx94X-dcgpu
  run-outputs bisect start --good 1a2b3c4d --bad 5e6f7a8b --artifact-group gfx1151 \\
    --components lib,run --flatten --repo ROCm/TheRock --platform windows
  run-outputs bisect start --good v1.0 --bad main --first-parent 'blas_*' --output-dir ./commits`,
    );
  return withBisectOptions(withBisectFetchOptions(command)).action(
    async (include: string[], options: Options) => {
      const { io } = context;
      const output = new Output(io, options);
      const world = { io, output, signal: context.interruption() };
      const good = required(options.good, GOOD);
      const bad = required(options.bad, BAD);
      checkBisectOptions(options);
      noteUnused(options, io, output);
      const patterns = await includePatterns(options, include, io);
      const given = { ...options, include: patterns, patternsFrom: undefined };
      const chosen = settled(given, options.stateDir, io);
      await checkOutputDir(chosen.outputDir);
      const args = bisectArgs(chosen);
      // What is wrong with them is said before anything is made.
      await selectionOf(chosen, patterns, { io });
      await searchPatterns("--require-artifact", chosen.requireArtifact ?? []);

      await withBisectStore(options.stateDir, world, async (store) => {
        const { checkVacant } = await import("../../../operations/bisect/store.ts");
        await checkVacant(store);
        try {
          await begin(store, world, args, { ...options, good, bad, repo: chosen.repo }, context);
        } catch (error) {
          // A bisect that did not start leaves nothing behind.
          if (await store.read() === undefined) await store.remove();
          throw error;
        }
      }, true);
    },
  );
}

async function begin(
  store: BisectStore,
  world: SessionWorld,
  args: readonly string[],
  options: Options & { readonly good: string; readonly bad: string; readonly repo: string },
  context: Context,
): Promise<void> {
  const { output, signal } = world;
  const { good, bad, firstParent, repo: repository } = options;
  const { Bisect } = await import("../../../operations/bisect/bisect.ts");
  const { bisectRange } = await import("../../../operations/bisect/range.ts");
  using opened = await openBisectSource(args, world);
  const { github, source } = opened;
  const range = await bisectRange({ github, repository, good, bad, firstParent, signal });
  const bisect = await Bisect.start(partsOf(store, source, output), {
    ...range,
    settings: bisectSettings(args),
  });
  output.note(`${plural(range.commits.length, "commit")} between ${good} and ${bad}`);
  const step: BisectStep | undefined = options.fetch ? await bisect.next({ signal }) : undefined;
  context.setExitCode(await reportNext(step, bisect.state, output));
}
