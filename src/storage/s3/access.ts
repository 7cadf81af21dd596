/**
 * Checks access before many writes, so that an error that would stop all of them is reported once.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { CallOptions } from "../backend.ts";
import { S3Failure } from "./errors.ts";
import type { Session } from "./session.ts";

/**
 * Fails if nothing can be written: no or wrong credentials, no such bucket, no server. Only a write
 * itself shows whether it is permitted, because a role may be allowed to write but not to read.
 *
 * @param session The connection.
 * @param location The location to write to; it need not exist.
 * @param options A signal.
 * @throws {RunOutputsError} The error of every write.
 */
export async function requireAccess(
  session: Session,
  location: OutputLocation,
  { signal }: CallOptions = {},
): Promise<void> {
  await session.transport.requireCredentials("write", location);
  // A response to HEAD has no body, so a missing bucket looks like a missing object.
  const request = {
    action: "write",
    method: "GET",
    location,
    headers: { range: "bytes=0-0" },
  } as const;
  try {
    await session.request(request, signal, async (answer) => {
      using _ = answer;
      await answer.response.body?.cancel();
    });
  } catch (error) {
    if (!isAnswer(error)) throw error;
  }
}

/** Whether the server has searched for the object, whatever the outcome. */
function isAnswer(error: unknown): boolean {
  if (!(error instanceof RunOutputsError) || !(error.cause instanceof S3Failure)) return false;
  const { status, s3Code } = error.cause;
  if (status === 404) return s3Code !== "NoSuchBucket";
  return status === 416 || error.code === "denied";
}
