/**
 * The packages that an upload adds to a repository: their metadata, and which existing packages the
 * repository must list.
 *
 * @module
 */

import { createHash } from "node:crypto";
import pMap from "p-map";
import { BadArchive } from "../../archive/tar/bad_archive.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { ByteSource, CallOptions, StorageBackend } from "../../storage/backend.ts";
import { fileSource } from "../../storage/byte_source.ts";
import type { TransferResult } from "../../storage/transfer/transfer.ts";
import type { UploadItem } from "../../storage/transfer/upload.ts";
import type { RepositoryOptions } from "./stored_bytes.ts";

/** The hashes of a package, computed in one read of its bytes. */
export interface PackageHashes {
  readonly size: number;
  readonly md5: string;
  readonly sha1: string;
  readonly sha256: string;
}

/** A package format, as far as a repository needs it. */
export interface PackageFormat<Entry> {
  /**
   * Reads a package's metadata. It finishes before the bytes are hashed.
   *
   * @param source The package.
   * @param location Its location, existing or intended.
   * @param signal Aborts reading.
   * @returns Creates its entry once its hashes are known.
   * @throws {BadArchive} If it is broken, or not for this repository.
   */
  read(
    source: ByteSource,
    location: OutputLocation,
    signal?: AbortSignal,
  ): Promise<(hashes: PackageHashes) => Entry>;
}

/** The number of unlisted packages that are read concurrently. */
const READ_AT_ONCE = 4;

/** The number of packages that are looked up concurrently. */
const LOOKED_AT_ONCE = 16;

/** The packages of one upload. */
export class PackageFiles<Entry> {
  readonly #format: PackageFormat<Entry>;
  readonly #ours = new Map<string, { readonly entry: Entry; readonly sha256: string }>();
  /** Entries of packages that another upload has written, by key and etag. */
  readonly #theirs = new Map<string, { readonly entry: Entry; readonly sha256: string }>();

  /**
   * Creates the list.
   *
   * @param format The package format.
   */
  constructor(format: PackageFormat<Entry>) {
    this.#format = format;
  }

  /**
   * A package as an upload item: it is read and hashed on demand. An existing package of the same
   * name is kept.
   *
   * @param location The destination.
   * @param path The file.
   * @param size Its size in bytes.
   * @returns The item.
   */
  item(location: OutputLocation, path: string, size: number): UploadItem {
    return {
      location,
      path,
      size,
      keepsExisting: true,
      open: async (signal) => {
        const source = await fileSource(path);
        const { entry, sha256 } = await this.#describe(
          source,
          location,
          `upload '${path}'`,
          signal,
        );
        this.#ours.set(location.key, { entry, sha256 });
        return { ...source, sha256 };
      },
    };
  }

  /** Reads and hashes a package. */
  async #describe(
    source: ByteSource,
    location: OutputLocation,
    what: string,
    signal: AbortSignal | undefined,
  ): Promise<{ entry: Entry; sha256: string }> {
    try {
      const entryOf = await this.#format.read(source, location, signal);
      const hashes = await hashPackage(source, signal);
      return { entry: entryOf(hashes), sha256: hashes.sha256 };
    } catch (error) {
      if (!(error instanceof BadArchive)) throw error;
      throw new RunOutputsError(
        "failed",
        `Cannot ${what}: ${error.message}. Build the package again`,
        { cause: error },
      );
    }
  }

  /**
   * Whether a package of the upload is in storage.
   *
   * @param results The results for the upload's files.
   * @returns `true`, if one is.
   */
  hasCome(results: readonly TransferResult[]): boolean {
    return results.some(({ location, outcome }) =>
      outcome !== "failed" && this.#ours.has(location.key)
    );
  }

  /**
   * Determines which of the upload's packages must be added to the metadata: those that it has
   * written, and existing ones that are not listed because their upload has not done so, or that
   * are listed with content that is gone. Existing packages are read, unless they have our bytes.
   *
   * @param backend The storage.
   * @param results The results for the packages.
   * @param listed Returns the entry of a package in the existing metadata; `undefined`, if there is
   * none.
   * @param options How to format locations; a signal.
   * @returns The entries to add, and the packages of different content that are kept.
   */
  async missing(
    backend: StorageBackend,
    results: readonly TransferResult[],
    listed: (location: OutputLocation) => { readonly sha256?: string } | undefined,
    { show = String, signal }: RepositoryOptions,
  ): Promise<{ readonly entries: readonly Entry[]; readonly kept: readonly OutputLocation[] }> {
    const entries: Entry[] = [];
    const kept: OutputLocation[] = [];
    const unknown: OutputLocation[] = [];
    for (const { location, outcome, sha256 } of results) {
      const ours = this.#ours.get(location.key);
      if (ours === undefined || outcome === "failed") continue;
      const existing = listed(location);
      if (existing?.sha256 === ours.sha256) continue;
      if (sha256 === ours.sha256) entries.push(ours.entry);
      else if (existing === undefined) unknown.push(location);
      else if (existing.sha256 === undefined) continue;
      else if (await isStored(backend, location, existing.sha256, sha256, signal)) {
        kept.push(location);
      } else unknown.push(location);
    }
    const read = await pMap(unknown, async (location) => {
      const ours = this.#ours.get(location.key)!;
      const { entry, sha256 } = await this.#stored(backend, location, { show, signal });
      if (sha256 === ours.sha256) return ours.entry;
      kept.push(location);
      return entry;
    }, { concurrency: READ_AT_ONCE });
    return { entries: [...entries, ...read], kept };
  }

  /** Reads a package in storage, once. */
  async #stored(
    backend: StorageBackend,
    location: OutputLocation,
    { show = String, signal }: RepositoryOptions,
  ) {
    const { size, etag } = await backend.stat(location, { signal });
    const key = `${location.key}\0${etag}`;
    const source: ByteSource = {
      size,
      async *open(range) {
        await using body = await backend.read(location, { range, ifMatch: etag, signal });
        yield* body;
      },
    };
    const what = `add ${show(location)} to the repository`;
    const found = this.#theirs.get(key) ?? await this.#describe(source, location, what, signal);
    this.#theirs.set(key, found);
    return found;
  }

  /**
   * Corrects the results for packages, if the storage cannot reject a write after another upload
   * has written the same package: then that upload's package is there.
   *
   * @param backend The storage.
   * @param results The original results.
   * @param options A signal.
   * @returns The results.
   */
  async settled(
    backend: StorageBackend,
    results: readonly TransferResult[],
    { signal }: CallOptions,
  ): Promise<readonly TransferResult[]> {
    if (backend.enforcesAbsence || !backend.writes) return results;
    return await pMap(results, async (result) => {
      if (result.outcome !== "written") return result;
      const { etag, size } = await backend.stat(result.location, { signal });
      if (etag === result.etag) return result;
      return { ...result, outcome: "skipped" as const, etag, size, sha256: undefined };
    }, { concurrency: LOOKED_AT_ONCE });
  }
}

/** Whether a package in storage has a hash. It is read, unless the storage knows its hash. */
async function isStored(
  backend: StorageBackend,
  location: OutputLocation,
  expected: string,
  known: string | undefined,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (known !== undefined) return known === expected;
  const hash = createHash("sha256");
  await using body = await backend.read(location, { signal });
  for await (const chunk of body) hash.update(chunk);
  return hash.digest("hex") === expected;
}

/** All hashes of a package in one pass. */
async function hashPackage(
  source: ByteSource,
  signal: AbortSignal | undefined,
): Promise<PackageHashes> {
  const hashes = {
    md5: createHash("md5"),
    sha1: createHash("sha1"),
    sha256: createHash("sha256"),
  };
  let size = 0;
  for await (const chunk of source.open(undefined, signal)) {
    size += chunk.length;
    for (const hash of Object.values(hashes)) hash.update(chunk);
  }
  return {
    size,
    md5: hashes.md5.digest("hex"),
    sha1: hashes.sha1.digest("hex"),
    sha256: hashes.sha256.digest("hex"),
  };
}
