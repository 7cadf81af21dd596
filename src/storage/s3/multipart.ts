/**
 * Completes, aborts and lists multipart uploads.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { CallOptions, ObjectInfo } from "../backend.ts";
import { type ConditionHeaders, withCondition } from "./condition.ts";
import { isLost, S3Failure } from "./errors.ts";
import { bareEtag } from "./object_info.ts";
import { existingObject, statObject } from "./read.ts";
import { Pages } from "./pages.ts";
import type { S3Request } from "./request.ts";
import type { Session } from "./session.ts";
import { textElement, xmlBody, XmlElement, xmlOf } from "./xml.ts";

/** Time limit for aborting an upload, in milliseconds. */
const ABORT_TIMEOUT = 15_000;

const MiB = 1024 * 1024;

/** An uploaded part. */
export interface Part {
  /** Its number, from 1. */
  readonly number: number;
  /** Its etag. */
  readonly etag: string;
  /** Its SHA-256 in base64, where it is known: if it was sent from here, or copied with one. */
  readonly sha256?: string;
}

/** A multipart upload that is neither completed nor aborted. */
export interface StaleUpload {
  /** The bucket. */
  readonly bucket: string;
  /** The key of the object. */
  readonly key: string;
  /** The id of the upload. */
  readonly uploadId: string;
  /** When it was started. */
  readonly initiated: Date;
}

/**
 * The size of the parts of an upload: the wanted size, or larger if there would be too many parts,
 * in whole MiB above 1 MiB.
 *
 * @param size The size of the object.
 * @param wanted The wanted size.
 * @param maxParts The maximum number of parts.
 * @returns The size of all parts except the last.
 */
export function partSizeFor(size: number, wanted: number, maxParts: number): number {
  if (size <= wanted * maxParts) return wanted;
  const needed = Math.ceil(size / maxParts);
  return needed > MiB ? Math.ceil(needed / MiB) * MiB : needed;
}

/** What the completed object must be. */
export interface Completion {
  /** The SHA-256 of the whole, from its metadata, if known. */
  readonly sha256: string | undefined;
  /** The size of the whole. */
  readonly size: number;
  /** Whether the object must not exist. */
  readonly ifAbsent: boolean | "seen" | undefined;
  /** The required etag of the existing object. */
  readonly ifMatch?: string;
  /** Whether the upload was started with checksums. */
  readonly checksums: boolean;
}

/**
 * Combines the parts into the object.
 *
 * If the response is lost, the outcome is unknown. The next attempt then finds no upload, and
 * checks the object itself.
 *
 * @param session The connection.
 * @param location The object.
 * @param uploadId The upload.
 * @param parts All parts, in order.
 * @param expected What the object must be.
 * @param signal The caller's.
 * @returns The object's etag, without quotes.
 * @throws {RunOutputsError} `conflict`, with `ifAbsent` if the object exists by now, with `ifMatch`
 * if it has another etag.
 */
export async function completeUpload(
  session: Session,
  location: OutputLocation,
  uploadId: string,
  parts: readonly Part[],
  expected: Completion,
  signal: AbortSignal | undefined,
): Promise<string> {
  return await withCondition(
    session,
    location,
    expected,
    signal,
    (on) => tryComplete(session, location, uploadId, parts, expected, on, signal),
  );
}

async function tryComplete(
  session: Session,
  location: OutputLocation,
  uploadId: string,
  parts: readonly Part[],
  expected: Completion,
  on: ConditionHeaders,
  signal: AbortSignal | undefined,
): Promise<string> {
  const request: S3Request = {
    action: "write",
    method: "POST",
    location,
    query: { uploadId },
    ...xmlBody(listOf(parts, expected.checksums), {
      ...(on.ifNoneMatch !== undefined && { "if-none-match": on.ifNoneMatch }),
      ...(on.ifMatch !== undefined && { "if-match": on.ifMatch }),
    }),
  };
  let attempts = 0;
  try {
    const etag = await session.document(
      (attempt) => {
        attempts = attempt;
        return request;
      },
      signal,
      async (answer) => XmlElement.parse(await xmlOf(answer)).text("ETag"),
    );
    // Ceph returns an empty one.
    return bareEtag(etag ?? "") || etagOf(parts) ||
      (await statObject(session, location, { signal })).etag;
  } catch (error) {
    if (!mayBeDone(error, attempts)) throw error;
    const info = await existingObject(session, location, error, signal);
    if (info !== undefined && isMadeOf(parts, info, expected)) return info.etag;
    throw error;
  }
}

/** The document that says which parts the object has. */
function listOf(parts: readonly Part[], checksums: boolean): string {
  const list = parts.map(({ number, etag, sha256 }) => {
    const checksum = checksums && sha256 !== undefined ? textElement("ChecksumSHA256", sha256) : "";
    return `<Part>${textElement("ETag", etag)}<PartNumber>${number}</PartNumber>${checksum}</Part>`;
  });
  return `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${
    list.join("")
  }</CompleteMultipartUpload>`;
}

/**
 * Whether a failed call may have succeeded: the response to its last attempt was lost, or an earlier
 * one was, so that the last attempt conflicts with our own result.
 *
 * @param error The error of the call.
 * @param attempts The number of attempts.
 * @returns `true`, if the existing object has to be checked.
 */
export function mayBeDone(error: unknown, attempts: number): boolean {
  if (isLost(error)) return true;
  return attempts > 1 && error instanceof RunOutputsError && error.code === "conflict";
}

/**
 * Whether an object is the result of an upload: by its hash, or else by its etag, which follows
 * from the parts.
 */
function isMadeOf(parts: readonly Part[], info: ObjectInfo, expected: Completion): boolean {
  if (info.size !== expected.size || info.sha256 !== expected.sha256) return false;
  return expected.sha256 !== undefined || info.etag === etagOf(parts);
}

/**
 * The etag of an object made of parts: the MD5 of their MD5s, and their number. It is valid if the
 * etags of the parts are MD5s, which they are unless the server encrypts with customer keys; then
 * it matches no object.
 */
function etagOf(parts: readonly Part[]): string | undefined {
  const hash = createHash("md5");
  for (const { etag } of parts) {
    const digest = bareEtag(etag);
    if (!/^[0-9a-f]{32}$/.test(digest)) return undefined;
    hash.update(digest, "hex");
  }
  return `${hash.digest("hex")}-${parts.length}`;
}

/**
 * Aborts an upload and deletes its parts, even after an abort of the caller, with a time limit of
 * its own.
 *
 * @param session The connection.
 * @param location The object.
 * @param uploadId The upload. It is not an error if it does not exist any more.
 * @param continues Whether the next upload of the same bytes from here resumes an upload that
 * stays.
 * @returns Whether it is aborted; if not, a notice says so.
 */
export async function abortUpload(
  session: Session,
  location: OutputLocation,
  uploadId: string,
  continues = false,
): Promise<boolean> {
  const controller = new AbortController();
  const timer = setTimeout(
    () => controller.abort(new Error("the server did not respond in time")),
    ABORT_TIMEOUT,
  );
  const { signal } = controller;
  try {
    const action = "abort the upload of";
    await session.document(
      { action, method: "DELETE", location, query: { uploadId } },
      signal,
      async (answer) => await xmlOf(answer, "optional"),
    );
    return true;
  } catch (error) {
    if (isNoSuchUpload(error)) return true;
    session.notice(
      `An unfinished upload of ${location.s3Uri} is left on the server (${
        (error as Error).message
      }); ${continues ? "run the same command again to resume it; " : ""}` +
        "'run-outputs stale-uploads --abort' removes it",
    );
    return false;
  } finally {
    clearTimeout(timer);
  }
}

/** Options of {@linkcode listStaleUploads}. */
export interface StaleUploadOptions extends CallOptions {
  /** Only uploads that were started before. Younger ones may be in progress. */
  readonly before?: Date;
}

/**
 * Lists the unfinished multipart uploads below a prefix.
 *
 * @param session The connection.
 * @param prefix The prefix, in whole segments; also an object itself.
 * @param options The minimum age; a signal.
 * @returns The uploads, sorted by key.
 */
export async function* listStaleUploads(
  session: Session,
  prefix: OutputLocation,
  { before, signal }: StaleUploadOptions = {},
): AsyncGenerator<StaleUpload> {
  const pages = new Pages(session, prefix);
  let markers: Readonly<Record<string, string>> = {};
  for (;;) {
    const page = await session.document(
      {
        action: "list unfinished uploads of",
        method: "GET",
        location: prefix,
        ofBucket: true,
        query: { uploads: "", ...(prefix.key !== "" && { prefix: prefix.key }), ...markers },
      },
      signal,
      async (answer) => parseUploads(await xmlOf(answer)),
    );
    for (const { key, uploadId, initiated } of page.uploads) {
      if (key === undefined || uploadId === undefined || initiated === undefined) continue;
      const inside = prefix.key === "" || key === prefix.key || key.startsWith(`${prefix.key}/`);
      if (!inside || (before !== undefined && initiated >= before)) continue;
      yield { bucket: prefix.bucket, key, uploadId, initiated };
    }
    const { isTruncated, nextKey, nextId, uploads: { length: count } } = page;
    const token = nextKey && JSON.stringify([nextKey, nextId]);
    if (!pages.hasNext({ isTruncated, token, count })) return;
    markers = {
      ...(nextKey !== undefined && { "key-marker": nextKey }),
      ...(nextId !== undefined && { "upload-id-marker": nextId }),
    };
  }
}

function parseUploads(text: string) {
  const root = XmlElement.parse(text);
  return {
    uploads: root.all("Upload").map((upload) => ({
      key: upload.text("Key"),
      uploadId: upload.text("UploadId"),
      initiated: upload.date("Initiated"),
    })),
    isTruncated: root.text("IsTruncated") === "true",
    nextKey: root.text("NextKeyMarker"),
    nextId: root.text("NextUploadIdMarker"),
  };
}

/**
 * Whether an error says that an upload does not exist.
 *
 * @param error What was thrown.
 * @returns `true`, if it was completed or aborted.
 */
export function isNoSuchUpload(error: unknown): boolean {
  return error instanceof RunOutputsError && error.cause instanceof S3Failure &&
    error.cause.s3Code === "NoSuchUpload";
}
