/**
 * Writes to S3: one `PUT` for small objects, parts for large ones.
 *
 * The SHA-256 of every body is part of the signature, and each server that checks signatures
 * compares it with the received bytes. So no byte changes unnoticed, even on servers without
 * checksum headers.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { invalid, RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { ByteSource, ObjectInfo, WriteOptions } from "../backend.ts";
import { usableType } from "../content_type.ts";
import { conflictIfThere, conflictUnlessMatch, withCondition } from "./condition.ts";
import { S3Failure } from "./errors.ts";
import { SHA256_METADATA } from "./object_info.ts";
import { readExactly } from "./read_source.ts";
import { existingObject, lookAtObject } from "./read.ts";
import { checkHash, isUncertain, sendBody, type Sent, UNKNOWN_TYPE } from "./send_body.ts";
import type { Session } from "./session.ts";
import type { S3Request } from "./request.ts";
import { uploadInParts } from "./upload_parts.ts";

/**
 * Writes an object.
 *
 * @param session The connection.
 * @param location The destination.
 * @param source The bytes.
 * @param options As in `StorageBackend.write`.
 * @returns The written object.
 * @throws {RunOutputsError} As in `StorageBackend.write`; `unauthenticated` before anything is read
 * or sent, if there are no credentials.
 */
export async function writeObject(
  session: Session,
  location: OutputLocation,
  source: ByteSource,
  options: WriteOptions = {},
): Promise<ObjectInfo> {
  options.signal?.throwIfAborted();
  if (location.key === "") throw invalid("key", location.key, "an object name");
  const { contentType = UNKNOWN_TYPE } = options;
  if (!/^[\x20-\x7e]+$/.test(contentType)) {
    throw invalid("content type", contentType, "printable ASCII, such as text/plain");
  }
  await session.transport.requireCredentials("write", location);
  const { ifAbsent, ifMatch, signal } = options;
  if (ifAbsent === true) await conflictIfThere(session, location, signal);
  if (ifMatch !== undefined) await conflictUnlessMatch(session, location, ifMatch, signal);
  return source.size < session.settings.multipartThreshold
    ? await put(session, location, source, options)
    : await uploadInParts(session, location, source, options);
}

/** Writes an object with one request. */
async function put(
  session: Session,
  location: OutputLocation,
  source: ByteSource,
  options: WriteOptions,
): Promise<ObjectInfo> {
  const { signal, ifAbsent, ifMatch, onBytes } = options;
  const release = await session.memory.acquire(source.size, signal);
  try {
    const body = session.takeBuffer(source.size);
    await readExactly(location, source, undefined, body, signal);
    const digest = createHash("sha256").update(body).digest();
    const sha256 = digest.toString("hex");
    checkHash(location, sha256, options.sha256);

    const contentType = options.contentType ?? UNKNOWN_TYPE;
    const request: S3Request = {
      action: "write",
      method: "PUT",
      location,
      body,
      payloadSha256: sha256,
      headers: {
        "content-type": contentType,
        [`x-amz-meta-${SHA256_METADATA}`]: sha256,
      },
    };
    const ifOurs = (info: ObjectInfo | undefined): Sent | undefined => {
      if (info?.sha256 !== sha256 || info.size !== body.length) return undefined;
      if (info.contentType !== usableType(contentType)) return undefined;
      return { etag: info.etag, date: info.modified };
    };
    const find = async () => ifOurs(await lookAtObject(session, location, signal));
    const condition = { ifAbsent, ifMatch };
    const { etag, date } = await withCondition(session, location, condition, signal, async (on) => {
      const headers = {
        ...request.headers,
        ...(on.ifNoneMatch !== undefined && { "if-none-match": on.ifNoneMatch }),
        ...(on.ifMatch !== undefined && { "if-match": on.ifMatch }),
      };
      const conditional = { ...request, headers };
      return await sendBody(session, conditional, digest.toString("base64"), signal, find)
        .catch(async (error) => {
          // If the response to an earlier attempt was lost, this one conflicts with our own object.
          const isConflict = error instanceof RunOutputsError && error.code === "conflict";
          if (isConflict && isUncertain(error)) {
            const found = ifOurs(await existingObject(session, location, error, signal));
            if (found !== undefined) return found;
          }
          throw ifMatch === undefined ? error : goneIsConflict(error);
        });
    });
    // After a failure, a connection may still read it.
    session.giveBuffer(body);
    onBytes?.(body.length);
    return { location, size: body.length, etag, modified: date, sha256, contentType };
  } finally {
    release();
  }
}

/** The object to match was deleted after it was checked. */
function goneIsConflict(error: unknown): unknown {
  if (!(error instanceof RunOutputsError) || !(error.cause instanceof S3Failure)) return error;
  if (error.cause.s3Code !== "NoSuchKey") return error;
  return new RunOutputsError("conflict", error.message, { cause: error });
}
