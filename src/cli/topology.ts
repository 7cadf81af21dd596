/**
 * The options for stages of a multi-arch build, and the artifacts that they mean.
 *
 * @module
 */

import { inputError } from "./local_inputs.ts";
import { type Command, Option } from "commander";
import { RunOutputsError } from "../errors/error.ts";
import type { BuildTopology } from "../layout/build_topology.ts";
import { emptyOptions } from "./empty_values.ts";
import { chosen, WHICH } from "./selection.ts";
import type { Output } from "./terminal/output.ts";

/** Where a build has its topology. */
const STANDARD = "BUILD_TOPOLOGY.toml";

/** The values of the options that select artifacts by stage. */
export interface StageOptions {
  readonly stage?: readonly string[];
  readonly topology?: string;
}

/**
 * Adds `--stage` and `--topology` to a command that selects artifacts of a run.
 *
 * @param command The command.
 * @param what What the stages do with the artifacts: `need` or `produce`.
 * @returns The command.
 */
export function withStageOptions(command: Command, what: "need" | "produce"): Command {
  return command
    .addOption(chosen("--stage <names>", `artifacts that these stages of a build ${what}`))
    .addOption(topology().helpGroup(WHICH));
}

/** `--topology` */
export function topology(more = ` (default: ${STANDARD})`): Option {
  return new Option("--topology <file>", `the build's topology, which has its stages${more}`);
}

/**
 * Checks the options for stages.
 *
 * @param options The values.
 * @param command Their command.
 * @param output Receives a note about an empty `--stage`.
 * @throws {RunOutputsError} `invalid`, for a topology that is not used.
 */
export function checkStageOptions(
  { stage = [], topology }: StageOptions,
  command: Command,
  output: Output,
): void {
  if (stage.length > 0) return;
  // Workflows pass both options, with whatever stage they have.
  if (emptyOptions(command).has("--stage")) {
    const unused = topology === undefined ? "" : ", and --topology has no effect";
    output.note(`--stage is empty, so no stage limits the selection${unused}`);
  } else if (topology !== undefined) {
    throw new RunOutputsError(
      "invalid",
      "Cannot use --topology without --stage: give a stage of the topology, or no topology",
    );
  }
}

/**
 * Reads a build's topology.
 *
 * @param file The value of `--topology`.
 * @returns The topology.
 * @throws {RunOutputsError} `invalid`, if it is invalid; what the disk says.
 */
export async function readTopology(file = STANDARD): Promise<BuildTopology> {
  const { parseBuildTopology } = await import("../layout/build_topology.ts");
  const text = await Deno.readTextFile(file).catch((error) => {
    throw inputError("read the build topology (--topology)", file, error);
  });
  return parseBuildTopology(text, file);
}

/**
 * The names of the artifacts that stages need or produce.
 *
 * @param stages The names of the stages; none means no limit, as does `all`.
 * @param file The value of `--topology`; it is not read where there is no limit.
 * @param what Whether those that they need, or those that they produce.
 * @returns The names; `undefined` for no limit.
 * @throws {RunOutputsError} `invalid`, if there is no such stage, or the file is no topology; what the
 * disk says.
 */
export async function artifactsOfStages(
  stages: readonly string[],
  file: string | undefined,
  what: "needs" | "produces",
): Promise<ReadonlySet<string> | undefined> {
  const { ALL_STAGES, findStages } = await import("../layout/build_topology.ts");
  if (stages.length === 0) return undefined;
  if (stages.includes(ALL_STAGES)) {
    const others = stages.filter((name) => name !== ALL_STAGES);
    if (others.length === 0) return undefined;
    throw new RunOutputsError(
      "invalid",
      `Cannot use --stage ${ALL_STAGES} with other stages (${others.join(", ")})`,
    );
  }
  const found = findStages(await readTopology(file), stages);
  return new Set(found.flatMap((stage) => stage[what]));
}
