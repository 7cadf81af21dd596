/**
 * `run-outputs upload test-report`
 *
 * @module
 */

import { localInput } from "../../local_inputs.ts";
import { Argument, Command, Option } from "commander";
import type { Context } from "../../context.ts";
import { list, nonEmpty, required, withUploadOptions } from "../../options.ts";
import { runUpload, type UploadCommandOptions } from "./execute.ts";

/** The values of the command's options. */
interface UploadTestReportOptions extends UploadCommandOptions {
  readonly to?: string;
  readonly indexFileName: string;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
}

const TO = "--to <path>";

/** Builds the command. */
export function uploadTestReportCommand(context: Context): Command {
  const command = new Command("test-report")
    .summary("upload a test report")
    .description(
      "Uploads the HTML pages of a test report to logs/TO/, and writes an index page.",
    )
    .addArgument(
      localInput(
        new Argument("<dir>", "the directory of the report").argParser(nonEmpty),
        "directory",
      ),
    )
    .addOption(
      new Option(TO, "the path in logs/, such as gfx950-dcgpu (required)"),
    )
    .addOption(
      new Option("--index-file-name <name>", "the page that lists the report").default(
        "index.html",
      ),
    )
    .addOption(
      new Option(
        "--include <globs>",
        "these files (default: *.html; repeatable, or comma-separated)",
      )
        .argParser(list),
    )
    .addOption(new Option("--exclude <globs>", "exclude matching files").argParser(list))
    .addHelpText(
      "after",
      `
Examples:
  run-outputs upload test-report reports --to gfx950-dcgpu --output-dir ./staging
  run-outputs upload test-report reports --to gfx950-dcgpu --index-file-name index_rccl.html \\
    --output-dir ./staging --run-id 12345
  run-outputs upload test-report reports --to gfx950-dcgpu --include '*.html,*.css' \\
    --output-dir ./staging --run-id 12345`,
    );
  return withUploadOptions(command).action(
    (reportDir: string, options: UploadTestReportOptions) => {
      const subfolder = required(options.to, TO);
      const { indexFileName, include, exclude } = options;
      return runUpload(context, options, {
        command: "test-report",
        of: [subfolder],
        ambiguous: true,
      }, async (root, planner, signal) => {
        const { planTestReport } = await import("../../../operations/upload/test_report.ts");
        root.testReport(subfolder, indexFileName); // report a bad name before a missing directory
        return await planTestReport(
          root,
          { reportDir, subfolder, include, exclude, signal },
          planner,
        );
      }, {
        async subjectOf(root) {
          const { reportSubject } = await import("../../../operations/index_pages/subjects.ts");
          return reportSubject(root, subfolder, indexFileName);
        },
      });
    },
  );
}
