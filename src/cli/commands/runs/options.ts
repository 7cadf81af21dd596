/**
 * Options of the `runs` commands: where the runs are, and which are wanted.
 *
 * @module
 */

import { type Command, Option } from "commander";
import { basename, resolve } from "node:path";
import type { z } from "zod";
import config from "../../../../deno.json" with { type: "json" };
import { RunOutputsError } from "../../../errors/error.ts";
import type { RunsContext, RunsOperation } from "../../../operations/retained/operation.ts";
import type { RUNS_OPERATIONS } from "../../../operations/retained/operations.ts";
import type { RunIndex } from "../../../operations/retained/run_index.ts";
import { isRunName } from "../../run_root.ts";
import type { Context } from "../../context.ts";
import { RUN, stagingDir, STORAGE, withOutputOptions, withServerOptions } from "../../options.ts";
import { platformOption } from "../../platform_option.ts";
import { type S3Options, withS3Options, withS3WriteOptions } from "../../s3_options.ts";
import { openForReading, type OpenStorage, stagingDirOf, withoutWrites } from "../../storage.ts";
import type { Io } from "../../terminal/io.ts";
import type { Output, OutputOptions } from "../../terminal/output.ts";

/** The values of the options that all `runs` commands have. */
export interface RunsCommandOptions extends S3Options, OutputOptions {
  readonly stagingDir?: string;
  readonly bucket?: string;
  readonly server?: string;
  readonly serverTokenFile?: string;
  readonly dryRun?: boolean;
}

/** The values of the options that decide between runs with the same id, or choose runs. */
export interface ChoiceOptions {
  readonly platform?: string;
  readonly repo?: string;
}

/**
 * Adds the options that say where the runs are, and those for output.
 *
 * @param command The command.
 * @param created The objects that the command creates, for the help.
 * @returns The command.
 */
export function withRunsOptions(command: Command, created?: string): Command {
  const withS3 = created === undefined
    ? withS3Options
    : (one: Command) => withS3WriteOptions(withS3Options(one), created);
  return withOutputOptions(
    withS3(
      command
        .addOption(stagingDir("the local directory with the runs"))
        .addOption(
          new Option("--bucket <name>", "the bucket with the runs").helpGroup(STORAGE),
        ),
    ),
  );
}

/**
 * Adds the options of a command that only reads: the runs can be those of a service.
 *
 * @param command The command.
 * @returns The command.
 */
export function withReadRunsOptions(command: Command): Command {
  return withServerOptions(withRunsOptions(command));
}

/** Adds the options that choose runs by their names. */
export function withChoiceOptions(command: Command): Command {
  return command
    .addOption(
      platformOption("--platform <name>", "only runs for this platform").helpGroup(RUN),
    )
    .addOption(
      new Option("--repo <owner/name>", "only runs of this repository").helpGroup(RUN),
    );
}

/** Adds the options that choose runs by what is in them. */
export function withFilterOptions(command: Command): Command {
  return withChoiceOptions(command)
    .addOption(
      new Option("--group <name>", "only runs with this artifact group or stage").helpGroup(RUN),
    )
    .addOption(
      new Option("--workflow <file>", "only runs of this workflow, such as ci.yml").helpGroup(RUN),
    );
}

/** `--completeness` */
export function completeness(description: string): Option {
  return new Option("--completeness <state>", description)
    .choices(["complete", "incomplete", "unproven"]).helpGroup(RUN);
}

/** What a command works with: the context of the operations, and those. */
export interface RunsPlace extends RunsContext {
  /** The current time. */
  readonly now: Date;
  /**
   * Runs an operation.
   *
   * @param pick Picks it.
   * @param params Its parameters, as they were given.
   * @param labels Options and arguments whose names are not those of their parameters.
   * @returns Its answer.
   */
  ask<P extends z.ZodType, A>(
    pick: (operations: typeof RUNS_OPERATIONS) => RunsOperation<P, A>,
    params: Readonly<Record<string, unknown>>,
    labels?: Labels,
  ): Promise<A>;
}

/**
 * Opens the place with the runs, does something there, and closes it.
 *
 * @param context The main program.
 * @param options The values of the options.
 * @param output Receives notices of the storage.
 * @param use Does it.
 * @returns What `use` returns.
 * @throws {RunOutputsError} `invalid`, if no place is given.
 */
export async function withRuns<T>(
  { io, interruption }: Context,
  options: RunsCommandOptions,
  output: Output,
  use: (place: RunsPlace) => Promise<T>,
): Promise<T> {
  const signal = interruption();
  using opened = await openRuns(options, io, output);
  const { bucket, dir } = opened;
  const storage = options.dryRun ? await withoutWrites(opened) : opened;
  const { RunIndex } = await import("../../../operations/retained/run_index.ts");
  const now = new Date();
  const index = new RunIndex({
    backend: storage.backend,
    bucket,
    where: storage.dir ?? options.server,
    now: () => now,
  });
  await throwIfRun(dir, index, signal);
  const env = (name: string) => io.env(name) || undefined;
  const context: RunsContext = {
    index,
    tool: `run-outputs/${config.version}`,
    by: env("GITHUB_ACTOR") ?? env("USER") ?? env("USERNAME"),
    label: labelWith(LABELS),
    signal,
  };
  return await use({
    ...context,
    now,
    async ask(pick, params, labels = {}) {
      const { runOperation } = await import("../../../operations/retained/operation.ts");
      const { RUNS_OPERATIONS } = await import("../../../operations/retained/operations.ts");
      const label = labelWith({ ...LABELS, ...labels });
      return await runOperation(pick(RUNS_OPERATIONS), { ...context, label }, params);
    },
  });
}

/** Options and arguments by the names of their parameters. */
type Labels = Readonly<Record<string, string | undefined>>;

/** Those whose names are not the same. */
const LABELS: Labels = { run: "<run>", q: "--search" };

function labelWith(labels: Labels): (name: string) => string {
  return (name) => labels[name] ?? `--${name.replaceAll("_", "-")}`;
}

/** The storage with the runs. */
export interface OpenRuns extends OpenStorage {
  /** The bucket; any name for a staging directory. */
  readonly bucket: string;
}

/**
 * Opens the place with the runs.
 *
 * @param options The values of the options.
 * @param io The environment.
 * @param output Receives notices of the storage.
 * @returns The storage.
 * @throws {RunOutputsError} `invalid`, if no place is given, or two are; `not_found`, if the directory
 * does not exist.
 */
export async function openRuns(
  options: RunsCommandOptions,
  io: Io,
  output: Output,
): Promise<OpenRuns> {
  const dir = stagingDirOf(options, io);
  if (options.stagingDir !== undefined && options.bucket !== undefined) {
    throw new RunOutputsError("invalid", "Cannot use --bucket with --staging-dir: choose one");
  }
  if (dir === undefined && options.bucket === undefined && options.server === undefined) {
    throw new RunOutputsError(
      "invalid",
      "Missing option --staging-dir <dir> or --bucket <name>: it says where the runs are",
    );
  }
  const opened = await openForReading(options, io, output);
  return { ...opened, bucket: options.bucket ?? "local" };
}

/**
 * Rejects the directory of a run in the place of the one with the runs.
 *
 * @param dir The directory, if it is one.
 * @param index The runs in it.
 * @param signal Aborts reading.
 * @throws {RunOutputsError} `not_found`, if there are no runs in it, and its name is that of a run.
 */
export async function throwIfRun(
  dir: string | undefined,
  index: RunIndex,
  signal: AbortSignal,
): Promise<void> {
  const name = dir === undefined ? "" : basename(resolve(dir));
  if (!isRunName(name)) return;
  if ((await index.enumerate({ signal })).length > 0) return;
  throw new RunOutputsError(
    "not_found",
    `No runs in ${dir}: the staging directory must be the one that contains ${name}`,
  );
}
