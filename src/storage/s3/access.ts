/**
 * One question before many writes, so that what would stop all of them is told once.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { CallOptions } from "../backend.ts";
import { S3Failure } from "./errors.ts";
import type { Session } from "./session.ts";

/**
 * Fails if nothing can be written: no credentials, or not the right ones, no such bucket, no
 * server. That a write is allowed is not known before it is tried: who may write need not be
 * allowed to read.
 *
 * @param session The connection.
 * @param location Where to something is to be written; nothing needs to be there.
 * @param options A signal.
 * @throws {RunOutputsError} What every write would throw.
 */
export async function requireAccess(
  session: Session,
  location: OutputLocation,
  { signal }: CallOptions = {},
): Promise<void> {
  await session.transport.requireCredentials("write", location);
  // An answer to HEAD has no body, and so does not tell a missing bucket from a missing object.
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

/** Whether the server has looked for the object, with whatever outcome. */
function isAnswer(error: unknown): boolean {
  if (!(error instanceof RunOutputsError) || !(error.cause instanceof S3Failure)) return false;
  const { status, s3Code } = error.cause;
  if (status === 404) return s3Code !== "NoSuchBucket";
  return status === 416 || error.code === "denied";
}
