/**
 * `run-outputs upload stage`
 *
 * @module
 */

import { Command, Option } from "commander";
import type { JobStatus } from "../../../operations/upload/build.ts";
import type { Context } from "../../context.ts";
import { required, withUploadOptions } from "../../options.ts";
import { runUpload, type UploadCommandOptions } from "./execute.ts";
import { artifactsOfStages, topology } from "../../topology.ts";
import {
  buildDir,
  buildDirOf,
  jobStatus,
  jobStatusOf,
  oneName,
  type PackingOptions,
  packingOptions,
  requireBuildDirectory,
  withPackingOptions,
} from "./options.ts";

/** The values of the command's options. */
interface UploadStageOptions extends UploadCommandOptions, PackingOptions {
  readonly stage?: string;
  readonly amdgpuFamily?: string;
  readonly buildDir?: string;
  readonly jobStatus?: JobStatus;
  readonly topology?: string;
}

const STAGE = "--stage <name>";

/** Builds the command. */
export function uploadStageCommand(context: Context): Command {
  const command = new Command("stage")
    .summary("upload logs and artifacts of a multi-arch build's stage")
    .description(
      "Uploads the logs of a stage, with one archive for ninja logs and one for ccache logs, to " +
        "logs/STAGE/ or logs/STAGE/FAMILY/. With --topology it also uploads the artifacts that the " +
        "stage produces. The stage compiler-runtime also uploads the run's manifest.",
    )
    .addOption(
      new Option(STAGE, "the stage, such as math-libs (required)"),
    )
    .addOption(
      new Option(
        "--amdgpu-family <name>",
        "the GPU family it was built for, such as gfx1151; not given: a generic stage",
      ),
    )
    .addOption(buildDir())
    .addOption(jobStatus())
    .addOption(topology("; its artifacts are uploaded too, of the stage 'all' every artifact"))
    .addHelpText(
      "after",
      `
Reads, in the build directory: logs/, logs/ccache/ and every .ninja_log; with --topology also
artifacts/; for the stage compiler-runtime also base/aux-overlay/build/therock_manifest.json.

Examples:
  run-outputs upload stage --stage foundation --output-dir ./staging --run-id 12345
  run-outputs upload stage --stage math-libs --amdgpu-family gfx1151 --build-dir out \\
    --job-status failure --output-dir ./staging --dry-run
  run-outputs upload stage --stage math-libs --topology BUILD_TOPOLOGY.toml --output-dir ./staging`,
    );
  return withUploadOptions(withPackingOptions(command, "the build directory")).action(
    async (options: UploadStageOptions) => {
      const stage = oneName("stage", required(options.stage, STAGE));
      const jobStatus = jobStatusOf(options, context.io);
      const buildDir = buildDirOf(options, context.io);
      const produced = options.topology === undefined
        ? undefined
        : { names: await artifactsOfStages([stage], options.topology, "produces") };
      await runUpload(
        context,
        { ...options, jobStatus },
        { command: "stage", of: [stage, options.amdgpuFamily] },
        async (root, planner, signal) => {
          const { planStage } = await import("../../../operations/upload/build.ts");
          const { amdgpuFamily } = options;
          const { workDir, ...packing } = packingOptions(options, buildDir, context.io);
          const artifacts = produced && { ...packing, ...produced };
          await planStage(
            root,
            { stage, amdgpuFamily, buildDir, jobStatus, workDir, artifacts, signal },
            planner,
          );
        },
        {
          async checkInput(root) {
            // An invalid stage is reported before a missing directory.
            root.logDir({ stage, amdgpuFamily: options.amdgpuFamily });
            await requireBuildDirectory({ buildDir, jobStatus });
          },
        },
      );
    },
  );
}
