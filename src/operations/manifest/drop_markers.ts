/**
 * Deletes the markers of incomplete parts that a user has accepted: uploads that nobody will run
 * again, such as one with a mistyped path.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { OutputPaths } from "../../layout/output_paths.ts";
import { unfinishedName } from "../../runs/unfinished_part.ts";
import type { CallOptions, StorageBackend } from "../../storage/backend.ts";
import type { TransferResult } from "../../storage/transfer/transfer.ts";
import { UnfinishedMarker } from "./unfinished_marker.ts";

/** Options of {@linkcode dropMarks}. */
export interface DropMarksOptions extends CallOptions {
  /** Whether to only report what would be deleted. */
  readonly dryRun?: boolean;
  /** Formats a location for messages. Default: its S3 URI. */
  readonly show?: (location: OutputLocation) => string;
}

/** A marker as it was when the user decided. */
export interface SeenMark {
  /** The part's name. */
  readonly part: string;
  /** Its ETag. */
  readonly etag: string;
}

/**
 * Reads the versions of markers.
 *
 * @param backend The storage.
 * @param root The run.
 * @param parts The names of the parts.
 * @param options A signal.
 * @returns Each marker with its version, for {@linkcode dropMarks}.
 * @throws {RunOutputsError} `not_found`, if one does not exist.
 */
export async function seeMarks(
  backend: StorageBackend,
  root: OutputPaths,
  parts: readonly string[],
  { signal }: CallOptions,
): Promise<readonly SeenMark[]> {
  return await Promise.all(parts.map(async (part) => {
    const { etag } = await backend.stat(markOf(root, part), { signal });
    return { part, etag };
  }));
}

/**
 * Deletes markers, unless they have changed: then an upload of the part is in progress.
 *
 * @param backend The storage.
 * @param root The run.
 * @param seen The markers.
 * @param options Dry run, a signal.
 * @returns The result of each: `written` for a deleted marker, `planned` in a dry run, or `failed`
 * with the reason.
 */
export async function dropMarks(
  backend: StorageBackend,
  root: OutputPaths,
  seen: readonly SeenMark[],
  { dryRun = false, show = String, signal }: DropMarksOptions,
): Promise<readonly TransferResult[]> {
  const drop = async ({ part, etag }: SeenMark): Promise<TransferResult> => {
    const location = markOf(root, part);
    const path = location.relativeTo(root.root())!;
    try {
      if ((await backend.stat(location, { signal })).etag !== etag) {
        throw new RunOutputsError(
          "conflict",
          "it has changed: an upload of the part is in progress",
        );
      }
      const marker = new UnfinishedMarker(backend, root, {
        part,
        show,
        signal,
        isKept: () => false,
      });
      if (!dryRun) await marker.drop();
      return { location, path, outcome: dryRun ? "planned" : "written", warnings: [] };
    } catch (cause) {
      signal?.throwIfAborted();
      const code = cause instanceof RunOutputsError ? cause.code : "failed";
      const message = `Cannot delete ${show(location)}: ${(cause as Error).message}`;
      const error = new RunOutputsError(code, message, { cause });
      return { location, path, outcome: "failed", warnings: [], error };
    }
  };
  const results: TransferResult[] = [];
  for (const one of seen) results.push(await drop(one));
  return results;
}

function markOf(root: OutputPaths, part: string): OutputLocation {
  return root.outputsManifestDir().join(unfinishedName(part));
}
