/**
 * What retention has removed from a run, for readers that ask for a file that does not exist.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import { classify } from "../../layout/classify.ts";
import type { OutputPaths } from "../../layout/output_paths.ts";
import { describeRemoval, removedRecord } from "../../runs/removed.ts";
import type { CallOptions, StorageBackend } from "../../storage/backend.ts";
import { statIfThere } from "../../storage/if_there.ts";
import { joinListing, type RemovedOutput } from "./list_outputs.ts";
import { readOutputs } from "./read.ts";

/**
 * All files that retention has removed from a run, and that do not exist again.
 *
 * @param backend The storage.
 * @param root The run.
 * @param options A signal.
 * @returns The files, with size and SHA-256 if a part lists them.
 * @throws {RunOutputsError} Errors of `readOutputs`.
 *
 * @example
 * ```ts
 * import { MemoryBackend, RunOutputRoot } from "@therock/run-outputs";
 * import { removedFiles } from "@therock/run-outputs/operations";
 *
 * const root = RunOutputRoot.forLocal({ platform: "linux" });
 * const removed = await removedFiles(new MemoryBackend(), root);
 * console.assert(removed.length === 0);
 * ```
 */
export async function removedFiles(
  backend: StorageBackend,
  root: OutputPaths,
  { signal }: CallOptions = {},
): Promise<RemovedOutput[]> {
  if (await statIfThere(backend, removedRecord(root), signal) === undefined) return [];
  const manifest = await readOutputs(backend, root, { signal });
  const found: RemovedOutput[] = [];
  const onRemoved = (file: RemovedOutput) => void found.push(file);
  const outputs = joinListing(backend, root, manifest, { onRemoved, marked: true, signal });
  for await (const _ of outputs) { /* only what is removed matters */ }
  return found;
}

/**
 * Says of a file that does not exist whether retention has removed it. A run without such files costs
 * one request.
 *
 * @param backend The storage.
 * @param root The run.
 * @param path The path relative to the run's prefix.
 * @param options A signal.
 * @returns The file; `undefined`, if retention has not removed it.
 * @throws {RunOutputsError} Errors of `readOutputs`.
 */
export async function removedFile(
  backend: StorageBackend,
  root: OutputPaths,
  path: string,
  { signal }: CallOptions = {},
): Promise<RemovedOutput | undefined> {
  if (await statIfThere(backend, removedRecord(root), signal) === undefined) return undefined;
  const { removed, files } = await readOutputs(backend, root, { signal });
  const kind = classify(path);
  for await (
    const { file: { path: at, size, sha256 }, parts, removal } of files({ marked: true })
  ) {
    if (at !== path) continue;
    return removal && { path, kind, size, sha256, parts, removal };
  }
  const alone = removed?.unlisted.get(path);
  return alone && { path, kind, size: alone.size, parts: [], removal: alone.removal };
}

/**
 * The error of a reader that wants files that retention has removed.
 *
 * @param action What can't be done, such as `fetch`.
 * @param what The files, in words.
 * @param removed One of them.
 * @returns An error with code `not_found`.
 */
export function removedError(
  action: string,
  what: string,
  { removal }: Pick<RemovedOutput, "removal">,
): RunOutputsError {
  return new RunOutputsError("not_found", `Cannot ${action} ${what}: ${describeRemoval(removal)}`);
}

/**
 * Removed files in one line.
 *
 * @param removed The files; at least one.
 * @returns `12 files were removed by retention on 2026-11-30 (older than 90d)`
 */
export function removedLine(removed: readonly Pick<RemovedOutput, "removal">[]): string {
  const last = removed.map(({ removal }) => removal)
    .reduce((a, b) => a.at < b.at ? b : a);
  const were = removed.length === 1 ? "1 file was" : `${removed.length} files were`;
  return `${were} ${describeRemoval(last)}`;
}
