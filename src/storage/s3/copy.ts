/**
 * Copies objects inside S3: with one request, or in parts if they exceed the limit of one request.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import { type OutputLocation, uriEncodeKey } from "../../layout/output_location.ts";
import type { ObjectInfo, WriteOptions } from "../backend.ts";
import { LinkedController } from "../linked_controller.ts";
import { conflictIfThere, withCondition } from "./condition.ts";
import { wantsChecksum } from "./checksum_support.ts";
import { createUpload, type NewUpload } from "./create_upload.ts";
import { abortUpload, completeUpload, mayBeDone, type Part, partSizeFor } from "./multipart.ts";
import { existingObject, statObject } from "./read.ts";
import type { Session } from "./session.ts";
import { XmlElement, xmlOf } from "./xml.ts";

/** The number of parts of one object that are copied concurrently; the server does the work. */
const PARTS_AT_ONCE = 8;

/** The minimum size of a part of a copy, in bytes. */
const COPY_PART = 256 * 1024 * 1024;

/** The headers of an object that are kept, beside its metadata. */
const KEPT = [
  "cache-control",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-type",
];

/**
 * Copies an object; its bytes stay on the server.
 *
 * The version at the start is copied: if it is replaced meanwhile, the copy fails with `conflict`
 * and leaves nothing.
 *
 * @param session The connection.
 * @param from The object to copy.
 * @param to The destination, in any bucket of the same server.
 * @param options As in `StorageBackend.copy`.
 * @returns The copy.
 * @throws {RunOutputsError} As in `StorageBackend.copy`.
 */
export async function copyObject(
  session: Session,
  from: OutputLocation,
  to: OutputLocation,
  options: WriteOptions = {},
): Promise<ObjectInfo> {
  const { signal, ifAbsent, contentType } = options;
  await session.transport.requireCredentials("copy", to);
  const source = await statObject(session, from, { signal });
  if (ifAbsent === true) await conflictIfThere(session, to, signal);
  if (from.equals(to)) return source;

  const version = {
    "x-amz-copy-source": `${from.bucket}/${uriEncodeKey(from.key)}`,
    "x-amz-copy-source-if-match": `"${source.etag}"`,
  };
  if (source.size > session.settings.copyLimit) {
    await withWantedChecksum(session, to, (checksum) =>
      copyInParts(session, from, to, source, {
        version,
        checksum,
      }, options));
  } else {
    const replaced = contentType === undefined || contentType === source.contentType
      ? { "x-amz-metadata-directive": "COPY" }
      : {
        ...await metadataOf(session, from, signal),
        "content-type": contentType,
        "x-amz-metadata-directive": "REPLACE",
      };
    let attempts = 0;
    const send = (ifNoneMatch: string | undefined, checksum: "SHA256" | undefined) => {
      const headers = {
        ...replaced,
        ...version,
        ...(ifNoneMatch !== undefined && { "if-none-match": ifNoneMatch }),
        ...(checksum !== undefined && { "x-amz-checksum-algorithm": checksum }),
      };
      return session.document(
        (attempt) => {
          attempts = attempt;
          return { action: "copy", method: "PUT", location: to, headers };
        },
        signal,
        async (answer) => await xmlOf(answer),
      );
    };
    const condition = { ifAbsent: ifAbsent === true };
    await withCondition(session, to, condition, signal, async ({ ifNoneMatch }) => {
      return await withWantedChecksum(session, to, (checksum) => send(ifNoneMatch, checksum));
    }).catch(async (error) => {
      if (!mayBeDone(error, attempts)) throw error;
      if (!isCopyOf(source, await existingObject(session, to, error, signal))) throw error;
    });
    options.onBytes?.(source.size);
  }
  const copied = await statObject(session, to, { signal });
  if (copied.size === source.size) return copied;
  throw new RunOutputsError(
    "conflict",
    `Cannot copy '${from}' to '${to}': got ${copied.size} bytes, expected ${source.size}; ` +
      "another upload has replaced it, try again",
  );
}

/**
 * Copies without a checksum, unless the bucket demands one, as those with Object Lock do: the server
 * then reads all bytes for it. The session remembers the bucket.
 */
async function withWantedChecksum<T>(
  session: Session,
  { bucket }: OutputLocation,
  copy: (checksum: "SHA256" | undefined) => Promise<T>,
): Promise<T> {
  if (!session.checksumBuckets.has(bucket)) {
    try {
      return await copy(undefined);
    } catch (error) {
      if (!wantsChecksum(error)) throw error;
      session.checksumBuckets.add(bucket);
    }
  }
  return await copy("SHA256");
}

/**
 * Whether an object is a copy of another. If the response to an attempt was lost, the next attempt
 * conflicts with our own copy. A copy of a multipart object has another etag, so only the hash
 * shows it, if known.
 */
function isCopyOf(source: ObjectInfo, existing: ObjectInfo | undefined): boolean {
  if (existing?.size !== source.size || existing.sha256 !== source.sha256) return false;
  return source.sha256 !== undefined || existing.etag === source.etag;
}

async function copyInParts(
  session: Session,
  from: OutputLocation,
  to: OutputLocation,
  source: ObjectInfo,
  { version, checksum }: {
    /** The headers that name the source's version. */
    readonly version: Readonly<Record<string, string>>;
    readonly checksum: "SHA256" | undefined;
  },
  options: WriteOptions,
): Promise<void> {
  const { settings } = session;
  const metadata = await metadataOf(session, from, options.signal);
  const uploadId = await createUpload(session, to, {
    ...metadata,
    ...(options.contentType !== undefined && { "content-type": options.contentType }),
    ...(checksum !== undefined && { "x-amz-checksum-algorithm": checksum }),
  }, options.signal);
  const size = partSizeFor(source.size, Math.min(COPY_PART, settings.copyLimit), settings.maxParts);
  const count = Math.ceil(source.size / size);
  const parts: Part[] = new Array(count);
  // If one part fails, the others are aborted; all have ended before the upload is aborted.
  using controller = new LinkedController(options.signal);
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < count; i = next++) {
      const start = i * size;
      const end = Math.min(start + size, source.size);
      const range = { "x-amz-copy-source-range": `bytes=${start}-${end - 1}` };
      const { etag, sha256 } = await copyPart(session, to, {
        uploadId,
        number: i + 1,
        headers: { ...version, ...range },
      }, controller.signal);
      if (etag === undefined) {
        throw new RunOutputsError(
          "failed",
          `Cannot copy '${from}': the server sent a part without an ETag`,
        );
      }
      parts[i] = { number: i + 1, etag, sha256 };
      options.onBytes?.(end - start);
    }
  };
  try {
    const workers = Array.from({ length: Math.min(PARTS_AT_ONCE, count) }, async () => {
      try {
        await worker();
      } catch (error) {
        controller.abort(error);
        throw error;
      }
    });
    await Promise.allSettled(workers);
    if (controller.signal.aborted) throw controller.signal.reason;
    await completeUpload(session, to, uploadId, parts, {
      sha256: source.sha256,
      size: source.size,
      ifAbsent: options.ifAbsent,
      checksums: checksum !== undefined,
    }, options.signal);
  } catch (error) {
    await abortUpload(session, to, uploadId);
    throw error;
  }
}

/**
 * Lets the server copy a part of an upload.
 *
 * @param session The connection.
 * @param to The object of the upload.
 * @param part The upload, the number of the part, and the headers that name its source.
 * @param signal The caller's.
 * @returns What the server says of the part.
 * @throws {RunOutputsError} The last error.
 */
export async function copyPart(
  session: Session,
  to: OutputLocation,
  { uploadId, number, headers }: {
    readonly uploadId: string;
    readonly number: number;
    readonly headers: Readonly<Record<string, string>>;
  },
  signal: AbortSignal | undefined,
): Promise<{ readonly etag: string | undefined; readonly sha256: string | undefined }> {
  const query = { partNumber: `${number}`, uploadId };
  return await session.document(
    { action: "copy", method: "PUT", location: to, query, headers },
    signal,
    async (answer) => {
      const result = XmlElement.parse(await xmlOf(answer));
      return { etag: result.text("ETag"), sha256: result.text("ChecksumSHA256") };
    },
  );
}

/** The headers that must be sent again because the server does not copy them. */
async function metadataOf(
  session: Session,
  location: OutputLocation,
  signal: AbortSignal | undefined,
): Promise<NewUpload> {
  return await session.request(
    { action: "read", method: "HEAD", location },
    signal,
    (answer) => {
      using _ = answer;
      return Object.fromEntries(
        [...answer.response.headers].filter(([name]) =>
          KEPT.includes(name) || name.startsWith("x-amz-meta-")
        ),
      );
    },
  );
}
