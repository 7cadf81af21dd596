/**
 * "Only if nothing is there", "only if it is still this": what the server enforces, and what is
 * left where it does not.
 *
 * Amazon checks `If-None-Match: *` and `If-Match` in the moment of the write. Other servers may ignore it (Ceph
 * before 18 does), and nothing in their answers tells. So a look comes first on every server,
 * which also saves the sending, and a person is told where two writers at the same moment could
 * both succeed.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { S3Failure } from "./errors.ts";
import { statObject } from "./read.ts";
import type { Session } from "./session.ts";

/**
 * Fails if there is an object.
 *
 * @param session The connection.
 * @param location Where nothing should be.
 * @param signal The caller's.
 * @throws {RunOutputsError} `conflict`, if there is one; what `stat` says, if it can't be told.
 */
export async function conflictIfThere(
  session: Session,
  location: OutputLocation,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (await isThere(session, location, signal)) throw exists(location);
  const { endpoint } = session.settings;
  if (endpoint === undefined || !session.conditions) return;
  session.notice(
    `${endpoint.host} may not support conditional writes: two uploads of the same object at the ` +
      "same time could both succeed",
  );
}

async function isThere(
  session: Session,
  location: OutputLocation,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    await statObject(session, location, { signal });
    return true;
  } catch (error) {
    if (error instanceof RunOutputsError && error.code === "not_found") return false;
    throw error;
  }
}

function exists(location: OutputLocation): RunOutputsError {
  return new RunOutputsError("conflict", `Cannot write '${location}': it already exists`);
}

/** What has to hold when something is written. */
export interface Condition {
  /** Whether nothing may be there. */
  readonly ifAbsent?: boolean | "seen";
  /** The etag of what has to be there, without quotes. */
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
 * Writes on a condition, in the form that the server knows. Where it knows none, the condition is
 * looked at once more and the write is made without: the session remembers, and a notice says so.
 *
 * @param session The connection.
 * @param location The object.
 * @param condition What has to hold.
 * @param signal The caller's.
 * @param send Writes, with the headers that it is given.
 * @returns What `send` returns.
 * @throws {RunOutputsError} What `send` throws; `conflict`, if the condition does not hold.
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

/** Whether there is another form of the condition to try, after a refusal of one. */
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
  if (error.cause instanceof S3Failure && error.cause.status === 501) {
    if (ifMatch !== undefined) await conflictUnlessMatch(session, location, ifMatch, signal);
    else if (await isThere(session, location, signal)) throw exists(location);
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
  // Ceph's gateway compares etags without their quotes when it writes, against the standard.
  if (sent.ifMatch !== ifMatch) {
    session.bareEtags = true;
    return true;
  }
  // In a versioned bucket it refuses them all.
  session.unmatchable.add(location.bucket);
  session.notice(
    `${host} rejects If-Match for the current version in ${location.bucket}: two uploads of the ` +
      "same object at the same time could both succeed",
  );
  return true;
}

/**
 * Fails unless there is an object with this etag. Where the server does not enforce the condition,
 * a writer that comes between this look and the write is not seen; no notice says so, because who
 * asks for this can't rely on it and looks again afterwards.
 *
 * @param session The connection.
 * @param location Where the object should be.
 * @param etag Its etag.
 * @param signal The caller's.
 * @throws {RunOutputsError} `conflict`, if another or none is there.
 */
export async function conflictUnlessMatch(
  session: Session,
  location: OutputLocation,
  etag: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const now = await statObject(session, location, { signal }).catch((error) => {
    if (error instanceof RunOutputsError && error.code === "not_found") return undefined;
    throw error;
  });
  if (now?.etag === etag) return;
  throw new RunOutputsError(
    "conflict",
    `Cannot write '${location}': it was changed by another write`,
  );
}
