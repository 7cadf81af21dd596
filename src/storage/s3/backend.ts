/**
 * The S3 driver. Use a dynamic `import()`, so that a command without S3 starts fast.
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
import { setLine } from "../line_limits.ts";
import { Session } from "./session.ts";
import { readSettings, type S3BackendOptions, type S3Settings } from "./settings.ts";
import { describeUpload, removeUpload, type StaleUploadDetails } from "./stale_uploads.ts";
import { writeObject } from "./write.ts";

/**
 * Storage on an S3 server.
 *
 * In addition to the interface:
 * - `read` resumes an interrupted body from the same version; if that was replaced meanwhile, the
 *   body throws `conflict`.
 * - `ifAbsent` is a conditional write. Amazon enforces it; other servers may not, and then two
 *   concurrent writers can both succeed. A notice says so.
 * - Two writes of the same content have the same etag, unless S3 encrypts them with a KMS key.
 */
export class S3Backend implements StorageBackend, Disposable {
  /** The kind of storage. */
  readonly name = "s3";
  /** Writes have an effect. */
  readonly writes = true;
  /** On Amazon. */
  readonly enforcesAbsence: boolean;
  readonly #session: Session;

  /**
   * Creates a driver; see {@linkcode createS3Backend}.
   *
   * @param settings The settings.
   */
  constructor(settings: S3Settings) {
    this.#session = new Session(settings);
    setLine(this, this.#session.line);
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
   * Fails at once if a write could not be signed, before anything is sent or read.
   *
   * @param location The location to write to.
   * @param action The action, for the message: a verb.
   * @throws {RunOutputsError} `unauthenticated`, if there are no credentials, or signing is
   * disabled.
   */
  async requireCredentials(location: OutputLocation, action = "write"): Promise<void> {
    await this.#session.transport.requireCredentials(action, location);
  }

  /**
   * Fails at once if every write would fail: no or wrong credentials, no such bucket, no server.
   * Sends one request, before many files are read.
   *
   * @param location The location to write to; it need not exist.
   * @param options A signal.
   * @throws {RunOutputsError} `unauthenticated`, `not_found`, `transient`, as a write would.
   */
  async requireAccess(location: OutputLocation, options?: CallOptions): Promise<void> {
    await requireAccess(this.#session, location, options);
  }

  /**
   * Lists the unfinished multipart uploads below a prefix: those of killed processes, and those in
   * progress.
   *
   * @param prefix The prefix, in whole segments.
   * @param options The minimum age; a signal.
   * @returns The uploads.
   */
  listStaleUploads(
    prefix: OutputLocation,
    options?: StaleUploadOptions,
  ): AsyncIterable<StaleUpload> {
    return listStaleUploads(this.#session, prefix, options);
  }

  /**
   * Describes an unfinished multipart upload, and whether a process of this machine continues it.
   *
   * @param upload One of {@linkcode S3Backend.listStaleUploads}.
   * @param options A signal.
   * @returns The description; `undefined`, if it has ended meanwhile.
   */
  async describeStaleUpload(
    upload: StaleUpload,
    options?: CallOptions,
  ): Promise<StaleUploadDetails | undefined> {
    return await describeUpload(this.#session, upload, options);
  }

  /**
   * Aborts an unfinished multipart upload: deletes its parts from the server, and this machine's
   * journal. If it is in progress, it fails.
   *
   * @param upload One of {@linkcode S3Backend.listStaleUploads}.
   * @returns Whether it is aborted.
   */
  async abortStaleUpload(upload: StaleUpload): Promise<boolean> {
    return await removeUpload(this.#session, upload);
  }

  /**
   * The URL of an object for reading without a signature, if it is public.
   *
   * @param location The object.
   * @returns Its URL on this server, without secrets.
   */
  publicUrl(location: OutputLocation): string {
    return this.#session.transport.publicUrl(location);
  }

  /**
   * A URL that lets anybody read an object for a while, such as a program without credentials.
   *
   * @param location The object. It need not exist.
   * @param seconds For how long; temporary credentials may end it earlier.
   * @returns Its URL with a signature; without one, if requests are not signed.
   * @throws {RunOutputsError} `unauthenticated`, if the credentials can't be read.
   */
  async presignedUrl(location: OutputLocation, seconds: number): Promise<string> {
    return await this.#session.transport.presignedUrl(location, seconds);
  }

  /** {@inheritDoc StorageBackend.show} */
  show(location: OutputLocation): string {
    return this.#session.transport.show(location);
  }

  /** Closes connections. */
  [Symbol.dispose](): void {
    this.#session[Symbol.dispose]();
  }
}

/**
 * Creates a driver for an S3 server. It sends no request yet.
 *
 * @param options The server, credentials, limits. Defaults come from the environment variables of
 * the AWS SDK, then from the profile.
 * @returns The driver.
 * @throws {RunOutputsError} `invalid`, naming the option or the variable.
 */
export async function createS3Backend(options: S3BackendOptions = {}): Promise<S3Backend> {
  return new S3Backend(await readSettings(options));
}

function checkObject(location: OutputLocation): void {
  if (location.key === "") throw invalid("key", location.key, "an object name");
}
