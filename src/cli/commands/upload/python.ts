/**
 * `run-outputs upload python`
 *
 * @module
 */

import { localInput } from "../../local_inputs.ts";
import { Argument, Command, Option } from "commander";
import { RunOutputsError } from "../../../errors/error.ts";
import type { Context } from "../../context.ts";
import { nonEmpty, withUploadOptions } from "../../options.ts";
import { runUpload, type UploadCommandOptions } from "./execute.ts";
import { ARTIFACT_GROUP, artifactGroup } from "./options.ts";

/** The values of the command's options. */
interface UploadPythonOptions extends UploadCommandOptions {
  readonly artifactGroup?: string;
  readonly multiarch?: boolean;
}

const MULTIARCH = "--multiarch";

/** Builds the command. */
export function uploadPythonCommand(context: Context): Command {
  const command = new Command("python")
    .summary("upload Python packages with an index for pip")
    .description(
      "Uploads wheels and source distributions to python/GROUP/, for a multi-arch build to python/. " +
        "There, the packages of a GPU family, in a directory with its name, go to python/FAMILY/. " +
        "If DIR contains dist/, that directory is uploaded.",
    )
    .addArgument(
      localInput(
        new Argument("<dir>", "the directory with packages").argParser(nonEmpty),
        "directory",
      ),
    )
    .addOption(artifactGroup(", of a single-arch build (default: $ARTIFACT_GROUP)"))
    .addOption(new Option(MULTIARCH, "the packages are of a multi-arch build"))
    .addHelpText(
      "after",
      `
Examples:
  run-outputs upload python packages --artifact-group gfx110X-all --output-dir ./staging
  run-outputs upload python packages --multiarch --output-dir ./staging --run-id 12345 --dry-run

pip installs from the generated page, and with --no-index from nowhere else:
  pip install --pre --no-index --find-links URL/python/gfx110X-all/index.html rocm
On a server that answers a directory with its index.html, as S3 does not, also from simple/:
  pip install --pre --index-url URL/python/gfx110X-all/simple/ rocm`,
    );
  return withUploadOptions(command).action((packagesDir: string, options: UploadPythonOptions) => {
    const { multiarch = false } = options;
    const named = context.io.env("ARTIFACT_GROUP") || undefined;
    const artifactGroup = options.artifactGroup ?? (multiarch ? undefined : named);
    if (multiarch === (artifactGroup !== undefined)) {
      throw new RunOutputsError(
        "invalid",
        multiarch
          ? `Cannot take ${ARTIFACT_GROUP} and ${MULTIARCH} together: give one of them`
          : `Missing option ${ARTIFACT_GROUP}, or ${MULTIARCH} for a multi-arch build`,
      );
    }
    return runUpload(context, options, {
      command: "python",
      of: [artifactGroup],
      ambiguous: true,
    }, async (root, planner, signal) => {
      const { planPython } = await import("../../../operations/upload/python.ts");
      await planPython(root, { packagesDir, artifactGroup, signal }, planner);
    });
  });
}
