/**
 * `run-outputs upload packages`
 *
 * @module
 */

import { localInput } from "../../local_inputs.ts";
import { Argument, Command, Option } from "commander";
import type { NativePackageType } from "../../../layout/output_paths.ts";
import type { Context } from "../../context.ts";
import { nonEmpty, required, withUploadOptions } from "../../options.ts";
import { runUpload, type UploadCommandOptions } from "./execute.ts";

/** The values of the command's options. */
interface UploadPackagesOptions extends UploadCommandOptions {
  readonly pkgType?: NativePackageType;
}

const TYPE = "--pkg-type <type>";

/** Builds the command. */
export function uploadPackagesCommand(context: Context): Command {
  const command = new Command("packages")
    .summary("upload packages, or an APT or DNF repository, with their logs")
    .description(
      "Uploads .deb or .rpm files and creates a repository from them in packages/TYPE/. If the run " +
        "has one, the packages are added to it: an existing package of the same name is kept, and " +
        "several jobs can do this at once. A directory that is a repository already (with dists/ or " +
        "repodata/) is uploaded as it is, its metadata after its packages. Its logs/ go to " +
        "logs/packaging/TYPE/. Build notes (*.txt) and pages of other tools (index.html) are " +
        "skipped.",
    )
    .addArgument(
      localInput(
        new Argument("<dir>", "the directory of the packages or the repository")
          .argParser(nonEmpty),
        "directory",
      ),
    )
    .addOption(new Option(TYPE, "deb or rpm (required)").choices(["deb", "rpm"]))
    .addHelpText(
      "after",
      `
Examples:
  run-outputs upload packages output/packages --pkg-type deb --output-dir ./staging
  run-outputs upload packages output/packages --pkg-type rpm --output-dir ./staging --dry-run

apt and dnf install from there:
  echo 'deb [trusted=yes] URL/packages/deb stable main' > /etc/apt/sources.list.d/rocm.list
  dnf --repofrompath=rocm,URL/packages/rpm/x86_64 --nogpgcheck install PACKAGE`,
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
          const jobType = options.releaseType ?? (context.io.env("RELEASE_TYPE") || undefined);
          await planPackages(root, { packagesDir, type, jobType, signal }, planner);
        },
      );
    },
  );
}
