/**
 * The upload of a build's `therock_manifest.json`.
 *
 * @module
 */

import { diskError } from "../layout/disk_error.ts";
import { RunOutputsError } from "../layout/error.ts";
import type { RunOutputRoot } from "../layout/run_output_root.ts";
import { bytesSource } from "../storage/byte_source.ts";
import { UploadPlanner } from "./upload_plan.ts";

/** Options of {@linkcode planManifest}. */
export interface PlanManifestOptions {
  /** The manifest that the build wrote. */
  readonly file: string;
  /** The artifact group it is of; the run's own manifest if not given. */
  readonly artifactGroup?: string;
}

/**
 * Plans the upload of a manifest: the bytes as they are, if they are JSON.
 *
 * @param root The run.
 * @param options Which manifest.
 * @param planner Where to add it.
 * @throws {RunOutputsError} `not_found`, if there is none; `invalid`, if it is not JSON.
 */
export async function planManifest(
  root: RunOutputRoot,
  options: PlanManifestOptions,
  planner: UploadPlanner = new UploadPlanner(),
): Promise<void> {
  const { file, artifactGroup } = options;
  const location = artifactGroup === undefined ? root.manifestRoot() : root.manifest(artifactGroup);
  // What was checked is what is uploaded: a manifest is small.
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
