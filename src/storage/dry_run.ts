/**
 * A wrapper for dry runs: everything can be read, and nothing is changed.
 *
 * @module
 */

import type { OutputLocation } from "../layout/output_location.ts";
import { checksumMismatch } from "../errors/checksum_mismatch.ts";
import { invalid, RunOutputsError } from "../errors/error.ts";
import { statIfThere } from "./if_there.ts";
import type {
  ByteSource,
  CallOptions,
  DeleteFailure,
  ObjectInfo,
  StorageBackend,
  WriteOptions,
} from "./backend.ts";
import { deleteEach } from "./delete_each.ts";
import { ForwardingBackend } from "./forwarding.ts";
import { sha256Of } from "./sha256_of.ts";

/** A change that a dry run did not make. */
export interface DryRunEvent {
  /** The call. */
  readonly action: "write" | "copy" | "delete";
  /** The location. */
  readonly location: OutputLocation;
}

/**
 * Wraps a storage so that writes, copies and deletes do all their checks but have no effect.
 *
 * @example
 * ```ts
 * import { bytesSource, DryRunBackend, MemoryBackend, OutputLocation } from "@therock/run-outputs";
 *
 * const seen: string[] = [];
 * const backend = new DryRunBackend(new MemoryBackend(), (e) => seen.push(e.location.key));
 * await backend.write(new OutputLocation("local", "local-linux/a.log"), bytesSource("hello"));
 * console.assert(seen[0] === "local-linux/a.log");
 * ```
 */
export class DryRunBackend extends ForwardingBackend {
  readonly #onEvent: (event: DryRunEvent) => void;
  readonly #show: (location: OutputLocation) => string;

  /**
   * Wraps a storage.
   *
   * @param inner The storage to protect.
   * @param onEvent Called for each change that is not made.
   * @param show Formats a location for messages. Default: its S3 URI.
   */
  constructor(
    inner: StorageBackend,
    onEvent: (event: DryRunEvent) => void = () => {},
    show: (location: OutputLocation) => string = String,
  ) {
    super(inner);
    this.#onEvent = onEvent;
    this.#show = show;
  }

  /** Writes have no effect. */
  override get writes(): boolean {
    return false;
  }

  /** Writes that do not happen replace nothing. */
  override get enforcesAbsence(): boolean {
    return true;
  }

  /**
   * Does the checks of `write`: the name, the conditions, that the source can be read, its hash.
   */
  override async write(
    location: OutputLocation,
    source: ByteSource,
    options: WriteOptions = {},
  ): Promise<ObjectInfo> {
    await this.#check(location, options);
    await checkSource(this.#show(location), source, options);
    this.#onEvent({ action: "write", location });
    return planned(location, source.size, options.sha256, options.contentType);
  }

  /** {@inheritDoc StorageBackend.checkWrite} */
  override async checkWrite(location: OutputLocation, options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    await super.checkWrite(location, options);
  }

  /** Does the checks of `copy`: the names, `ifAbsent`, and that the source exists. */
  override async copy(
    from: OutputLocation,
    to: OutputLocation,
    options: WriteOptions = {},
  ): Promise<ObjectInfo> {
    const info = await this.inner.stat(from, options);
    await this.#check(to, { ...options, ifMatch: undefined });
    this.#onEvent({ action: "copy", location: to });
    return planned(to, info.size, info.sha256, options.contentType ?? info.contentType);
  }

  /** Reports what would be deleted. */
  override delete(location: OutputLocation, options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    this.#onEvent({ action: "delete", location });
    return Promise.resolve();
  }

  /** Reports what would be deleted. */
  override async deleteAll(
    locations: Iterable<OutputLocation> | AsyncIterable<OutputLocation>,
    options: CallOptions = {},
  ): Promise<readonly DeleteFailure[]> {
    return await deleteEach(this, locations, options);
  }

  async #check(location: OutputLocation, options: WriteOptions): Promise<void> {
    options.signal?.throwIfAborted();
    if (location.key === "") throw invalid("key", location.key, "an object name");
    await super.checkWrite(location, options);
    if (options.ifAbsent !== true && options.ifMatch === undefined) return;
    const existing = await statIfThere(this.inner, location, options.signal);
    if (options.ifAbsent && existing !== undefined) {
      throw new RunOutputsError(
        "conflict",
        `Cannot write '${this.#show(location)}': it already exists`,
      );
    }
    if (options.ifMatch !== undefined && existing?.etag !== options.ifMatch) {
      throw new RunOutputsError(
        "conflict",
        `Cannot write '${this.#show(location)}': it was changed by another write`,
      );
    }
  }
}

/** Reads the whole source only if a hash is required. */
async function checkSource(
  where: string,
  source: ByteSource,
  { sha256, signal }: WriteOptions,
): Promise<void> {
  if (sha256 === undefined) {
    for await (const _ of source.open({ start: 0, end: Math.min(1, source.size) }, signal)) break;
    return;
  }
  const actual = await sha256Of(source.open(undefined, signal));
  if (actual === sha256) return;
  throw checksumMismatch(`Cannot write '${where}'`, { expected: sha256, actual });
}

function planned(
  location: OutputLocation,
  size: number,
  sha256: string | undefined,
  contentType: string | undefined,
): ObjectInfo {
  return { location, size, etag: "dry-run", modified: new Date(0), sha256, contentType };
}
