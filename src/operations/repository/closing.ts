/**
 * The last step of an upload of packages: updates the repository's metadata for the packages of
 * this and other uploads of the run.
 *
 * One file lists the others with their hashes: `Release` or `repomd.xml`. It replaces only the
 * version that was read, so of two concurrent uploads the slower one starts again from the result
 * of the faster one. The files that it lists are written before, under names that contain their
 * hashes.
 *
 * @module
 */

import { BadArchive } from "../../archive/tar/bad_archive.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { CallOptions, StorageBackend } from "../../storage/backend.ts";
import type { TransferResult } from "../../storage/transfer/transfer.ts";
import { type Decision, putContended } from "../manifest/put_contended.ts";
import type { PackageFiles } from "./package_files.ts";
import type { RepositoryOptions } from "./stored_bytes.ts";

/**
 * Files that are generated from what the storage contains, such as the metadata of a package
 * repository.
 */
export interface Closing {
  /** The files, as far as they are known in advance. */
  readonly locations: readonly OutputLocation[];
  /**
   * Writes them. It does not throw: a failure is a failed result.
   *
   * @param backend The storage.
   * @param results The results for the files of the plan.
   * @param options How to format locations; a signal.
   */
  run(
    backend: StorageBackend,
    results: readonly TransferResult[],
    options: CallOptions & { readonly show?: (location: OutputLocation) => string },
  ): Promise<ClosingReport>;
}

/** The result of a {@linkcode Closing}. */
export interface ClosingReport {
  /** The results for files that never change. */
  readonly results: readonly TransferResult[];
  /** The results for files that each upload of the run updates, like index pages. */
  readonly shared: readonly TransferResult[];
  /** Notes for the user; the reason follows the path. */
  readonly notes: readonly { readonly path: string; readonly reason: string }[];
}

/** What one attempt at the metadata uses. */
export interface Attempt extends RepositoryOptions {
  /** The storage. */
  readonly backend: StorageBackend;
  /** The results for the packages. */
  readonly packages: readonly TransferResult[];
  /** Called for each file that was written before the one that lists them. */
  readonly onFile: (result: TransferResult, shared: boolean) => void;
  /** Called with the packages of different content that are kept. */
  readonly onKept: (kept: readonly OutputLocation[]) => void;
}

/** A repository whose metadata can be updated. */
export interface Repository<Entry> {
  /** The sources of the metadata. */
  readonly files: PackageFiles<Entry>;
  /** The file that lists the others. */
  readonly head: OutputLocation;
  /** Other files that each upload updates. */
  readonly shared: readonly OutputLocation[];
  /** Writes all files but the head, and determines the content of that. */
  decide(attempt: Attempt): Promise<Decision>;
}

const PATH = "the metadata of the package repository";

/**
 * The step that updates a repository's metadata.
 *
 * @param repository The repository.
 * @returns The step.
 */
export function repositoryClosing<Entry>(
  { files, head, shared, decide }: Repository<Entry>,
): Closing {
  return {
    locations: [...shared, head],
    async run(backend, uploaded, { show = String, signal }): Promise<ClosingReport> {
      // Without uploaded packages there is nothing to update.
      if (!files.hasCome(uploaded)) return { results: [], shared: [], notes: [] };
      const own = new Map<string, TransferResult>();
      const ofAll = new Map<string, TransferResult>();
      let kept: readonly OutputLocation[] = [];
      let packages: readonly TransferResult[] | undefined;
      const result = await putContended(
        backend,
        { location: head, path: PATH, signal },
        async () => {
          packages ??= await files.settled(backend, uploaded, { signal });
          return await decide({
            backend,
            packages,
            show,
            signal,
            onFile: (result, isShared) => (isShared ? ofAll : own).set(result.location.key, result),
            onKept: (found) => kept = found,
          }).catch((error) => {
            throw isBroken(error) ? broken(head, error, show) : error;
          });
        },
      );
      return {
        results: [...own.values()],
        shared: [...ofAll.values(), result],
        notes: kept.map((location) => ({
          path: show(location),
          reason: "a package of this name with other content is there and stays",
        })),
      };
    },
  };
}

function isBroken(error: unknown): error is BadArchive {
  return error instanceof BadArchive;
}

function broken(
  head: OutputLocation,
  error: BadArchive,
  show: (location: OutputLocation) => string,
): RunOutputsError {
  return new RunOutputsError(
    "integrity",
    `Cannot add packages to the repository of ${show(head)}: ${error.message}. Delete its ` +
      "metadata, then upload all of its packages again",
    { cause: error },
  );
}
