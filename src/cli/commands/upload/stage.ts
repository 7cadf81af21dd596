/**
 * `run-outputs upload stage`
 *
 * @module
 */

import { Command, Option } from "commander";
import type { JobStatus } from "../../../operations/upload/build.ts";
import type { Context } from "../../context.ts";
import { required, withUploadOptions } from "../../options.ts";
import { runUpload, type UploadCommandOptions } from "./run.ts";
import { buildDir, buildDirOf, jobStatus, workDir } from "./options.ts";

/** The values of the command's options. */
interface UploadStageOptions extends UploadCommandOptions {
  readonly stage?: string;
  readonly amdgpuFamily?: string;
  readonly buildDir?: string;
  readonly jobStatus: JobStatus;
  readonly workDir?: string;
}

const STAGE = "--stage <name>";

/** Builds the command. */
export function uploadStageCommand(context: Context): Command {
  const command = new Command("stage")
    .summary("upload the logs of a multi-arch build's stage")
    .description(
      "Uploads what a stage of a multi-arch build leaves to read: logs, and ninja's and ccache's " +
        "logs as one archive each, to logs/STAGE/ or logs/STAGE/FAMILY/. Its artifacts are " +
        "uploaded by 'upload artifacts'.",
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
    .addOption(workDir("the build directory"))
    .addHelpText(
      "after",
      `
Reads, below the build directory: logs/, logs/ccache/ and every .ninja_log.

Examples:
  run-outputs upload stage --stage foundation --output-dir ./staging --run-id 12345
  run-outputs upload stage --stage math-libs --amdgpu-family gfx1151 --build-dir out \\
    --job-status failure --output-dir ./staging --dry-run`,
    );
  return withUploadOptions(command).action((options: UploadStageOptions) => {
    const stage = required(options.stage, STAGE);
    return runUpload(
      context,
      options,
      { command: "stage", of: [stage, options.amdgpuFamily] },
      async (root, planner, signal) => {
        const { planStage } = await import("../../../operations/upload/build.ts");
        const { amdgpuFamily, jobStatus, workDir } = options;
        const buildDir = buildDirOf(options, context.io);
        await planStage(
          root,
          { stage, amdgpuFamily, buildDir, jobStatus, workDir, signal },
          planner,
        );
      },
    );
  });
}
