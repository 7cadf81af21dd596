/**
 * The S3 driver. Importing this loads the AWS SDK: reach it by `import()`, so that a command
 * without S3 starts as fast as it can.
 *
 * @module
 */

import { invalid } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
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
} from "../backend.ts";
import { requireAccess } from "./access.ts";
import { copyObject } from "./copy.ts";
import { deleteObject, deleteObjects } from "./delete.ts";
import { listChildren, listObjects } from "./list.ts";
import { listStaleUploads, type StaleUpload, type StaleUploadOptions } from "./multipart.ts";
import { readObject, statObject } from "./read.ts";
import { Session } from "./session.ts";
import { readSettings, type S3BackendOptions, type S3Settings } from "./settings.ts";
import { describeUpload, removeUpload, type StaleUploadDetails } from "./stale_uploads.ts";
import { writeObject } from "./write.ts";

/**
 * Storage on a server that speaks S3.
 *
 * Beyond what the interface says:
 * - `read` continues a broken body with the rest of the same version; if that was replaced
 *   meanwhile, the body throws `conflict`.
 * - `ifAbsent` is a conditional write. Amazon enforces it; other servers may not, and then two
 *   writers at the same moment can both succeed. A notice says so.
 * - Two writes of the same content have the same etag, unless S3 encrypts them with a KMS key.
 */
export class S3Backend implements StorageBackend, Disposable {
  /** What kind of storage this is. */
  readonly name = "s3";
  /** Writing has an effect. */
  readonly writes = true;
  /** Amazon is known to. */
  readonly enforcesAbsence: boolean;
  readonly #session: Session;

  /**
   * Creates a driver; see {@linkcode createS3Backend}.
   *
   * @param settings What the driver is to do.
   */
  constructor(settings: S3Settings) {
    this.#session = new Session(settings);
    this.enforcesAbsence = settings.endpoint === undefined;
  }

  /** {@inheritDoc StorageBackend.stat} */
  async stat(location: OutputLocation, options?: CallOptions): Promise<ObjectInfo> {
    checkObject(location);
    return await statObject(this.#session, location, options);
  }

  /** {@inheritDoc StorageBackend.list} */
  list(prefix: OutputLocation, options?: ListOptions): AsyncIterable<ObjectInfo> {
    return listObjects(this.#session, prefix, options);
  }

  /** {@inheritDoc StorageBackend.children} */
  children(prefix: OutputLocation, options?: CallOptions): AsyncIterable<Child> {
    return listChildren(this.#session, prefix, options);
  }

  /** {@inheritDoc StorageBackend.read} */
  async read(location: OutputLocation, options?: ReadOptions): Promise<ObjectBody> {
    checkObject(location);
    return await readObject(this.#session, location, options);
  }

  /** {@inheritDoc StorageBackend.write} */
  async write(
    location: OutputLocation,
    source: ByteSource,
    options?: WriteOptions,
  ): Promise<ObjectInfo> {
    checkObject(location);
    return await writeObject(this.#session, location, source, options);
  }

  /** {@inheritDoc StorageBackend.copy} */
  async copy(
    from: OutputLocation,
    to: OutputLocation,
    options?: WriteOptions,
  ): Promise<ObjectInfo> {
    checkObject(from);
    checkObject(to);
    return await copyObject(this.#session, from, to, options);
  }

  /** {@inheritDoc StorageBackend.delete} */
  async delete(location: OutputLocation, options?: CallOptions): Promise<void> {
    await deleteObject(this.#session, location, options);
  }

  /** {@inheritDoc StorageBackend.deleteAll} */
  async deleteAll(
    locations: Iterable<OutputLocation> | AsyncIterable<OutputLocation>,
    options?: CallOptions,
  ): Promise<readonly DeleteFailure[]> {
    return await deleteObjects(this.#session, locations, options);
  }

  /**
   * Fails at once where a write could not be signed, before anything is asked or read.
   *
   * @param location Where to something is to be written.
   * @param action What is to be done, for the message: a verb.
   * @throws {RunOutputsError} `unauthenticated`, if there are no credentials, or none are wanted.
   */
  async requireCredentials(location: OutputLocation, action = "write"): Promise<void> {
    await this.#session.transport.requireCredentials(action, location);
  }

  /**
   * Fails at once where every write would: without credentials or with wrong ones, without such a
   * bucket or a server. One question, before many files are read.
   *
   * @param location Where to something is to be written; nothing needs to be there.
   * @param options A signal.
   * @throws {RunOutputsError} `unauthenticated`, `not_found`, `transient`, as a write would.
   */
  async requireAccess(location: OutputLocation, options?: CallOptions): Promise<void> {
    await requireAccess(this.#session, location, options);
  }

  /**
   * Lists the multipart uploads below a prefix that were begun and are not ended: what killed
   * processes left, and what others are at work on.
   *
   * @param prefix Where to look, by whole segments.
   * @param options Up to which age; a signal.
   * @returns The uploads.
   */
  listStaleUploads(
    prefix: OutputLocation,
    options?: StaleUploadOptions,
  ): AsyncIterable<StaleUpload> {
    return listStaleUploads(this.#session, prefix, options);
  }

  /**
   * Tells what there is of a multipart upload, and whether anybody on this machine continues it.
   *
   * @param upload One of {@linkcode S3Backend.listStaleUploads}.
   * @param options A signal.
   * @returns What there is; `undefined`, if it has ended meanwhile.
   */
  async describeStaleUpload(
    upload: StaleUpload,
    options?: CallOptions,
  ): Promise<StaleUploadDetails | undefined> {
    return await describeUpload(this.#session, upload, options);
  }

  /**
   * Removes a multipart upload and the parts it has on the server, and this machine's journal of
   * it. Who is at work on it fails.
   *
   * @param upload One of {@linkcode S3Backend.listStaleUploads}.
   * @returns Whether it is gone.
   */
  async abortStaleUpload(upload: StaleUpload): Promise<boolean> {
    return await removeUpload(this.#session, upload);
  }

  /**
   * Where an object can be looked at without a signature, if it is public.
   *
   * @param location The object.
   * @returns Its URL on this server, without anything secret.
   */
  publicUrl(location: OutputLocation): string {
    return this.#session.transport.publicUrl(location);
  }

  /** Closes connections. */
  [Symbol.dispose](): void {
    this.#session[Symbol.dispose]();
  }
}

/**
 * Creates a driver for a server that speaks S3; nothing is sent before it is used.
 *
 * @param options The server, who signs, limits; what is not given comes from the environment that
 * the AWS SDK reads, then from the profile.
 * @returns The driver.
 * @throws {RunOutputsError} `invalid`, naming the option or the variable.
 */
export async function createS3Backend(options: S3BackendOptions = {}): Promise<S3Backend> {
  return new S3Backend(await readSettings(options));
}

function checkObject(location: OutputLocation): void {
  if (location.key === "") throw invalid("key", location.key, "an object name");
}
