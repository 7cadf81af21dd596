/**
 * The files of a run that a removal deletes: the plan counts them, and the prune deletes them.
 *
 * @module
 */

import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { type Removal, removesPath } from "../../runs/removed.ts";
import type { CallOptions, ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { joinAll } from "../manifest/list_outputs.ts";
import type { RunManifest } from "../manifest/read.ts";

/** An existing file that a removal deletes. */
export interface RemovableFile {
  /** Its path relative to the run's prefix. */
  readonly path: string;
  /** What is known of it. */
  readonly info: ObjectInfo;
  /** Whether a part or a marker lists it. */
  readonly isListed: boolean;
}

/**
 * Lists the existing files that a removal deletes, checksum files and index pages too.
 *
 * @param backend The storage.
 * @param root The run.
 * @param manifest The run's manifest.
 * @param removal The kinds.
 * @param options A signal.
 * @returns The files.
 */
export async function* removableFiles(
  backend: StorageBackend,
  root: RunOutputRoot,
  manifest: RunManifest,
  removal: Pick<Removal, "kinds">,
  { signal }: CallOptions,
): AsyncGenerator<RemovableFile> {
  const paths = joinAll(backend, root, manifest, { marked: true, signal });
  for await (const { path, listed, info } of paths) {
    if (info === undefined || !removesPath(removal, path)) continue;
    yield { path, info, isListed: listed !== undefined };
  }
}
