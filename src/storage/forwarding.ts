/**
 * The base class of every wrapper around a storage.
 *
 * @module
 */

import type { OutputLocation } from "../layout/output_location.ts";
import type {
  ByteSource,
  CallOptions,
  Child,
  DeleteFailure,
  ListOptions,
  ObjectBody,
  ObjectInfo,
  ReadOptions,
  StorageBackend,
  WriteOptions,
} from "./backend.ts";
import { lineOf, setLine } from "./line_limits.ts";

/**
 * Forwards every call to another storage. A wrapper extends this class and overrides what it
 * changes.
 *
 * It has every member of {@linkcode StorageBackend}, including optional ones, so a new member does
 * not compile until it is forwarded here.
 *
 * @example
 * ```ts
 * import { MemoryBackend, OutputLocation } from "@therock/run-outputs";
 * import { ForwardingBackend } from "@therock/run-outputs/storage";
 *
 * class CountsDeletes extends ForwardingBackend {
 *   deletes = 0;
 *   override delete(location: OutputLocation): Promise<void> {
 *     this.deletes++;
 *     return super.delete(location);
 *   }
 * }
 * const backend = new CountsDeletes(new MemoryBackend());
 * await backend.delete(new OutputLocation("local", "local-linux/a.log"));
 * console.assert(backend.deletes === 1);
 * ```
 */
export class ForwardingBackend implements Required<StorageBackend> {
  /** The wrapped storage. */
  protected readonly inner: StorageBackend;

  /**
   * Wraps a storage.
   *
   * @param inner The storage that calls are forwarded to.
   */
  constructor(inner: StorageBackend) {
    this.inner = inner;
    setLine(this, lineOf(inner));
  }

  /** {@inheritDoc StorageBackend.name} */
  get name(): string {
    return this.inner.name;
  }

  /** {@inheritDoc StorageBackend.writes} */
  get writes(): boolean {
    return this.inner.writes;
  }

  /** {@inheritDoc StorageBackend.enforcesAbsence} */
  get enforcesAbsence(): boolean {
    return this.inner.enforcesAbsence ?? false;
  }

  /** {@inheritDoc StorageBackend.stat} */
  stat(location: OutputLocation, options?: CallOptions): Promise<ObjectInfo> {
    return this.inner.stat(location, options);
  }

  /** {@inheritDoc StorageBackend.list} */
  list(prefix: OutputLocation, options?: ListOptions): AsyncIterable<ObjectInfo> {
    return this.inner.list(prefix, options);
  }

  /** {@inheritDoc StorageBackend.children} */
  children(prefix: OutputLocation, options?: CallOptions): AsyncIterable<Child> {
    return this.inner.children(prefix, options);
  }

  /** {@inheritDoc StorageBackend.read} */
  read(location: OutputLocation, options?: ReadOptions): Promise<ObjectBody> {
    return this.inner.read(location, options);
  }

  /** {@inheritDoc StorageBackend.write} */
  write(
    location: OutputLocation,
    source: ByteSource,
    options?: WriteOptions,
  ): Promise<ObjectInfo> {
    return this.inner.write(location, source, options);
  }

  /** {@inheritDoc StorageBackend.checkWrite} */
  async checkWrite(location: OutputLocation, options?: CallOptions): Promise<void> {
    await this.inner.checkWrite?.(location, options);
  }

  /** {@inheritDoc StorageBackend.checkSpace} */
  async checkSpace(files: Iterable<Pick<ObjectInfo, "location" | "size">>): Promise<void> {
    await this.inner.checkSpace?.(files);
  }

  /** {@inheritDoc StorageBackend.show} */
  show(location: OutputLocation): string {
    return this.inner.show?.(location) ?? String(location);
  }

  /** {@inheritDoc StorageBackend.copy} */
  copy(
    from: OutputLocation,
    to: OutputLocation,
    options?: WriteOptions,
  ): Promise<ObjectInfo> {
    return this.inner.copy(from, to, options);
  }

  /** {@inheritDoc StorageBackend.delete} */
  delete(location: OutputLocation, options?: CallOptions): Promise<void> {
    return this.inner.delete(location, options);
  }

  /** {@inheritDoc StorageBackend.deleteAll} */
  deleteAll(
    locations: Iterable<OutputLocation> | AsyncIterable<OutputLocation>,
    options?: CallOptions,
  ): Promise<readonly DeleteFailure[]> {
    return this.inner.deleteAll(locations, options);
  }
}
