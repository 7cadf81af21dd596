/**
 * `run-outputs upload`: the group of all uploads.
 *
 * @module
 */

import { Command } from "commander";
import type { Context } from "../context.ts";
import { uploadArtifactsCommand } from "./upload_artifacts.ts";
import { uploadBuildCommand } from "./upload_build.ts";
import { uploadFilesCommand } from "./upload_files.ts";
import { uploadLogsCommand } from "./upload_logs.ts";
import { uploadManifestCommand } from "./upload_manifest.ts";
import { uploadPackagesCommand } from "./upload_packages.ts";
import { uploadPythonCommand } from "./upload_python.ts";
import { uploadPytorchManifestCommand } from "./upload_pytorch_manifest.ts";
import { uploadStageCommand } from "./upload_stage.ts";
import { uploadTarballsCommand } from "./upload_tarballs.ts";
import { uploadTestReportCommand } from "./upload_test_report.ts";

/** Builds the command. */
export function uploadCommand(context: Context): Command {
  return new Command("upload")
    .summary("upload outputs of a run")
    .description("Uploads outputs of a run. What is there already with the same content is kept.")
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
