/**
 * `run-outputs upload manifest`
 *
 * @module
 */

import { localInput } from "../../local_inputs.ts";
import { Argument, Command } from "commander";
import type { Context } from "../../context.ts";
import { nonEmpty, withUploadOptions } from "../../options.ts";
import { runUpload, type UploadCommandOptions } from "./execute.ts";
import { artifactGroup } from "./options.ts";

/** The values of the command's options. */
interface UploadManifestOptions extends UploadCommandOptions {
  readonly artifactGroup?: string;
}

/** Builds the command. */
export function uploadManifestCommand(context: Context): Command {
  const command = new Command("manifest")
    .summary("upload a build's therock_manifest.json")
    .description(
      "Uploads a build manifest (JSON) to manifests/GROUP/therock_manifest.json. Without a group, " +
        "uploads it to manifests/therock_manifest.json, the manifest of the run.",
    )
    .addArgument(localInput(new Argument("<file>", "the manifest").argParser(nonEmpty)))
    .addOption(artifactGroup())
    .addHelpText(
      "after",
      `
Examples:
  run-outputs upload manifest build/base/aux-overlay/build/therock_manifest.json \\
    --artifact-group gfx94X-dcgpu --output-dir ./staging --run-id 12345`,
    );
  return withUploadOptions(command).action((file: string, options: UploadManifestOptions) =>
    runUpload(
      context,
      options,
      { command: "manifest", of: [options.artifactGroup] },
      async (root, planner) => {
        const { planManifest } = await import("../../../operations/upload/manifest.ts");
        await planManifest(root, { file, artifactGroup: options.artifactGroup }, planner);
      },
    )
  );
}
