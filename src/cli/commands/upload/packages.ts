/**
 * `run-outputs upload packages`
 *
 * @module
 */

import { Argument, Command, Option } from "commander";
import type { NativePackageType } from "../../../layout/output_paths.ts";
import type { Context } from "../../context.ts";
import { nonEmpty, required, withUploadOptions } from "../../options.ts";
import { runUpload, type UploadCommandOptions } from "./run.ts";

/** The values of the command's options. */
interface UploadPackagesOptions extends UploadCommandOptions {
  readonly pkgType?: NativePackageType;
}

const TYPE = "--pkg-type <type>";

/** Builds the command. */
export function uploadPackagesCommand(context: Context): Command {
  const command = new Command("packages")
    .summary("upload an APT or DNF repository with its logs")
    .description(
      "Uploads a package repository to packages/TYPE/, its metadata after its packages, and its " +
        "logs/ to logs/packaging/TYPE/. Build notes (*.txt) and pages of other tools " +
        "(index.html) are left out.",
    )
    .addArgument(new Argument("<dir>", "the directory of the repository").argParser(nonEmpty))
    .addOption(new Option(TYPE, "deb or rpm (required)").choices(["deb", "rpm"]))
    .addHelpText(
      "after",
      `
Examples:
  run-outputs upload packages output/packages --pkg-type deb --output-dir ./staging
  run-outputs upload packages output/packages --pkg-type rpm --output-dir ./staging --dry-run`,
    );
  return withUploadOptions(command).action(
    (packagesDir: string, options: UploadPackagesOptions) => {
      const type = required(options.pkgType, TYPE);
      return runUpload(
        context,
        options,
        { command: "packages", of: [type], ambiguous: true },
        async (root, planner, signal) => {
          const { planPackages } = await import("../../../operations/upload/packages.ts");
          await planPackages(root, { packagesDir, type, signal }, planner);
        },
      );
    },
  );
}
