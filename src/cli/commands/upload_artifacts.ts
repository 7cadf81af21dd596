/**
 * `run-outputs upload artifacts`
 *
 * @module
 */

import { Argument, Command, Option } from "commander";
import type { Context } from "../context.ts";
import { list, nonEmpty, withUploadOptions } from "../options.ts";
import { runUpload, type UploadCommandOptions } from "../run_upload.ts";
import { level, workDir } from "../upload_options.ts";

/** The values of the command's options. */
interface UploadArtifactsOptions extends UploadCommandOptions {
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly level?: number;
  readonly workDir?: string;
}

/** Builds the command. */
export function uploadArtifactsCommand(context: Context): Command {
  const command = new Command("artifacts")
    .summary("upload archives and artifact directories with their checksums")
    .description(
      "Uploads artifacts. Directories NAME_COMPONENT_TARGET become .tar.zst archives, archives " +
        "go as they are, and each gets its .sha256sum. A checksum that is there already is held " +
        "against its archive first.",
    )
    .addArgument(new Argument("<dir>", "the directory with artifacts").argParser(nonEmpty))
    .addOption(
      new Option("--include <globs>", "only artifacts that match (repeat, or use commas)")
        .argParser(list),
    )
    .addOption(new Option("--exclude <globs>", "not those that match").argParser(list))
    .addOption(level())
    .addOption(workDir("the artifacts' directory"))
    .addHelpText(
      "after",
      `
Examples:
  run-outputs upload artifacts build/artifacts --output-dir ./staging --run-id 12345
  run-outputs upload artifacts build/artifacts --include 'blas_*' --output-dir ./staging --dry-run`,
    );
  return withUploadOptions(command).action((
    artifactsDir: string,
    options: UploadArtifactsOptions,
  ) =>
    runUpload(context, options, async (root, planner, signal) => {
      const { planArtifacts } = await import("../../operations/upload_artifacts.ts");
      const { include, exclude, level, workDir } = options;
      return await planArtifacts(
        root,
        { artifactsDir, include, exclude, level, workDir, signal },
        planner,
      );
    })
  );
}
