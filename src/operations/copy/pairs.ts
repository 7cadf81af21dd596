/**
 * Pairs files with their checksum files, in the order in which a copy writes them.
 *
 * @module
 */

import type { OutputLocation } from "../../layout/output_location.ts";
import type { TransferOptions, TransferResult } from "../../storage/transfer/transfer.ts";
import { sidecarBase } from "../artifacts/pair_sidecars.ts";
import { type CopyFile, notCopied } from "./plan.ts";

/** Formats a location of the source for messages. */
type Show = (location: OutputLocation) => string;

/** A file, and its checksum file. */
export interface Pair {
  /** The file. */
  readonly file: CopyFile;
  /** Its `.sha256sum` file. */
  readonly sidecar?: CopyFile;
}

/**
 * Pairs files with their checksum files. A checksum file is written after its file, so that it
 * means that the file is complete.
 *
 * @param files The files.
 * @returns Each file once, with its checksum file.
 */
export function pairs(files: readonly CopyFile[]): Pair[] {
  const sidecars = new Map<string, CopyFile>();
  const paths = new Set(files.map(({ path }) => path));
  for (const file of files) {
    const base = sidecarBase(file.path);
    if (base !== undefined && paths.has(base)) sidecars.set(base, file);
  }
  const followers = new Set(sidecars.values());
  return files.filter((file) => !followers.has(file))
    .map((file) => ({ file, sidecar: sidecars.get(file.path) }));
}

/**
 * Adds the checksum files that were not copied, because their files could not be copied.
 *
 * @param files The planned files.
 * @param results Its result.
 * @param target Destinations by path.
 * @param options How to format locations; a callback.
 * @returns The results of all files.
 */
export function withLeftSidecars(
  files: readonly CopyFile[],
  results: readonly TransferResult[],
  target: (path: string) => OutputLocation,
  { showSource, onEvent }: Pick<TransferOptions, "onEvent"> & { readonly showSource: Show },
): TransferResult[] {
  const done = new Map(results.map((result) => [result.location.key, result]));
  const left = files.filter(({ path }) => !done.has(target(path).key)).map((file) => {
    const { location, error } = done.get(target(sidecarBase(file.path)!).key)!;
    const result = failedCopy(
      file,
      target,
      showSource,
      notCopied(file, showSource, location, error),
    );
    onEvent?.({ type: "finish", result });
    return result;
  });
  return [...results, ...left];
}

/**
 * The result of a file that could not be copied.
 *
 * @param file The file.
 * @param target Destinations by path.
 * @param showSource Formats a location for messages.
 * @param error The reason.
 * @returns The result.
 */
export function failedCopy(
  { path, location, size }: CopyFile,
  target: (path: string) => OutputLocation,
  showSource: Show,
  error: Error,
): TransferResult {
  return {
    location: target(path),
    path: showSource(location),
    outcome: "failed",
    size,
    warnings: [],
    error,
  };
}
