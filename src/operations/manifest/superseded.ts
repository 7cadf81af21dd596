/**
 * Markers that a corrected upload supersedes: the same command of the same job with other paths,
 * such as one without a typo, has another default name for its part.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputPaths } from "../../layout/output_paths.ts";
import type { ManifestHead } from "../../runs/manifest.ts";
import { claimPart } from "../../runs/part_claim.ts";
import { hasVariants, isVariant } from "../../runs/part_name.ts";
import { namedPaths, pendingOf, unfinishedPartOf, unlistedOf } from "../../runs/unfinished_part.ts";
import type { StorageBackend } from "../../storage/backend.ts";
import { dropMarks, type SeenMark } from "./drop_markers.ts";
import type { FileStream } from "./part_files.ts";
import { isUnusable, type ReadOutputsOptions, readPart } from "./read.ts";

/** A part that was just written. */
export interface WrittenPart {
  /** All members but the files. */
  readonly head: ManifestHead;
  /** Its files. */
  readonly files: FileStream;
}

/** Options of {@linkcode dropSuperseded}. */
export interface DropSupersededOptions extends Pick<ReadOutputsOptions, "show" | "signal"> {
  /** Called with one-line notes for the user. */
  readonly onNote?: (note: string) => void;
}

/**
 * Deletes markers of earlier uploads that failed and that a part supersedes. Such a marker has only
 * files that the part has too, and at least one of them is uploaded; so it is not of an upload in
 * progress, whose files are all pending. A failure is a note.
 *
 * @param backend The storage.
 * @param root The run.
 * @param written The part.
 * @param options Receives a note for each deleted marker; how to format locations; a signal.
 */
export async function dropSuperseded(
  backend: StorageBackend,
  root: OutputPaths,
  written: WrittenPart,
  { onNote, ...options }: DropSupersededOptions,
): Promise<void> {
  const { show, signal } = options;
  if (!backend.writes || !hasVariants(written.head.part)) return;
  try {
    for (const { part, etag, unlisted } of await findSuperseded(backend, root, written, options)) {
      const [{ outcome }] = await dropMarks(backend, root, [{ part, etag }], { show, signal });
      if (outcome === "failed") continue;
      const gone = unlisted.length === 0 ? "" : `; not expected any more: ${namedPaths(unlisted)}`;
      onNote?.(`deleted the marker of part ${part}, an upload that this one corrects${gone}`);
    }
  } catch (error) {
    signal?.throwIfAborted();
    // A role may be allowed to upload but not to list.
    if (error instanceof RunOutputsError && error.code === "denied") return;
    onNote?.(`markers of earlier uploads can't be read (${(error as Error).message})`);
  }
}

/** A marker, and what its upload could not read. */
interface Superseded extends SeenMark {
  readonly unlisted: readonly string[];
}

async function findSuperseded(
  backend: StorageBackend,
  root: OutputPaths,
  written: WrittenPart,
  options: Pick<ReadOutputsOptions, "show" | "signal">,
): Promise<Superseded[]> {
  const found: Superseded[] = [];
  let ours: Set<string> | undefined;
  for await (const info of backend.list(root.outputsManifestDir(), { signal: options.signal })) {
    const part = unfinishedPartOf(info.location.name);
    if (part === undefined || !isVariant(part, written.head.part)) continue;
    const marker = await readPart(backend, info, true, options).catch((error) => {
      if (isUnusable(error)) return undefined;
      throw error;
    });
    if (marker?.files === undefined || marker.files.length === 0) continue;
    const { head, files, info: { etag } } = marker;
    // A copied marker is of another run's job.
    if (head.run.run_id !== written.head.run.run_id) continue;
    if (claimPart(head, written.head) instanceof Error) continue;
    ours ??= new Set(await Array.fromAsync(written.files, ({ path }) => path));
    const paths = [...files.map(({ path }) => path), ...pendingOf(head)];
    if (!paths.every((path) => ours!.has(path))) continue;
    found.push({ part, etag, unlisted: unlistedOf(head) });
  }
  return found;
}
