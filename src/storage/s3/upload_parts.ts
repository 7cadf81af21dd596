/**
 * Uploads a large object in parts, read one after the other and sent in parallel.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { ByteRange, ByteSource, ObjectInfo, WriteOptions } from "../backend.ts";
import { LinkedController } from "../linked_controller.ts";
import { refusesChecksums, wantsChecksum } from "./checksum_support.ts";
import { createUpload } from "./create_upload.ts";
import { abortUpload, completeUpload, type Part, partSizeFor } from "./multipart.ts";
import { lookAtPart } from "./list_parts.ts";
import { bareEtag, SHA256_METADATA } from "./object_info.ts";
import { readExactly, wrongSize } from "./read_source.ts";
import type { FileDigest } from "../hash/file_hash.ts";
import type { PieceHasher } from "../hash/hashers.ts";
import { checkHash, sendBody, type Sent, UNKNOWN_TYPE } from "./send_body.ts";
import type { Session } from "./session.ts";
import { UploadJournal } from "./upload_journal.ts";

/**
 * Uploads an object in parts. At the end it exists completely, or nothing exists and no part is
 * left on the server.
 *
 * The hash is in the metadata, which S3 needs at the start. If the caller does not know it, the
 * source is read once before; a CRC-32 of each part then verifies that the same bytes are sent.
 *
 * @param session The connection.
 * @param location The destination.
 * @param source The bytes.
 * @param options As in `StorageBackend.write`.
 * @returns The written object.
 * @throws {RunOutputsError} As in `StorageBackend.write`.
 */
export async function uploadInParts(
  session: Session,
  location: OutputLocation,
  source: ByteSource,
  options: WriteOptions,
): Promise<ObjectInfo> {
  const { signal } = options;
  const { partSize: wanted, maxParts } = session.settings;
  const partSize = partSizeFor(source.size, wanted, maxParts);
  const surveyed = options.sha256 === undefined
    ? await survey(session, location, source, partSize, signal)
    : undefined;
  const upload = () => uploadOnce(session, location, source, { partSize, surveyed, options });
  const withChecksums = session.sendsChecksums(location.bucket);
  try {
    return await upload();
  } catch (error) {
    // The parts of an upload can have checksums only if it was started with them.
    if (withChecksums || !wantsChecksum(error)) throw error;
    session.checksumBuckets.add(location.bucket);
    return await upload();
  }
}

async function uploadOnce(
  session: Session,
  location: OutputLocation,
  source: ByteSource,
  { partSize, surveyed, options }: {
    readonly partSize: number;
    readonly surveyed: FileDigest | undefined;
    readonly options: WriteOptions;
  },
): Promise<ObjectInfo> {
  const { signal } = options;
  const { settings } = session;
  const sha256 = surveyed?.sha256 ?? options.sha256!;
  const contentType = options.contentType ?? UNKNOWN_TYPE;
  const identity = {
    size: source.size,
    partSize,
    sha256,
    contentType,
    checksums: session.sendsChecksums(location.bucket),
    sse: settings.sse,
    sseKmsKeyId: settings.sseKmsKeyId,
    acl: settings.acl,
  };

  using journal = await UploadJournal.open(session, location);
  const continued = await journal.resume(identity, signal);
  const { uploadId, checksums } = continued === undefined
    ? await beginUpload(session, location, contentType, sha256, signal).catch(async (error) => {
      await journal.removeUnused();
      throw error;
    })
    : { uploadId: continued.uploadId, checksums: identity.checksums };
  try {
    if (continued === undefined) journal.begin(uploadId, { ...identity, checksums });
    const parts = await sendParts(session, location, source, {
      uploadId,
      partSize,
      checksums,
      crcs: surveyed?.crcs,
      sha256,
      uploaded: continued?.parts ?? [],
      journal,
      options,
    });
    const etag = await completeUpload(session, location, uploadId, parts, {
      sha256,
      size: source.size,
      ifAbsent: options.ifAbsent,
      ifMatch: options.ifMatch,
      checksums: checksums && session.sendsChecksums(location.bucket),
    }, signal);
    await journal.remove();
    const modified = new Date();
    return { location, size: source.size, etag, modified, sha256, contentType };
  } catch (error) {
    // An upload that could not be aborted stays in the journal, and the next attempt resumes it.
    const isGone = await abortUpload(session, location, uploadId, journal.isKept);
    if (isGone) await journal.remove();
    throw error;
  }
}

/** Starts an upload, with checksums of its parts if the server supports them. */
async function beginUpload(
  session: Session,
  location: OutputLocation,
  contentType: string,
  sha256: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly uploadId: string; readonly checksums: boolean }> {
  for (;;) {
    const checksums = session.sendsChecksums(location.bucket);
    const headers = {
      "content-type": contentType,
      [`x-amz-meta-${SHA256_METADATA}`]: sha256,
      ...(checksums && { "x-amz-checksum-algorithm": "SHA256" }),
    };
    try {
      return { uploadId: await createUpload(session, location, headers, signal), checksums };
    } catch (error) {
      const isRequired = session.checksumBuckets.has(location.bucket);
      if (!checksums || isRequired || !refusesChecksums(error)) throw error;
      session.checksums = false;
    }
  }
}

interface Plan {
  readonly uploadId: string;
  readonly partSize: number;
  /** Whether the upload was started with checksums of its parts. */
  readonly checksums: boolean;
  /** The CRC-32 of each part; without them the whole is hashed while it is read. */
  readonly crcs: readonly number[] | undefined;
  readonly sha256: string;
  /** The parts that an earlier process has sent. */
  readonly uploaded: readonly Part[];
  readonly journal: UploadJournal;
  readonly options: WriteOptions;
}

/** Sends all parts. If one fails, the others are aborted and have ended before this throws. */
async function sendParts(
  session: Session,
  location: OutputLocation,
  source: ByteSource,
  plan: Plan,
): Promise<Part[]> {
  const { uploadId, partSize, checksums, crcs, journal } = plan;
  const { onBytes, onResumed, signal: outer } = plan.options;
  const count = Math.ceil(source.size / partSize);
  const parts: Part[] = new Array(count);
  using controller = new LinkedController(outer);
  const { signal } = controller;
  const whole = crcs === undefined;
  using pieces = session.hashers.pieces();
  const sending = new Set<Promise<void>>();
  const uploaded = new Map(plan.uploaded.map((part) => [part.number, part]));
  let resumed = 0;

  async function send(
    index: number,
    hashing: ReturnType<PieceHasher["piece"]>,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const hashed = await hashing;
    const digest = Buffer.from(hashed.digest);
    const checksum = digest.toString("base64");
    const find = async (): Promise<Sent | undefined> => {
      const part = await lookAtPart(session, location, uploadId, index + 1, signal);
      if (part?.size !== hashed.bytes.length) return undefined;
      const etag = bareEtag(part.etag);
      // If the server's etags are not MD5s, the part is sent again.
      const isOurs = etag === createHash("md5").update(hashed.bytes).digest("hex");
      return isOurs ? { etag, date: new Date() } : undefined;
    };
    const { etag } = await sendBody(
      session,
      {
        action: "write",
        method: "PUT",
        location,
        query: { partNumber: `${index + 1}`, uploadId },
        body: hashed.bytes,
        payloadSha256: digest.toString("hex"),
      },
      checksums ? checksum : undefined,
      signal,
      find,
    );
    const part = { number: index + 1, etag: `"${etag}"`, sha256: checksum };
    parts[index] = part;
    journal.note(part);
    onBytes?.(hashed.bytes.length);
    return hashed.bytes;
  }

  try {
    for (let index = 0; index < count; index++) {
      const range = rangeOf(index, partSize, source.size);
      const release = await session.memory.acquire(range.end - range.start, signal);
      let started = false;
      try {
        const body = session.takeBuffer(range.end - range.start);
        await readExactly(location, source, range, body, signal);
        if (crcs !== undefined && crc32(body) !== crcs[index]) throw changed(location);
        let hashing = pieces.piece(body, { own: true, whole });
        const before = uploaded.get(index + 1);
        if (before !== undefined) {
          // An earlier process has sent it, maybe when the file had other content.
          const hashed = await hashing;
          if (Buffer.from(hashed.digest).toString("base64") === before.sha256) {
            parts[index] = before;
            resumed += hashed.bytes.length;
            onResumed?.(resumed);
            onBytes?.(hashed.bytes.length);
            session.giveBuffer(hashed.bytes);
            continue;
          }
          hashing = Promise.resolve(hashed);
        }
        const sent: Promise<void> = send(index, hashing)
          // After a failure, a connection may still read it.
          .then((sent) => session.giveBuffer(sent))
          .catch((error) => controller.abort(error))
          .finally(() => {
            release();
            sending.delete(sent);
          });
        sending.add(sent);
        started = true;
      } finally {
        if (!started) release();
      }
    }
    await Promise.all(sending);
    signal.throwIfAborted();
    if (whole) checkHash(location, await pieces.total(), plan.sha256);
    return parts;
  } catch (error) {
    controller.abort(error);
    await Promise.all(sending);
    throw signal.reason;
  }
}

/** Reads a source once, for its hash and the CRC-32 of each part. */
async function survey(
  session: Session,
  location: OutputLocation,
  source: ByteSource,
  partSize: number,
  signal: AbortSignal | undefined,
): Promise<FileDigest> {
  const release = await session.surveys.acquire(1, signal);
  try {
    if (source.path === undefined) return await surveyHere(location, source, partSize, signal);
    using file = session.hashers.file(source.path, { partSize });
    file.written({ start: 0, end: source.size });
    return await file.finish(source.size, signal);
  } finally {
    release();
  }
}

async function surveyHere(
  location: OutputLocation,
  source: ByteSource,
  partSize: number,
  signal: AbortSignal | undefined,
): Promise<FileDigest> {
  const hash = createHash("sha256");
  const crcs: number[] = [];
  let crc = 0;
  let inPart = 0;
  let size = 0;
  for await (const chunk of source.open(undefined, signal)) {
    signal?.throwIfAborted();
    hash.update(chunk);
    size += chunk.length;
    for (let offset = 0; offset < chunk.length;) {
      const piece = chunk.subarray(offset, offset + partSize - inPart);
      crc = crc32(piece, crc);
      offset += piece.length;
      inPart += piece.length;
      if (inPart < partSize) continue;
      crcs.push(crc);
      crc = inPart = 0;
    }
  }
  if (inPart > 0) crcs.push(crc);
  if (size !== source.size) throw wrongSize(location, size, source.size);
  return { sha256: hash.digest("hex"), crcs };
}

function rangeOf(index: number, partSize: number, size: number): ByteRange {
  return { start: index * partSize, end: Math.min(size, (index + 1) * partSize) };
}

function changed(location: OutputLocation): RunOutputsError {
  return new RunOutputsError(
    "integrity",
    `Cannot write '${location}': the file changed while it was sent; try again when nothing ` +
      "writes to it",
  );
}
