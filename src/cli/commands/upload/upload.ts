/**
 * `run-outputs upload`: the parent of all upload commands.
 *
 * @module
 */

import { Command } from "commander";
import type { Context } from "../../context.ts";
import { uploadArtifactsCommand } from "./artifacts.ts";
import { uploadBuildCommand } from "./build.ts";
import { uploadFilesCommand } from "./files.ts";
import { uploadLogsCommand } from "./logs.ts";
import { uploadManifestCommand } from "./manifest.ts";
import { uploadPackagesCommand } from "./packages.ts";
import { uploadPythonCommand } from "./python.ts";
import { uploadPytorchManifestCommand } from "./pytorch_manifest.ts";
import { uploadStageCommand } from "./stage.ts";
import { uploadTarballsCommand } from "./tarballs.ts";
import { uploadTestReportCommand } from "./test_report.ts";

/** Builds the command. */
export function uploadCommand(context: Context): Command {
  return new Command("upload")
    .summary("upload outputs of a run")
    .description("Uploads outputs of a run. Existing files with the same content are skipped.")
    .helpCommand("help [command]", "print a command's help")
    .addCommand(uploadBuildCommand(context))
    .addCommand(uploadStageCommand(context))
    .addCommand(uploadArtifactsCommand(context))
    .addCommand(uploadLogsCommand(context))
    .addCommand(uploadManifestCommand(context))
    .addCommand(uploadPytorchManifestCommand(context))
    .addCommand(uploadPythonCommand(context))
    .addCommand(uploadPackagesCommand(context))
    .addCommand(uploadTarballsCommand(context))
    .addCommand(uploadTestReportCommand(context))
    .addCommand(uploadFilesCommand(context))
    .addHelpText(
      "after",
      `
Examples:
  run-outputs upload build --artifact-group gfx94X-dcgpu --output-dir ./staging
  run-outputs upload artifacts build/artifacts --output-dir ./staging --run-id 12345
  run-outputs upload --help`,
    );
}
