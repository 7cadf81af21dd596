/**
 * `run-outputs upload tarballs`
 *
 * @module
 */

import { localInput } from "../../local_inputs.ts";
import { Argument, Command } from "commander";
import type { Context } from "../../context.ts";
import { nonEmpty, withUploadOptions } from "../../options.ts";
import { runUpload, type UploadCommandOptions } from "./execute.ts";

/** Builds the command. */
export function uploadTarballsCommand(context: Context): Command {
  const command = new Command("tarballs")
    .summary("upload distribution tarballs")
    .description(
      "Uploads the .tar.gz files of a directory to tarballs/. One that is named therock-dist- with " +
        "another platform than the run's is an error.",
    )
    .addArgument(
      localInput(
        new Argument("<dir>", "the directory with tarballs").argParser(nonEmpty),
        "directory",
      ),
    )
    .addHelpText(
      "after",
      `
Examples:
  run-outputs upload tarballs ./tarballs --output-dir ./staging --run-id 12345
  run-outputs upload tarballs ./tarballs --platform windows --output-dir ./staging --dry-run`,
    );
  return withUploadOptions(command).action((tarballsDir: string, options: UploadCommandOptions) =>
    runUpload(
      context,
      options,
      { command: "tarballs", ambiguous: true },
      async (root, planner, signal) => {
        const { planTarballs } = await import("../../../operations/upload/tarballs.ts");
        await planTarballs(root, { tarballsDir, signal }, planner);
      },
    )
  );
}
