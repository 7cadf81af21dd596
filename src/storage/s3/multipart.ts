/**
 * Completes, aborts and lists multipart uploads.
 *
 * @module
 */

import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  ListMultipartUploadsCommand,
} from "@aws-sdk/client-s3";
import { createHash } from "node:crypto";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { CallOptions, ObjectInfo } from "../backend.ts";
import { type ConditionHeaders, withCondition } from "./condition.ts";
import { S3Failure } from "./errors.ts";
import { bareEtag } from "./object_info.ts";
import { statObject } from "./read.ts";
import { Pages } from "./pages.ts";
import type { Session } from "./session.ts";

/** For how long the removal of an upload is waited for, in milliseconds. */
const ABORT_TIMEOUT = 15_000;

const MiB = 1024 * 1024;

/** A part that the server has. */
export interface Part {
  /** Its number, from 1. */
  readonly number: number;
  /** What the server calls its content. */
  readonly etag: string;
  /** Its SHA-256 in base64, where it is known: if it was sent from here, or copied with one. */
  readonly sha256?: string;
}

/** A multipart upload that was begun and neither completed nor removed. */
export interface StaleUpload {
  /** The bucket. */
  readonly bucket: string;
  /** The key that the object was to have. */
  readonly key: string;
  /** The server's name of the upload. */
  readonly uploadId: string;
  /** When it was begun. */
  readonly initiated: Date;
}

/**
 * The size of the parts of an upload: what is wanted, or as much more as it takes for the parts
 * to suffice, in whole MiB above 1 MiB.
 *
 * @param size The size of the object.
 * @param wanted The size that is wanted.
 * @param maxParts How many parts there may be.
 * @returns The size of all parts but the last.
 */
export function partSizeFor(size: number, wanted: number, maxParts: number): number {
  if (size <= wanted * maxParts) return wanted;
  const needed = Math.ceil(size / maxParts);
  return needed > MiB ? Math.ceil(needed / MiB) * MiB : needed;
}

/** What the completed object has to be. */
export interface Completion {
  /** The SHA-256 of the whole, as its metadata says, where it is known. */
  readonly sha256: string | undefined;
  /** The size of the whole. */
  readonly size: number;
  /** Whether nothing may be there. */
  readonly ifAbsent: boolean | "seen" | undefined;
  /** The etag of what has to be there. */
  readonly ifMatch?: string;
  /** Whether the upload was begun with checksums. */
  readonly checksums: boolean;
}

/**
 * Makes the object of its parts.
 *
 * An answer that is lost leaves open whether it is done. The next attempt then finds no upload,
 * and the object itself tells.
 *
 * @param session The connection.
 * @param location The object.
 * @param uploadId The upload.
 * @param parts All parts, in their order.
 * @param expected What the object has to be.
 * @param signal The caller's.
 * @returns The object's etag, without quotes.
 * @throws {RunOutputsError} `conflict`, with `ifAbsent` if something is there by now, with
 * `ifMatch` if something else is.
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
  let attempts = 0;
  try {
    const { ETag } = await session.command("write", location, signal, (client, attempt) => {
      attempts = attempt;
      return client.send(
        new CompleteMultipartUploadCommand({
          Bucket: location.bucket,
          Key: location.key,
          UploadId: uploadId,
          IfNoneMatch: on.ifNoneMatch,
          IfMatch: on.ifMatch,
          MultipartUpload: {
            Parts: parts.map(({ number, etag, sha256 }) => ({
              PartNumber: number,
              ETag: etag,
              ChecksumSHA256: expected.checksums ? sha256 : undefined,
            })),
          },
        }),
        { abortSignal: signal },
      );
    });
    // Ceph tells an empty one.
    return bareEtag(ETag ?? "") || etagOf(parts) ||
      (await statObject(session, location, { signal })).etag;
  } catch (error) {
    if (attempts < 2 || !(error instanceof RunOutputsError) || error.code !== "conflict") {
      throw error;
    }
    const info = await whatIsThere(session, location, signal);
    if (info !== undefined && isMadeOf(parts, info, expected)) return info.etag;
    throw error;
  }
}

/**
 * What is there after a refusal, which is the error to tell where this look fails too.
 *
 * @param session The connection.
 * @param location The object.
 * @param signal The caller's.
 * @returns What is known of it; `undefined`, if that is nothing.
 * @throws The signal's reason.
 */
export async function whatIsThere(
  session: Session,
  location: OutputLocation,
  signal: AbortSignal | undefined,
): Promise<ObjectInfo | undefined> {
  try {
    return await statObject(session, location, { signal });
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
}

/** Whether an object is that of an upload: by its hash, or else by its etag, which parts make. */
function isMadeOf(parts: readonly Part[], info: ObjectInfo, expected: Completion): boolean {
  if (info.size !== expected.size || info.sha256 !== expected.sha256) return false;
  return expected.sha256 !== undefined || info.etag === etagOf(parts);
}

/**
 * The etag of an object that is made of parts: the MD5 of theirs, and their number. It tells of its
 * bytes where those of the parts are MD5s too, which they are unless the server encrypts with keys
 * of the customer's; there it is none that any object has.
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
 * Removes an upload and its parts, whatever became of the caller: it has a time of its own.
 *
 * @param session The connection.
 * @param location The object that was to be.
 * @param uploadId The upload. That it is gone already is no error.
 * @param continues Whether the next upload of the same bytes from here continues one that stays.
 * @returns Whether it is gone; if not, a notice says so.
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
    await session.command("delete", location, signal, (client) =>
      client.send(
        new AbortMultipartUploadCommand({
          Bucket: location.bucket,
          Key: location.key,
          UploadId: uploadId,
        }),
        { abortSignal: signal },
      ));
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
  /** Only uploads that were begun before. A younger one may be somebody's who is at work. */
  readonly before?: Date;
}

/**
 * Lists the multipart uploads below a prefix that were begun and are not ended.
 *
 * @param session The connection.
 * @param prefix Where to look, by whole segments; also an object itself.
 * @param options Up to which age; a signal.
 * @returns The uploads, in the order of their keys.
 */
export async function* listStaleUploads(
  session: Session,
  prefix: OutputLocation,
  { before, signal }: StaleUploadOptions = {},
): AsyncGenerator<StaleUpload> {
  const pages = new Pages(session, prefix);
  let markers: { KeyMarker?: string; UploadIdMarker?: string } = {};
  for (;;) {
    const page = await session.command("list", prefix, signal, (client) =>
      client.send(
        new ListMultipartUploadsCommand({
          Bucket: prefix.bucket,
          Prefix: prefix.key === "" ? undefined : prefix.key,
          ...markers,
        }),
        { abortSignal: signal },
      ));
    const { Uploads = [], IsTruncated: isTruncated, NextKeyMarker, NextUploadIdMarker } = page;
    for (const { Key, UploadId, Initiated } of Uploads) {
      if (Key === undefined || UploadId === undefined || Initiated === undefined) continue;
      const inside = prefix.key === "" || Key === prefix.key || Key.startsWith(`${prefix.key}/`);
      if (!inside || (before !== undefined && Initiated >= before)) continue;
      yield { bucket: prefix.bucket, key: Key, uploadId: UploadId, initiated: Initiated };
    }
    const token = NextKeyMarker && JSON.stringify([NextKeyMarker, NextUploadIdMarker]);
    if (!pages.hasNext({ isTruncated, token, count: Uploads.length })) return;
    markers = { KeyMarker: NextKeyMarker, UploadIdMarker: NextUploadIdMarker };
  }
}

/**
 * Whether an error says that an upload does not exist.
 *
 * @param error What was thrown.
 * @returns `true`, if it was completed or removed.
 */
export function isNoSuchUpload(error: unknown): boolean {
  return error instanceof RunOutputsError && error.cause instanceof S3Failure &&
    error.cause.s3Code === "NoSuchUpload";
}
