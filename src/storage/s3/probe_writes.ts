/**
 * Finds out with one small object what a server does with writes: conditions, checksums, copies of
 * parts. For `run-outputs doctor --write-test`.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { RunOutputsError } from "../../errors/error.ts";
import { type OutputLocation, uriEncodeKey } from "../../layout/output_location.ts";
import { copyPart } from "./copy.ts";
import { createUpload } from "./create_upload.ts";
import { deleteObject } from "./delete.ts";
import { S3Failure } from "./errors.ts";
import { abortUpload } from "./multipart.ts";
import type { Session } from "./session.ts";

/**
 * What a server does with a demand: enforces it, enforces it unless requests come at the same time,
 * ignores it, or rejects every request with it.
 */
export type Enforcement = "enforced" | "racy" | "ignored" | "unsupported";

/** What a server does with writes. A failed step has its error instead. */
export interface WriteTest {
  /** `If-None-Match: *` where an object is. */
  readonly ifAbsent: Enforcement | RunOutputsError;
  /** `If-Match` with the etag of another version. */
  readonly ifMatch: Enforcement | RunOutputsError;
  /** A body that has not the SHA-256 of its signature. */
  readonly signedHash: Enforcement | RunOutputsError;
  /** A body that has not the SHA-256 of its checksum header. */
  readonly checksum: Enforcement | RunOutputsError;
  /** The error of a copy of a part; `undefined`, if parts can be copied. */
  readonly partCopy?: RunOutputsError;
  /** Whether the upload of the copy could not be aborted, and costs storage. */
  readonly uploadLeft: boolean;
  /** The error of the deletion, after which the object is still there. */
  readonly left?: RunOutputsError;
}

/** How many writers compete. */
const WRITERS = 8;

/** Statuses that reject a demand that is not met. */
const REFUSED = [400, 403, 409, 412];

/**
 * Writes a probe object, writes to it in all ways that must fail, and deletes it.
 *
 * @param session The connection.
 * @param location Where no object is.
 * @param signal The caller's. The deletion does not depend on it.
 * @returns What the server does.
 * @throws {RunOutputsError} If the object can't be written: `unauthenticated`, `denied`, …
 */
export async function testWrites(
  session: Session,
  location: OutputLocation,
  signal: AbortSignal | undefined,
): Promise<WriteTest> {
  await session.transport.requireCredentials("write", location);
  const write = (text: string, demand: Readonly<Record<string, string>> = {}, hash?: string) =>
    put(session, location, text, demand, hash, signal);
  const step = (demand: Readonly<Record<string, string>>, hash?: string) =>
    outcome(() => write("other\n", demand, hash));
  let tested: Omit<WriteTest, "left">;
  let left: RunOutputsError | undefined;
  try {
    await write("probe\n");
    const ifAbsent = await step(ABSENT);
    tested = {
      ifMatch: await step({ "if-match": '"00000000000000000000000000000000"' }),
      signedHash: await step({}, sha256("else\n").toString("hex")),
      checksum: await step({ "x-amz-checksum-sha256": sha256("else\n").toString("base64") }),
      ...await copyItself(session, location, signal),
      ifAbsent: ifAbsent === "enforced" ? await race(session, location, signal, write) : ifAbsent,
    };
  } finally {
    left = await deleteObject(session, location).then(() => undefined, ours);
  }
  return { ...tested, left };
}

const ABSENT = { "if-none-match": "*" };

/** Deletes the object, and lets several writers create it at the same time. */
async function race(
  session: Session,
  location: OutputLocation,
  signal: AbortSignal | undefined,
  write: (text: string, demand: typeof ABSENT) => Promise<void>,
): Promise<Enforcement | RunOutputsError> {
  const deleted = await deleteObject(session, location, { signal }).then(() => undefined, ours);
  if (deleted !== undefined) return deleted;
  const writers = Array.from({ length: WRITERS }, (_, i) => write(`writer ${i}\n`, ABSENT));
  const results = await Promise.allSettled(writers);
  return results.filter(({ status }) => status === "fulfilled").length > 1 ? "racy" : "enforced";
}

async function put(
  session: Session,
  location: OutputLocation,
  text: string,
  headers: Readonly<Record<string, string>>,
  payloadSha256: string = sha256(text).toString("hex"),
  signal: AbortSignal | undefined,
): Promise<void> {
  const body = new TextEncoder().encode(text);
  const all = { "content-type": "text/plain", ...headers };
  const request = { action: "write", method: "PUT", location, body, payloadSha256, headers: all };
  await session.once({ ...request, method: "PUT" }, signal, async (answer) => {
    using _ = answer;
    await answer.response.body?.cancel();
  });
}

async function outcome(call: () => Promise<void>): Promise<Enforcement | RunOutputsError> {
  try {
    await call();
    return "ignored";
  } catch (error) {
    const failed = ours(error);
    const { cause } = failed;
    if (!(cause instanceof S3Failure)) return failed;
    if (cause.status === 501 || /unsupported|not implemented/i.test(cause.message)) {
      return "unsupported";
    }
    return REFUSED.includes(cause.status) ? "enforced" : failed;
  }
}

/** Starts an upload over the object, copies the object as its part, and aborts it. */
async function copyItself(
  session: Session,
  location: OutputLocation,
  signal: AbortSignal | undefined,
): Promise<Pick<WriteTest, "partCopy" | "uploadLeft">> {
  const { bucket, key } = location;
  let uploadId: string | undefined;
  let partCopy: RunOutputsError | undefined;
  try {
    uploadId = await createUpload(session, location, {}, signal);
    const headers = { "x-amz-copy-source": `${bucket}/${uriEncodeKey(key)}` };
    await copyPart(session, location, { uploadId, number: 1, headers }, signal);
  } catch (error) {
    partCopy = ours(error);
  }
  const uploadLeft = uploadId !== undefined && !await abortUpload(session, location, uploadId);
  return { partCopy, uploadLeft };
}

function sha256(text: string) {
  return createHash("sha256").update(text).digest();
}

function ours(error: unknown): RunOutputsError {
  if (error instanceof RunOutputsError) return error;
  return new RunOutputsError("failed", error instanceof Error ? error.message : String(error), {
    cause: error,
  });
}
