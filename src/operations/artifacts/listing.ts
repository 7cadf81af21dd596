/**
 * The artifacts that a run has in storage, wherever its layout puts them.
 *
 * @module
 */

import { ArtifactName } from "../../layout/artifact_name.ts";
import type { Layout } from "../../layout/output_paths.ts";
import { RunOutputRoot } from "../../layout/run_output_root.ts";
import type { ObjectInfo, StorageBackend } from "../../storage/backend.ts";
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
 * @param root The run; its `layout` is ignored.
 * @param signal Stops the listing.
 * @returns Their objects.
 */
export async function listArtifacts(
  backend: StorageBackend,
  root: RunOutputRoot,
  signal: AbortSignal | undefined,
): Promise<ArtifactObjects> {
  const objects = new Map<string, ObjectInfo>();
  const listed = await ofBothLayouts((layout) =>
    Array.fromAsync(listLayout(backend, root, layout, signal))
  );
  for (const infos of listed) {
    // An archive and its checksum come from one place, whatever the other one has.
    const taken = new Set(objects.keys());
    for (const info of infos) {
      if (!taken.has(archiveOf(info.location.name))) objects.set(info.location.name, info);
    }
  }
  return objects;
}

/** The layouts, in the order in which their places are believed. */
export const LAYOUTS: readonly Layout[] = ["typed", "flat"];

/**
 * Does something for both layouts at once, and waits for both, also where one fails: nothing is
 * under way after the call.
 *
 * @param get What is done for a layout.
 * @returns What came of it, in the order of {@linkcode LAYOUTS}.
 * @throws The first failure.
 */
export async function ofBothLayouts<T>(get: (layout: Layout) => Promise<T>): Promise<T[]> {
  const settled = await Promise.allSettled(LAYOUTS.map(get));
  return settled.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}

/**
 * Lists the archives and checksums in one layout's place.
 *
 * @param backend The storage.
 * @param root The run; its `layout` is ignored.
 * @param layout The layout.
 * @param signal Stops the listing.
 * @returns Their objects, in the storage's order.
 */
export async function* listLayout(
  backend: StorageBackend,
  { bucket, externalRepo, runId, platform }: RunOutputRoot,
  layout: Layout,
  signal: AbortSignal | undefined,
): AsyncGenerator<ObjectInfo> {
  const dir = new RunOutputRoot({ bucket, externalRepo, runId, platform, layout }).artifactsDir();
  // Only what lies in the directory itself: a file of a subdirectory is something else.
  for await (const info of backend.list(dir, { recursive: false, signal })) {
    if (isArtifact(info.location.name)) yield info;
  }
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
