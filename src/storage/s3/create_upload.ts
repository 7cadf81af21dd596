/**
 * Starts multipart uploads. This is not aborted halfway: a started upload stays on the server until
 * it is aborted, and only the response contains its id.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { S3Failure } from "./errors.ts";
import type { S3Request } from "./request.ts";
import type { Session } from "./session.ts";
import { XmlElement, xmlOf } from "./xml.ts";

/** How long to wait for the response after the caller has aborted, in milliseconds. */
const GRACE = 5000;

/**
 * The headers of an object that are set when its upload starts: content type, metadata, the checksum
 * algorithm of the parts and the like.
 */
export type NewUpload = Readonly<Record<string, string>>;

/**
 * Starts an upload. If the caller aborts meanwhile, the response is awaited for a few seconds: so
 * the id of the upload can be returned after the signal has aborted, and the caller must then abort
 * the upload.
 *
 * @param session The connection.
 * @param location The object.
 * @param headers The headers of the object.
 * @param signal The caller's.
 * @returns The id of the upload.
 * @throws {RunOutputsError} Errors of the request; or the signal's reason. If the caller aborted
 * and no response came, a notice says that there may be an upload.
 */
export async function createUpload(
  session: Session,
  location: OutputLocation,
  headers: NewUpload,
  signal: AbortSignal | undefined,
): Promise<string> {
  using late = new LateSignal(signal, GRACE);
  const request: S3Request = {
    action: "write",
    method: "POST",
    location,
    query: { uploads: "" },
    headers,
  };
  const uploadId = await session.call("write", location, signal, async (credentials) => {
    try {
      using answer = await session.transport.sendAs(credentials, request, late.signal);
      return XmlElement.parse(await xmlOf(answer)).text("UploadId");
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
  if (uploadId) return uploadId;
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
