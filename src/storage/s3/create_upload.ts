/**
 * Starts multipart uploads. This is not aborted halfway: a started upload stays on the server until
 * it is aborted, and only the response contains its id.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { S3Failure } from "./errors.ts";
import type { Session } from "./session.ts";

/** How long to wait for the response after the caller has aborted, in milliseconds. */
const GRACE = 5000;

/** The properties of an object, set when its upload starts, by the SDK's names. */
export interface NewUpload {
  /** Its content type. */
  readonly ContentType?: string;
  /** Its metadata. */
  readonly Metadata?: Record<string, string>;
  /** The checksum algorithm of the parts. */
  readonly ChecksumAlgorithm?: "SHA256";
  /** How long caches may keep it. */
  readonly CacheControl?: string;
  /** Whether browsers display or save it. */
  readonly ContentDisposition?: string;
  /** Its content encoding. */
  readonly ContentEncoding?: string;
  /** Its language. */
  readonly ContentLanguage?: string;
}

/**
 * Starts an upload. If the caller aborts meanwhile, the response is awaited for a few seconds: so
 * the id of the upload can be returned after the signal has aborted, and the caller must then abort
 * the upload.
 *
 * @param session The connection.
 * @param location The object.
 * @param input Content type, metadata, checksum algorithm.
 * @param signal The caller's.
 * @returns The id of the upload.
 * @throws {RunOutputsError} Errors of the request; or the signal's reason. If the caller aborted
 * and no response came, a notice says that there may be an upload.
 */
export async function createUpload(
  session: Session,
  location: OutputLocation,
  input: NewUpload,
  signal: AbortSignal | undefined,
): Promise<string> {
  using late = new LateSignal(signal, GRACE);
  const { UploadId } = await session.command("write", location, signal, async (client, sdk) => {
    try {
      return await client.send(
        new sdk.CreateMultipartUploadCommand({
          ...input,
          Bucket: location.bucket,
          Key: location.key,
        }),
        { abortSignal: late.signal },
      );
    } catch (error) {
      if (signal?.aborted && !(error instanceof S3Failure)) {
        session.notice(
          `An unfinished upload of ${location.s3Uri} may be left on the server (no ` +
            "response); 'run-outputs stale-uploads --abort' removes it",
        );
      }
      throw error;
    }
  });
  if (UploadId !== undefined) return UploadId;
  throw new RunOutputsError(
    "failed",
    `Cannot write '${location}': the server returned no upload ID`,
  );
}

/** Aborts some time after another signal. Dispose of it. */
class LateSignal implements Disposable {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #start: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(outer: AbortSignal | undefined, ms: number) {
    this.#outer = outer;
    this.#start = () => {
      this.#timer = setTimeout(() => this.#controller.abort(outer?.reason), ms);
    };
    outer?.addEventListener("abort", this.#start, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    this.#outer?.removeEventListener("abort", this.#start);
    clearTimeout(this.#timer);
  }
}
