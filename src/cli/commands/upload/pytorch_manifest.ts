/**
 * `run-outputs upload pytorch-manifest`
 *
 * @module
 */

import { localInput } from "../../local_inputs.ts";
import { Argument, Command, Option } from "commander";
import type { Context } from "../../context.ts";
import { nonEmpty, required, withUploadOptions } from "../../options.ts";
import { runUpload, type UploadCommandOptions } from "./execute.ts";

/** The values of the command's options. */
interface UploadPytorchManifestOptions extends UploadCommandOptions {
  readonly amdgpuFamily?: string;
  readonly pythonVersion?: string;
  readonly ref?: string;
}

const FAMILY = "--amdgpu-family <name>";
const PYTHON = "--python-version <version>";
const REF = "--ref <ref>";

/** Builds the command. */
export function uploadPytorchManifestCommand(context: Context): Command {
  const command = new Command("pytorch-manifest")
    .summary("upload the manifest of a PyTorch build")
    .description(
      "Uploads a manifest (JSON) to " +
        "manifests/FAMILY/therock-manifest_torch_PLATFORM_REF.json. Earlier jobs named it " +
        "therock-manifest_torch_pyVERSION_REF.json; --python-version selects that name.",
    )
    .addArgument(localInput(new Argument("<file>", "the manifest").argParser(nonEmpty)))
    .addOption(new Option(FAMILY, "the GPU family (required)"))
    .addOption(
      new Option(PYTHON, "use the earlier name, with this Python version, such as 3.12 or py3.12"),
    )
    .addOption(
      new Option(REF, "PyTorch's git ref, such as release/2.9 (required); / becomes -"),
    )
    .addHelpText(
      "after",
      `
Examples:
  run-outputs upload pytorch-manifest manifest.json --amdgpu-family gfx94X-dcgpu \\
    --ref release/2.9 --output-dir ./staging --run-id 12345`,
    );
  return withUploadOptions(command).action((
    file: string,
    options: UploadPytorchManifestOptions,
  ) => {
    const amdgpuFamily = required(options.amdgpuFamily, FAMILY);
    const ref = required(options.ref, REF);
    const { pythonVersion } = options;
    return runUpload(context, options, {
      command: "pytorch-manifest",
      of: [amdgpuFamily, pythonVersion, ref],
    }, async (root, planner) => {
      const { planPytorchManifest } = await import("../../../operations/upload/manifest.ts");
      await planPytorchManifest(root, { file, amdgpuFamily, pythonVersion, ref }, planner);
    });
  });
}
