/**
 * Uploads manifests: a build's `therock_manifest.json`, or that of a PyTorch build.
 *
 * @module
 */

import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { PytorchManifestName } from "../../layout/output_paths.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { bytesSource } from "../../storage/byte_source.ts";
import { UploadPlanner } from "./plan.ts";

/** Options of {@linkcode planManifest}. */
export interface PlanManifestOptions {
  /** The manifest that the build wrote. */
  readonly file: string;
  /** Its artifact group. Default: none, it is the run's own manifest. */
  readonly artifactGroup?: string;
}

/**
 * Plans the upload of a manifest: the unchanged bytes, if they are JSON.
 *
 * @param root The run.
 * @param options The manifest.
 * @param planner Receives it.
 * @throws {RunOutputsError} `not_found`, if it does not exist; `invalid`, if it is not JSON.
 */
export async function planManifest(
  root: RunOutputRoot,
  options: PlanManifestOptions,
  planner: UploadPlanner = new UploadPlanner(),
): Promise<void> {
  const { file, artifactGroup } = options;
  const location = artifactGroup === undefined ? root.manifestRoot() : root.manifest(artifactGroup);
  await addJson(location, file, planner);
}

/** Options of {@linkcode planPytorchManifest}. */
export interface PlanPytorchManifestOptions extends PytorchManifestName {
  /** The manifest that the build of PyTorch wrote. */
  readonly file: string;
}

/**
 * Plans the upload of a PyTorch build's manifest: the unchanged bytes, if they are JSON.
 *
 * @param root The run.
 * @param options The manifest, and its name.
 * @param planner Receives it.
 * @throws {RunOutputsError} `not_found`, if it does not exist; `invalid`, if it is not JSON or a
 * part of its name is invalid.
 */
export async function planPytorchManifest(
  root: RunOutputRoot,
  options: PlanPytorchManifestOptions,
  planner: UploadPlanner = new UploadPlanner(),
): Promise<void> {
  await addJson(root.pytorchManifest(options), options.file, planner);
}

async function addJson(
  location: OutputLocation,
  file: string,
  planner: UploadPlanner,
): Promise<void> {
  // The bytes that were checked are uploaded, because a manifest is small.
  const bytes = await Deno.readFile(file).catch((error) => {
    throw diskError("read the manifest", file, error);
  });
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new RunOutputsError(
      "invalid",
      `Cannot upload the manifest '${file}': it is not JSON (${(error as Error).message})`,
      { cause: error },
    );
  }
  const source = bytesSource(bytes);
  planner.add({ location, path: file, size: source.size, open: () => Promise.resolve(source) });
}
