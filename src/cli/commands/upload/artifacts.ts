/**
 * `run-outputs upload artifacts`
 *
 * @module
 */

import { localInput } from "../../local_inputs.ts";
import { Argument, Command, Option } from "commander";
import type { Context } from "../../context.ts";
import { list, names, nonEmpty, withUploadOptions } from "../../options.ts";
import { Output } from "../../terminal/output.ts";
import { artifactsOfStages, checkStageOptions, topology } from "../../topology.ts";
import { runUpload, type UploadCommandOptions } from "./execute.ts";
import { type PackingOptions, packingOptions, withPackingOptions } from "./options.ts";

/** The values of the command's options. */
interface UploadArtifactsOptions extends UploadCommandOptions, PackingOptions {
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly stage?: readonly string[];
  readonly topology?: string;
}

/** Builds the command. */
export function uploadArtifactsCommand(context: Context): Command {
  const command = new Command("artifacts")
    .summary("upload archives and artifact directories with their checksums")
    .description(
      "Uploads artifacts, each with its .sha256sum. Directories NAME_COMPONENT_TARGET are packed on " +
        "all cores; archives are uploaded as they are. An existing .sha256sum is verified first. The " +
        "same files, modes and times produce the same bytes.",
    )
    .addArgument(
      localInput(
        new Argument("<dir>", "the directory with artifacts").argParser(nonEmpty),
        "directory",
      ),
    )
    .addOption(
      new Option("--include <globs>", "only artifacts that match (repeatable, or comma-separated)")
        .argParser(list),
    )
    .addOption(new Option("--exclude <globs>", "exclude matching artifacts").argParser(list))
    .addOption(
      new Option("--stage <names>", "only artifacts that these stages produce").argParser(names),
    )
    .addOption(topology())
    .addHelpText(
      "after",
      `
An artifact directory contains artifact_manifest.txt, which lists directories with one relative path
per line (such as math/stage), and these directories.

Examples:
  run-outputs upload artifacts build/artifacts --output-dir ./staging --run-id 12345
  run-outputs upload artifacts build/artifacts --include 'blas_*' --output-dir ./staging --dry-run
  run-outputs upload artifacts build/artifacts --stage math-libs --topology BUILD_TOPOLOGY.toml \\
    --output-dir ./staging --run-id 12345
  run-outputs upload artifacts build/artifacts --compression xz --mtime 1767225600 --run-id 12345`,
    );
  return withUploadOptions(withPackingOptions(command, "the artifacts' directory")).action(async (
    artifactsDir: string,
    options: UploadArtifactsOptions,
    self: Command,
  ) => {
    checkStageOptions(options, self, new Output(context.io, options));
    const { include, exclude, stage = [], topology } = options;
    const artifactNames = await artifactsOfStages(stage, topology, "produces");
    await runUpload(
      context,
      options,
      { command: "artifacts", ambiguous: true },
      async (root, planner, signal) => {
        const { planArtifacts } = await import("../../../operations/upload/artifacts.ts");
        const packing = packingOptions(options, artifactsDir, context.io);
        return await planArtifacts(
          root,
          { artifactsDir, include, exclude, artifactNames, ...packing, signal },
          planner,
        );
      },
    );
  });
}
