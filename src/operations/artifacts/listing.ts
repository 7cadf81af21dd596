/**
 * Lists the artifacts of a run in storage, in either layout.
 *
 * @module
 */

import { ArtifactName } from "../../layout/artifact_name.ts";
import type { Layout } from "../../layout/output_paths.ts";
import { RunOutputRoot } from "../../layout/run_output_root.ts";
import type { ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { SIDECAR_SUFFIX } from "./sidecar.ts";

/** The objects of archives or checksum files, by file name. */
export type ArtifactObjects = ReadonlyMap<string, ObjectInfo>;

/**
 * Lists the archives of a run and their checksum files. Index pages are ignored.
 *
 * A run has its artifacts in the typed layout, in the flat layout or, if the layout changed between
 * its jobs, in both; if an artifact is in both, that of the typed layout is used.
 *
 * @param backend The storage.
 * @param root The run; its `layout` is ignored.
 * @param signal Aborts the listing.
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
    // An archive and its checksum file come from the same layout.
    const taken = new Set(objects.keys());
    for (const info of infos) {
      if (!taken.has(archiveOf(info.location.name))) objects.set(info.location.name, info);
    }
  }
  return objects;
}

/** The layouts, in order of precedence. */
export const LAYOUTS: readonly Layout[] = ["typed", "flat"];

/**
 * Calls a function for both layouts concurrently, and waits for both even if one fails, so that
 * nothing is still running after the call.
 *
 * @param get The function.
 * @returns The results, in the order of {@linkcode LAYOUTS}.
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
 * Lists the archives and checksum files of one layout.
 *
 * @param backend The storage.
 * @param root The run; its `layout` is ignored.
 * @param layout The layout.
 * @param signal Aborts the listing.
 * @returns Their objects, in the storage's order.
 */
export async function* listLayout(
  backend: StorageBackend,
  { bucket, externalRepo, runId, platform }: RunOutputRoot,
  layout: Layout,
  signal: AbortSignal | undefined,
): AsyncGenerator<ObjectInfo> {
  const dir = new RunOutputRoot({ bucket, externalRepo, runId, platform, layout }).artifactsDir();
  // Only files directly in the directory: a file in a subdirectory is something else.
  for await (const info of backend.list(dir, { recursive: false, signal })) {
    if (isArtifact(info.location.name)) yield info;
  }
}

/**
 * The archives of a run.
 *
 * @param objects The run's artifact objects.
 * @returns Their file names.
 */
export function archiveNames(objects: ArtifactObjects): string[] {
  return [...objects.keys()].filter((name) => !name.endsWith(SIDECAR_SUFFIX));
}

/**
 * The archive for a file that is an archive or its checksum file.
 *
 * @param name A file name.
 * @returns The archive's name.
 */
export function archiveOf(name: string): string {
  return name.endsWith(SIDECAR_SUFFIX) ? name.slice(0, -SIDECAR_SUFFIX.length) : name;
}

/**
 * Whether the name of a file is that of an artifact's archive or its checksum file.
 *
 * @param name A file name.
 * @returns `true`, if it is.
 */
export function isArtifact(name: string): boolean {
  return ArtifactName.tryParse(archiveOf(name)) !== undefined;
}
