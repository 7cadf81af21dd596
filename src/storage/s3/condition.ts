/**
 * Conditional writes: "only if it does not exist", "only if it has this etag". The server enforces
 * them, with a fallback where it does not.
 *
 * Amazon checks `If-None-Match: *` and `If-Match` atomically with the write. Other servers may
 * ignore them without notice (Ceph before 18 does). So on every server a check comes first, which
 * also avoids useless uploads, and a notice says so if two concurrent writers could both succeed.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { ObjectInfo } from "../backend.ts";
import { S3Failure } from "./errors.ts";
import { statObject } from "./read.ts";
import { concernsRequested } from "./requested_headers.ts";
import type { Session } from "./session.ts";

/**
 * Fails if the object exists.
 *
 * @param session The connection.
 * @param location Where nothing should be.
 * @param signal The caller's.
 * @throws {RunOutputsError} `conflict`, if it exists; the error of `stat`, if that fails.
 */
export async function conflictIfThere(
  session: Session,
  location: OutputLocation,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (await infoIfThere(session, location, signal) !== undefined) throw exists(location);
  const { endpoint } = session.settings;
  if (endpoint === undefined || !session.conditions) return;
  session.notice(
    `${endpoint.host} may not support conditional writes: two uploads of the same object at the ` +
      "same time could both succeed",
  );
}

async function infoIfThere(
  session: Session,
  location: OutputLocation,
  signal: AbortSignal | undefined,
): Promise<ObjectInfo | undefined> {
  try {
    return await statObject(session, location, { signal });
  } catch (error) {
    if (error instanceof RunOutputsError && error.code === "not_found") return undefined;
    throw error;
  }
}

function exists(location: OutputLocation): RunOutputsError {
  return new RunOutputsError("conflict", `Cannot write '${location}': it already exists`);
}

/** A condition of a write. */
export interface Condition {
  /** Whether the object must not exist. */
  readonly ifAbsent?: boolean | "seen";
  /** The required etag of the object, without quotes. */
  readonly ifMatch?: string;
}

/** The headers of a condition. */
export interface ConditionHeaders {
  /** `If-None-Match`. */
  readonly ifNoneMatch?: "*";
  /** `If-Match`. */
  readonly ifMatch?: string;
}

/**
 * Writes on a condition, in the form that the server supports. If it supports none, the condition
 * is checked once more and the write is unconditional: the session remembers this, and a notice
 * says so.
 *
 * @param session The connection.
 * @param location The object.
 * @param condition The condition.
 * @param signal The caller's.
 * @param send Writes, with the given headers.
 * @returns What `send` returns.
 * @throws {RunOutputsError} Errors of `send`; `conflict`, if the condition is not met.
 */
export async function withCondition<T>(
  session: Session,
  location: OutputLocation,
  condition: Condition,
  signal: AbortSignal | undefined,
  send: (headers: ConditionHeaders) => Promise<T>,
): Promise<T> {
  for (;;) {
    const headers = headersOf(session, location, condition);
    try {
      return await send(headers);
    } catch (error) {
      if (!await isRelaxed(session, location, condition, headers, error, signal)) throw error;
    }
  }
}

function headersOf(
  session: Session,
  { bucket }: OutputLocation,
  { ifAbsent, ifMatch }: Condition,
): ConditionHeaders {
  if (!session.conditions) return {};
  return {
    ...(ifAbsent && { ifNoneMatch: "*" as const }),
    ...(ifMatch !== undefined && !session.unmatchable.has(bucket) && {
      ifMatch: session.bareEtags ? ifMatch : `"${ifMatch}"`,
    }),
  };
}

/** Whether there is another form of the condition to try after a rejection. */
async function isRelaxed(
  session: Session,
  location: OutputLocation,
  { ifMatch }: Condition,
  sent: ConditionHeaders,
  error: unknown,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (sent.ifNoneMatch === undefined && sent.ifMatch === undefined) return false;
  if (!(error instanceof RunOutputsError) || session.settings.endpoint === undefined) return false;
  const { host } = session.settings.endpoint;
  const { cause } = error;
  if (cause instanceof S3Failure && cause.status === 501 && !concernsRequested(cause.message)) {
    if (ifMatch !== undefined) await conflictUnlessMatch(session, location, ifMatch, signal);
    else if (await infoIfThere(session, location, signal)) throw exists(location);
    session.conditions = false;
    session.notice(
      `${host} knows no conditional writes: two uploads of the same object at the same time ` +
        "could both succeed",
    );
    return true;
  }
  if (ifMatch === undefined || error.code !== "conflict") return false;
  const now = await statObject(session, location, { signal }).catch(() => undefined);
  if (now?.etag !== ifMatch) return false;
  // Ceph's gateway compares etags without quotes when it writes, which violates the standard.
  if (sent.ifMatch !== ifMatch) {
    session.bareEtags = true;
    return true;
  }
  // In a versioned bucket it rejects all of them.
  session.unmatchable.add(location.bucket);
  session.notice(
    `${host} rejects If-Match for the current version in ${location.bucket}: two uploads of the ` +
      "same object at the same time could both succeed",
  );
  return true;
}

/**
 * Fails unless the object exists and has this etag. If the server does not enforce the condition, a
 * writer between this check and the write is not noticed. There is no notice, because callers
 * cannot rely on it anyway and check again afterwards.
 *
 * @param session The connection.
 * @param location The location of the object.
 * @param etag Its etag.
 * @param signal The caller's.
 * @throws {RunOutputsError} `conflict`, if it has another etag or does not exist.
 */
export async function conflictUnlessMatch(
  session: Session,
  location: OutputLocation,
  etag: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const now = await infoIfThere(session, location, signal);
  if (now?.etag === etag) return;
  throw new RunOutputsError(
    "conflict",
    `Cannot write '${location}': it was changed by another write`,
  );
}
