/**
 * Markers of uploads that others have finished: all files that such an upload was to bring are in
 * parts that were written later.
 *
 * @module
 */

import type { ManifestHead, OutputFile } from "../../runs/manifest.ts";
import { isCopyMarker, pendingOf, unlistedOf } from "../../runs/unfinished_part.ts";
import type { ObjectInfo } from "../../storage/backend.ts";

/** A part or a marker. */
export interface ListedFiles {
  /** All members but the files. */
  readonly head: ManifestHead;
  /** Its object. */
  readonly info: ObjectInfo;
  /** Its files, if they are in memory. */
  readonly files?: readonly OutputFile[];
}

/**
 * The markers that count as done: each pending file and each uploaded one is, with its hash, in a
 * part that was written after the marker. Markers with files that could not be read, and those of
 * copies, which need no part, are not done.
 *
 * @param markers The markers.
 * @param parts The parts.
 * @param filesOf The files of a part.
 * @returns The markers that are done.
 */
export async function doneMarkers<Part extends ListedFiles>(
  markers: readonly Part[],
  parts: readonly Part[],
  filesOf: (part: Part) => Iterable<OutputFile> | AsyncIterable<OutputFile>,
): Promise<ReadonlySet<Part>> {
  const left = new Map<Part, Set<string>>();
  for (const marker of markers) {
    const { head, files } = marker;
    const pending = pendingOf(head);
    // A large marker is of an upload of which nobody has uploaded all files by hand.
    if (pending.length === 0 || unlistedOf(head).length > 0 || files === undefined) continue;
    if (isCopyMarker(head.part)) continue;
    left.set(marker, new Set([...pending, ...files.map(({ path }) => path)]));
  }
  if (left.size === 0) return new Set();
  for (const part of parts) {
    const earlier = [...left].filter(([marker]) => isAfter(part, marker));
    if (earlier.length === 0) continue;
    for await (const { path } of filesOf(part)) for (const [, paths] of earlier) paths.delete(path);
  }
  return new Set([...left].filter(([, paths]) => paths.size === 0).map(([marker]) => marker));
}

/** By the clocks of the jobs and of the storage: one alone can be wrong, or have whole seconds. */
function isAfter(part: ListedFiles, marker: ListedFiles): boolean {
  return part.head.created_at > marker.head.created_at &&
    part.info.modified.getTime() >= marker.info.modified.getTime();
}
