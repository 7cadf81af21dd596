/**
 * The last step of an upload of packages: the repository's metadata, made of what the upload has put
 * there and of what other uploads of the run tell of.
 *
 * One file lists the others with their hashes: `Release`, `repomd.xml`. It is written over the
 * version that was read and no other, so of two uploads at once the slower one begins again with
 * what the faster one has written. What it lists is written before it, under names that are hashes.
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

/** Files that are made by what storage has, such as the metadata of a package repository. */
export interface Closing {
  /** The files, as far as they are known before. */
  readonly locations: readonly OutputLocation[];
  /**
   * Writes them. It does not fail: trouble is a failed result.
   *
   * @param backend The storage.
   * @param results What became of the files of the plan.
   * @param options How to format locations; a signal.
   */
  run(
    backend: StorageBackend,
    results: readonly TransferResult[],
    options: CallOptions & { readonly show?: (location: OutputLocation) => string },
  ): Promise<ClosingReport>;
}

/** What a {@linkcode Closing} did. */
export interface ClosingReport {
  /** What became of files that stay as they are once they are there. */
  readonly results: readonly TransferResult[];
  /** What became of files that each upload of the run brings up to date, as index pages. */
  readonly shared: readonly TransferResult[];
  /** What a person should know; the reason reads after the path. */
  readonly notes: readonly { readonly path: string; readonly reason: string }[];
}

/** What one attempt at the metadata has. */
export interface Attempt extends RepositoryOptions {
  /** The storage. */
  readonly backend: StorageBackend;
  /** What became of the packages. */
  readonly packages: readonly TransferResult[];
  /** Told of each file that was written before the one that lists them. */
  readonly onFile: (result: TransferResult, shared: boolean) => void;
  /** Told which packages of other content stay. */
  readonly onKept: (kept: readonly OutputLocation[]) => void;
}

/** A repository whose metadata can be brought up to date. */
export interface Repository<Entry> {
  /** What the metadata is made from. */
  readonly files: PackageFiles<Entry>;
  /** The file that lists the others. */
  readonly head: OutputLocation;
  /** Other files that each upload brings up to date. */
  readonly shared: readonly OutputLocation[];
  /** Writes all but the head, and decides what that is to be. */
  decide(attempt: Attempt): Promise<Decision>;
}

const PATH = "the metadata of the package repository";

/**
 * The step that brings a repository's metadata up to date.
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
      // Where no package has come, there is nothing to tell of.
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
