/**
 * Writing to S3: one `PUT` for what is small, parts for what is not.
 *
 * Every body goes out with its SHA-256 in the signature, which each server that checks signatures
 * compares with what arrives: no byte changes on its way unseen, on servers without checksum
 * headers too.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { invalid, RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { ByteSource, ObjectInfo, WriteOptions } from "../backend.ts";
import { conflictIfThere, conflictUnlessMatch, wantsNoQuotes } from "./condition.ts";
import { S3Failure } from "./errors.ts";
import { bareEtag, SHA256_METADATA } from "./object_info.ts";
import { readExactly } from "./read_source.ts";
import { statObject } from "./read.ts";
import type { Session } from "./session.ts";
import type { S3Request } from "./transport.ts";
import { uploadInParts } from "./upload_parts.ts";

/** The content type of what has none. */
export const UNKNOWN_TYPE = "application/octet-stream";

/**
 * Writes an object.
 *
 * @param session The connection.
 * @param location Where to.
 * @param source The bytes.
 * @param options As `StorageBackend.write` has them.
 * @returns What is there now.
 * @throws {RunOutputsError} As `StorageBackend.write` tells; `unauthenticated` before anything
 * is read or sent, if there are no credentials.
 */
export async function writeObject(
  session: Session,
  location: OutputLocation,
  source: ByteSource,
  options: WriteOptions = {},
): Promise<ObjectInfo> {
  options.signal?.throwIfAborted();
  if (location.key === "") throw invalid("key", location.key, "the name of an object");
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

/** Writes an object by one request. */
async function put(
  session: Session,
  location: OutputLocation,
  source: ByteSource,
  options: WriteOptions,
): Promise<ObjectInfo> {
  const { signal, ifAbsent, ifMatch, onBytes } = options;
  const release = await session.memory.acquire(source.size, signal);
  try {
    const body = new Uint8Array(source.size);
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
        ...(ifAbsent && { "if-none-match": "*" }),
      },
    };
    const send = () => {
      const headers = {
        ...request.headers,
        ...(ifMatch !== undefined && { "if-match": session.quoted(ifMatch) }),
      };
      return sendBody(session, { ...request, headers }, digest.toString("base64"), signal);
    };
    const { etag, date } = await send().catch(async (error) => {
      const info = await ours(session, location, sha256, error, options);
      if (info !== undefined) return { etag: info.etag, date: info.modified };
      if (ifMatch === undefined) throw error;
      if (await wantsNoQuotes(session, location, ifMatch, error, signal)) return await send();
      throw goneIsConflict(error);
    });
    onBytes?.(body.length);
    return { location, size: body.length, etag, modified: date, sha256, contentType };
  } finally {
    release();
  }
}

/** What the server says of a body that it has taken. */
export interface Sent {
  /** The etag, without quotes. */
  readonly etag: string;
  /** The server's time. */
  readonly date: Date;
}

/** Marks an error that came after an attempt whose outcome is not known. */
const uncertain = new WeakSet<Error>();

/**
 * Sends a body, again where that can help, with a checksum header where the server takes it.
 *
 * @param session The connection.
 * @param request The request.
 * @param checksum The body's SHA-256 in base64.
 * @param signal The caller's.
 * @returns What the server says.
 * @throws {RunOutputsError} What went wrong in the end.
 */
export async function sendBody(
  session: Session,
  request: S3Request,
  checksum: string,
  signal: AbortSignal | undefined,
): Promise<Sent> {
  const { headers } = request;
  let attempts = 0;
  for (;;) {
    const withChecksum = session.checksums;
    try {
      return await session.request(
        (attempt) => {
          attempts = attempt;
          return withChecksum
            ? { ...request, headers: { ...headers, "x-amz-checksum-sha256": checksum } }
            : request;
        },
        signal,
        async (answer) => {
          using _ = answer;
          const { response } = answer;
          const etag = response.headers.get("etag");
          const text = await response.text();
          if (etag === null || text !== "") {
            throw notS3(request, session, response.status);
          }
          const date = Date.parse(response.headers.get("date") ?? "");
          return { etag: bareEtag(etag), date: new Date(Number.isNaN(date) ? Date.now() : date) };
        },
      );
    } catch (error) {
      if (withChecksum && refusesChecksums(error)) {
        session.checksums = false;
        continue;
      }
      if (attempts > 1 && error instanceof Error) uncertain.add(error);
      throw error;
    }
  }
}

/**
 * Fails if bytes do not have the hash that was expected.
 *
 * @param location Where they were to go.
 * @param actual Their hash.
 * @param expected The hash that the caller insists on, if any.
 * @throws {RunOutputsError} `integrity`.
 */
export function checkHash(
  location: OutputLocation,
  actual: string,
  expected: string | undefined,
): void {
  if (expected === undefined || expected === actual) return;
  throw new RunOutputsError(
    "integrity",
    `Cannot write '${location}': the bytes have sha256 ${actual}, expected ${expected}`,
  );
}

/**
 * After a conditional write whose answer was lost, the next attempt is a conflict with ourselves:
 * if what is there has our hash, it is what we wanted to be there.
 */
async function ours(
  session: Session,
  location: OutputLocation,
  sha256: string,
  error: unknown,
  { ifAbsent, ifMatch, signal }: WriteOptions,
): Promise<ObjectInfo | undefined> {
  if (!ifAbsent && ifMatch === undefined) return undefined;
  if (!(error instanceof RunOutputsError) || error.code !== "conflict") return undefined;
  if (!uncertain.has(error)) return undefined;
  const info = await statObject(session, location, { signal });
  return info.sha256 === sha256 ? info : undefined;
}

/** What was to be matched has been deleted since it was looked at. */
function goneIsConflict(error: unknown): unknown {
  if (!(error instanceof RunOutputsError) || !(error.cause instanceof S3Failure)) return error;
  if (error.cause.s3Code !== "NoSuchKey") return error;
  return new RunOutputsError("conflict", error.message, { cause: error });
}

/** Whether a server's refusal is about the checksum header, which not every server knows. */
function refusesChecksums(error: unknown): boolean {
  if (!(error instanceof RunOutputsError) || !(error.cause instanceof S3Failure)) return false;
  const { status, s3Code, message } = error.cause;
  return status === 501 || s3Code === "NotImplemented" ||
    (status === 400 && !/mismatch|digest/i.test(s3Code) && /checksum/i.test(message));
}

function notS3({ location }: S3Request, session: Session, status: number): RunOutputsError {
  const cause = new S3Failure(299, "", `status ${status} without an ETag`);
  return new RunOutputsError(
    "transient",
    `Cannot write '${location}': what answered for ${session.transport.host(location.bucket)} is ` +
      "not an S3 server; check --endpoint-url and proxies",
    { cause },
  );
}
