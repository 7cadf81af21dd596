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
  try {
    await statObject(session, location, { signal });
  } catch (error) {
    if (!(error instanceof RunOutputsError) || error.code !== "not_found") throw error;
    if (session.settings.endpoint !== undefined) {
      session.notice(
        `${session.settings.endpoint.host} may not support conditional writes: two ` +
          "uploads of the same object at the same time could both succeed",
      );
    }
    return;
  }
  throw new RunOutputsError("conflict", `Cannot write '${location}': it already exists`);
}

/**
 * Finds out, after a refusal, whether the server compares etags without their quotes: Ceph's
 * gateway does so when it writes, against the standard, and never finds a quoted one. The session
 * remembers.
 *
 * @param session The connection.
 * @param location The object.
 * @param etag The etag that was asked for.
 * @param error The refusal.
 * @param signal The caller's.
 * @returns Whether the write has to be tried without quotes.
 */
export async function wantsNoQuotes(
  session: Session,
  location: OutputLocation,
  etag: string,
  error: unknown,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (session.bareEtags || session.settings.endpoint === undefined) return false;
  if (!(error instanceof RunOutputsError) || error.code !== "conflict") return false;
  const now = await statObject(session, location, { signal }).catch(() => undefined);
  if (now?.etag !== etag) return false;
  session.bareEtags = true;
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
