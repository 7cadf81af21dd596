/**
 * Pairs files with their checksum files, in the order in which a copy writes them.
 *
 * @module
 */

import type { OutputLocation } from "../../layout/output_location.ts";
import type { TransferOptions, TransferResult } from "../../storage/transfer/transfer.ts";
import { sidecarBase } from "../artifacts/pair_sidecars.ts";
import { SIDECAR_SUFFIX } from "../artifacts/sidecar.ts";
import type { CopyFile, CopyFiles } from "./compact_files.ts";
import { notCopied } from "./plan.ts";
import type { CopyResults } from "./results.ts";

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
 * @param kept The path of a file that is not copied.
 * @returns Each file once, with its checksum file. They are made again each time.
 */
export function pairs(files: CopyFiles, kept?: string): Iterable<Pair> {
  const isCopied = (path: string) => path !== kept && files.indexOf(path) !== -1;
  return {
    *[Symbol.iterator]() {
      for (let i = 0, next = files.length === 0 ? undefined : files.at(0); next !== undefined;) {
        const file: CopyFile = next;
        next = ++i < files.length ? files.at(i) : undefined;
        if (file.path === kept) continue;
        const base = sidecarBase(file.path);
        if (base !== undefined && isCopied(base)) continue;
        // What comes between a file and its checksum file begins with the file's name.
        const isFollowed = next?.path.startsWith(file.path) &&
          sidecarBase(file.path + SIDECAR_SUFFIX) !== undefined;
        const sidecar = isFollowed ? files.indexOf(file.path + SIDECAR_SUFFIX) : -1;
        yield sidecar === -1 ? { file } : { file, sidecar: files.at(sidecar) };
      }
    },
  };
}

/**
 * Adds the checksum files that were not copied, because their files could not be copied.
 *
 * @param files The planned files.
 * @param results The results of the others.
 * @param target Destinations by path.
 * @param options How to format locations; a callback.
 */
export function addLeftSidecars(
  files: CopyFiles,
  results: CopyResults,
  target: (path: string) => OutputLocation,
  { showSource, onEvent }: Pick<TransferOptions, "onEvent"> & { readonly showSource: Show },
): void {
  for (let i = 0; i < files.length; i++) {
    if (results.outcomeAt(i) !== undefined) continue;
    const file = files.at(i);
    const { location, error } = results.find(target(sidecarBase(file.path)!))!;
    const result = failedCopy(
      file,
      target,
      showSource,
      notCopied(file, showSource, location, error),
    );
    onEvent?.({ type: "finish", result });
    results.push(result);
  }
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
