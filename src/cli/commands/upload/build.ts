/**
 * `run-outputs upload build`
 *
 * @module
 */

import { Command } from "commander";
import type { JobStatus } from "../../../operations/upload/build.ts";
import type { Context } from "../../context.ts";
import { withUploadOptions } from "../../options.ts";
import { runUpload, type UploadCommandOptions } from "./execute.ts";
import {
  buildDir,
  buildDirOf,
  groupRequired,
  jobStatus,
  jobStatusOf,
  type PackingOptions,
  packingOptions,
  requireBuildDirectory,
  requiredGroup,
  withPackingOptions,
} from "./options.ts";

/** The values of the command's options. */
interface UploadBuildOptions extends UploadCommandOptions, PackingOptions {
  readonly artifactGroup?: string;
  readonly buildDir?: string;
  readonly jobStatus?: JobStatus;
}

/** Builds the command. */
export function uploadBuildCommand(context: Context): Command {
  const command = new Command("build")
    .summary("upload all outputs of a build")
    .description(
      "Uploads all outputs of a build: artifacts with checksums, logs, ninja and ccache logs as one " +
        "archive each, and the manifest.",
    )
    .addOption(groupRequired())
    .addOption(buildDir())
    .addOption(jobStatus())
    .addHelpText(
      "after",
      `
Reads, in the build directory: artifacts/, logs/, logs/ccache/, every .ninja_log, and
base/aux-overlay/build/therock_manifest.json.

Examples:
  run-outputs upload build --artifact-group gfx94X-dcgpu --output-dir ./staging --run-id 12345
  run-outputs upload build --artifact-group gfx94X-dcgpu --build-dir out --job-status failure \\
    --output-dir ./staging --dry-run`,
    );
  return withUploadOptions(withPackingOptions(command, "the build directory")).action(
    async (options: UploadBuildOptions) => {
      const artifactGroup = requiredGroup(options, context.io);
      const jobStatus = jobStatusOf(options, context.io);
      const buildDir = buildDirOf(options, context.io);
      await runUpload(
        context,
        { ...options, jobStatus },
        { command: "build", of: [artifactGroup] },
        async (root, planner, signal) => {
          const { planBuild } = await import("../../../operations/upload/build.ts");
          const packing = packingOptions(options, buildDir, context.io);
          await planBuild(
            root,
            { artifactGroup, buildDir, jobStatus, ...packing, signal },
            planner,
          );
        },
        {
          async checkInput(root) {
            // An invalid group is reported before a missing directory.
            root.logDir(artifactGroup);
            await requireBuildDirectory({ buildDir, jobStatus });
          },
        },
      );
    },
  );
}
