/**
 * The begin of a multipart upload, which is not stopped halfway: what the server has begun stays
 * there until somebody removes it, and only its answer tells the name for that.
 *
 * @module
 */

import { CreateMultipartUploadCommand } from "@aws-sdk/client-s3";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { S3Failure } from "./errors.ts";
import type { Session } from "./session.ts";

/** For how long the answer is waited for after the caller has stopped, in milliseconds. */
const GRACE = 5000;

/** What is said of an object when its upload begins, by the SDK's names. */
export interface NewUpload {
  /** Its content type. */
  readonly ContentType?: string;
  /** Its metadata. */
  readonly Metadata?: Record<string, string>;
  /** The kind of checksum that comes with each part. */
  readonly ChecksumAlgorithm?: "SHA256";
  /** How long caches may keep it. */
  readonly CacheControl?: string;
  /** Whether browsers show or save it. */
  readonly ContentDisposition?: string;
  /** How its bytes are encoded. */
  readonly ContentEncoding?: string;
  /** Its language. */
  readonly ContentLanguage?: string;
}

/**
 * Begins an upload. A request that is under way when the caller stops is waited for, a few seconds at
 * most: so the name of the upload can come back after the signal has aborted, and the upload is then
 * the caller's to remove.
 *
 * @param session The connection.
 * @param location The object.
 * @param input Content type, metadata, the kind of checksums.
 * @param signal The caller's.
 * @returns The server's name of the upload.
 * @throws {RunOutputsError} What went wrong; or the signal's reason. If the caller stopped and no
 * answer came, a notice says that there may be an upload.
 */
export async function createUpload(
  session: Session,
  location: OutputLocation,
  input: NewUpload,
  signal: AbortSignal | undefined,
): Promise<string> {
  using late = new LateSignal(signal, GRACE);
  const { UploadId } = await session.command("write", location, signal, async (client) => {
    try {
      return await client.send(
        new CreateMultipartUploadCommand({ ...input, Bucket: location.bucket, Key: location.key }),
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

/** Aborts some time after another signal. To be disposed of. */
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
