/**
 * `run-outputs upload files`
 *
 * @module
 */

import { localInput } from "../../local_inputs.ts";
import { Argument, Command, Option } from "commander";
import type { Context } from "../../context.ts";
import { list, nonEmpty, required, withUploadOptions } from "../../options.ts";
import { runUpload, type UploadCommandOptions } from "./execute.ts";

/** The values of the command's options. */
interface UploadFilesOptions extends UploadCommandOptions {
  readonly to?: string;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
}

const TO = "--to <path>";

/** Builds the command. */
export function uploadFilesCommand(context: Context): Command {
  const command = new Command("files")
    .summary("upload any files to any path of a run")
    .description(
      "Uploads a file to TO/its-name, the contents of a directory to TO/. Symbolic links are not " +
        "followed. A path that can't be read does not stop the others. An output directory inside " +
        "of a directory is skipped.",
    )
    .addArgument(
      localInput(
        new Argument("<paths...>", "files and directories")
          .argParser((path: string, before: string[] = []) => [...before, nonEmpty(path)]),
      ),
    )
    .addOption(
      new Option(TO, "the path in the run, such as reports; . for the run's root (required)"),
    )
    .addOption(
      new Option("--include <globs>", "only files that match (repeatable, or comma-separated)")
        .argParser(list),
    )
    .addOption(new Option("--exclude <globs>", "exclude matching files").argParser(list))
    .addHelpText(
      "after",
      `
Examples:
  run-outputs upload files report.html --to logs/reports --output-dir ./staging --run-id 12345
  run-outputs upload files build/reports --to logs/reports --include '*.html' \\
    --output-dir ./staging --run-id 12345`,
    );
  return withUploadOptions(command).action((paths: string[], options: UploadFilesOptions) => {
    const named = required(options.to, TO);
    const to = named === "." ? "" : named;
    return runUpload(
      context,
      options,
      { command: "files", of: [to], ambiguous: true },
      async (root, planner, signal) => {
        const { planFiles } = await import("../../../operations/upload/files.ts");
        const { include, exclude } = options;
        return await planFiles(root, { paths, to, include, exclude, signal }, planner);
      },
    );
  });
}
