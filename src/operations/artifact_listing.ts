/**
 * The artifacts that a run has in storage, wherever its layout puts them.
 *
 * @module
 */

import { ArtifactName } from "../layout/artifact_name.ts";
import { RunOutputRoot } from "../layout/run_output_root.ts";
import type { ObjectInfo, StorageBackend } from "../storage/backend.ts";
import { SIDECAR_SUFFIX } from "./sidecar.ts";

/** An archive's or a sidecar's object, by its file name. */
export type ArtifactObjects = ReadonlyMap<string, ObjectInfo>;

/**
 * Lists the archives of a run and their checksums. What an index page tells is not looked at.
 *
 * A run has its artifacts in the typed layout's place, in the flat one's or, if the layout changed
 * between its jobs, some in each; of one that is in both, the typed one's is taken.
 *
 * @param backend The storage.
 * @param root The run; its `layout` is not looked at.
 * @param signal Stops the listing.
 * @returns Their objects.
 */
export async function listArtifacts(
  backend: StorageBackend,
  root: RunOutputRoot,
  signal: AbortSignal | undefined,
): Promise<ArtifactObjects> {
  const { bucket, externalRepo, runId, platform } = root;
  const objects = new Map<string, ObjectInfo>();
  // Both are waited for, also where one fails: nothing is under way after the call.
  const layouts = await Promise.allSettled((["typed", "flat"] as const).map(async (layout) => {
    const dir = new RunOutputRoot({ bucket, externalRepo, runId, platform, layout }).artifactsDir();
    // Only what lies in the directory itself: a file of a subdirectory is something else.
    const found: [string, ObjectInfo][] = [];
    for await (const info of backend.list(dir, { recursive: false, signal })) {
      const { name } = info.location;
      if (isArtifact(name)) found.push([name, info]);
    }
    return found;
  }));
  for (const listed of layouts) {
    if (listed.status === "rejected") throw listed.reason;
    // An archive and its checksum come from one place, whatever the other one has.
    const taken = new Set(objects.keys());
    for (const [name, info] of listed.value) {
      if (!taken.has(archiveOf(name))) objects.set(name, info);
    }
  }
  return objects;
}

/**
 * The archives among a run's artifacts.
 *
 * @param objects What the run has.
 * @returns Their file names.
 */
export function archiveNames(objects: ArtifactObjects): string[] {
  return [...objects.keys()].filter((name) => !name.endsWith(SIDECAR_SUFFIX));
}

/**
 * The archive that a file is, or whose checksum it is.
 *
 * @param name A file name.
 * @returns The archive's.
 */
export function archiveOf(name: string): string {
  return name.endsWith(SIDECAR_SUFFIX) ? name.slice(0, -SIDECAR_SUFFIX.length) : name;
}

/**
 * Whether a file is an artifact's archive or its checksum, by its name.
 *
 * @param name A file name.
 * @returns Whether it is.
 */
export function isArtifact(name: string): boolean {
  return ArtifactName.tryParse(archiveOf(name)) !== undefined;
}
