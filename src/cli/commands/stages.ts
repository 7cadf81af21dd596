/**
 * `run-outputs stages`
 *
 * @module
 */

import { Argument, Command } from "commander";
import type { BuildStage } from "../../layout/build_topology.ts";
import type { Context } from "../context.ts";
import { withOutputOptions } from "../options.ts";
import { Output, type OutputOptions, plural } from "../terminal/output.ts";
import { readTopology, topology } from "../topology.ts";

/** The values of the command's options. */
interface StagesCommandOptions extends OutputOptions {
  readonly topology?: string;
}

/** Builds the command. */
export function stagesCommand(context: Context): Command {
  const command = new Command("stages")
    .summary("list the stages of a build, what each needs and produces")
    .description(
      "Lists the stages of a multi-arch build in build order, with the artifacts that each needs " +
        "from earlier stages and those that it produces.",
    )
    .addArgument(new Argument("[stages...]", "only these stages (default: all)"))
    .addOption(topology())
    .addHelpText(
      "after",
      `
Examples:
  run-outputs stages
  run-outputs stages math-libs --topology TheRock/BUILD_TOPOLOGY.toml
  run-outputs stages --json`,
    );
  return withOutputOptions(command).action(
    async (names: readonly string[], options: StagesCommandOptions) => {
      const output = new Output(context.io, options);
      const { ALL_STAGES, findStages } = await import("../../layout/build_topology.ts");
      const found = await readTopology(options.topology);
      const isAll = names.length === 0 || names.includes(ALL_STAGES);
      const stages = isAll ? found.stages : findStages(found, names);
      output.result(
        () => ({
          schema: "run-outputs.stages/1",
          stages: stages.map(({ name, type, artifactGroups, needs, produces }) => ({
            name,
            type,
            artifact_groups: artifactGroups,
            needs,
            produces,
          })),
        }),
        () => stages.flatMap((stage) => stageLines(stage, output)),
      );
    },
  );
}

function stageLines({ name, type, needs, produces }: BuildStage, output: Output): string[] {
  const line = (what: string, artifacts: readonly string[]) =>
    artifacts.length === 0
      ? `  ${what} nothing`
      : `  ${what} ${plural(artifacts.length, "artifact")}: ${artifacts.join(", ")}`;
  return [
    `${output.paint(name, "bold")} (${type})`,
    line("needs", needs),
    line("produces", produces),
  ];
}
