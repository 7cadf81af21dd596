/**
 * `run-outputs upload logs`
 *
 * @module
 */

import { Argument, Command, Option } from "commander";
import type { JobStatus } from "../../../operations/upload/build.ts";
import type { Context } from "../../context.ts";
import { list, nonEmpty, withUploadOptions } from "../../options.ts";
import { runUpload, type UploadCommandOptions } from "./execute.ts";
import {
  groupRequired,
  jobStatus,
  jobStatusOf,
  requiredGroup,
  requireJobDirectory,
} from "./options.ts";

/** The values of the command's options. */
interface UploadLogsOptions extends UploadCommandOptions {
  readonly artifactGroup?: string;
  readonly jobStatus?: JobStatus;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
}

/** Builds the command. */
export function uploadLogsCommand(context: Context): Command {
  const command = new Command("logs")
    .summary("upload a directory of logs")
    .description(
      "Uploads a directory of logs to logs/GROUP/. Raw ccache logs (any ccache/) are skipped; " +
        "'upload build' uploads them as one archive.",
    )
    .addArgument(new Argument("<dir>", "the directory of logs").argParser(nonEmpty))
    .addOption(groupRequired())
    .addOption(jobStatus())
    .addOption(
      new Option(
        "--include <globs>",
        "only files that match, such as '*.log' (repeatable, or comma-separated)",
      ).argParser(list),
    )
    .addOption(new Option("--exclude <globs>", "exclude matching files").argParser(list))
    .addHelpText(
      "after",
      `
Globs: a pattern without '/' matches file names in any directory. A pattern with '/' matches paths
relative to DIR. 'dir/' matches everything in dir. This is the same on every system and storage.

Examples:
  run-outputs upload logs build/logs --artifact-group gfx94X-dcgpu --output-dir ./staging
  run-outputs upload logs build/logs --artifact-group gfx94X-dcgpu --exclude 'cache/' \\
    --output-dir ./staging --dry-run`,
    );
  return withUploadOptions(command).action(async (logsDir: string, options: UploadLogsOptions) => {
    const group = requiredGroup(options, context.io);
    const jobStatus = jobStatusOf(options, context.io);
    await runUpload(
      context,
      { ...options, jobStatus },
      { command: "logs", of: [group], ambiguous: true },
      async (root, planner, signal) => {
        const { planJobLogs } = await import("../../../operations/upload/build.ts");
        const { include, exclude } = options;
        const logs = { logsDir, group, include, exclude, signal };
        return await planJobLogs(root, { ...logs, jobStatus }, planner);
      },
      {
        async checkInput(root) {
          // An invalid group is reported before a missing directory.
          root.logDir(group);
          await requireJobDirectory({ buildDir: logsDir, jobStatus, what: "log" });
        },
      },
    );
  });
}
