/**
 * Deletes objects in S3: one, or many with few requests.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { invalid, RunOutputsError } from "../../errors/error.ts";
import { OutputLocation } from "../../layout/output_location.ts";
import type { CallOptions, DeleteFailure } from "../backend.ts";
import { deleteEach } from "../delete_each.ts";
import { S3Failure } from "./errors.ts";
import type { Session } from "./session.ts";
import { textElement, xmlBody, XmlElement, xmlOf } from "./xml.ts";

/** The maximum number of objects in one request. Source: DeleteObjects in the S3 API reference. */
const MAX_BATCH = 1000;

/**
 * Deletes an object.
 *
 * @param session The connection.
 * @param location The object.
 * @param options A signal.
 * @throws {RunOutputsError} As in `StorageBackend.delete`.
 */
export async function deleteObject(
  session: Session,
  location: OutputLocation,
  { signal }: CallOptions = {},
): Promise<void> {
  signal?.throwIfAborted();
  if (location.key === "") throw invalid("key", location.key, "an object name");
  await session.transport.requireCredentials("delete", location);
  // The response is empty. If it is not, it comes from a proxy, and nothing was deleted.
  await session.document(
    { action: "delete", method: "DELETE", location },
    signal,
    async (answer) => await xmlOf(answer, "optional"),
  );
}

/**
 * Deletes objects in batches of up to 1000.
 *
 * An object that its batch could not delete gets a request of its own, which retries and returns
 * the reason. So do all objects on a server that does not support batches.
 *
 * @param session The connection.
 * @param locations The objects.
 * @param options A signal.
 * @returns The objects that could not be deleted, with the reason.
 * @throws {RunOutputsError} What failed for a whole batch, such as the network.
 */
export async function deleteObjects(
  session: Session,
  locations: Iterable<OutputLocation> | AsyncIterable<OutputLocation>,
  options: CallOptions = {},
): Promise<DeleteFailure[]> {
  options.signal?.throwIfAborted();
  const failures: DeleteFailure[] = [];
  let batch: OutputLocation[] = [];
  const flush = async () => {
    const undeleted = batch.length > 1 ? await deleteBatch(session, batch, options) : batch;
    batch = [];
    const one = { delete: (at: OutputLocation) => deleteObject(session, at, options) };
    failures.push(...await deleteEach(one, undeleted, options));
  };
  for await (const location of locations) {
    if (batch.length === MAX_BATCH || (batch[0]?.bucket ?? location.bucket) !== location.bucket) {
      await flush();
    }
    batch.push(location);
  }
  await flush();
  return failures;
}

/** Deletes objects of one bucket with one request. Returns those that were not deleted. */
async function deleteBatch(
  session: Session,
  batch: readonly OutputLocation[],
  { signal }: CallOptions,
): Promise<readonly OutputLocation[]> {
  const bucket = new OutputLocation(batch[0].bucket, "");
  for (const { key } of batch) if (key === "") throw invalid("key", key, "an object name");
  await session.transport.requireCredentials("delete", bucket);
  try {
    const named = await session.document(
      {
        action: "delete",
        method: "POST",
        location: bucket,
        ofBucket: true,
        query: { delete: "" },
        ...listOf(batch),
      },
      signal,
      async (answer) => {
        const errors = XmlElement.parse(await xmlOf(answer)).all("Error");
        return new Set(errors.map((error) => error.text("Key")));
      },
    );
    return batch.filter(({ key }) => named.has(key));
  } catch (error) {
    if (isUnknown(error)) return batch;
    throw error;
  }
}

/** Whether the server does not support the request. */
function isUnknown(error: unknown): boolean {
  if (!(error instanceof RunOutputsError) || !(error.cause instanceof S3Failure)) return false;
  const { status, s3Code } = error.cause;
  return status === 405 || status === 501 || s3Code === "NotImplemented";
}

/** The document with what to delete, and `Content-MD5`, the checksum that every server accepts. */
function listOf(batch: readonly OutputLocation[]): ReturnType<typeof xmlBody> {
  const objects = batch.map(({ key }) => `<Object>${textElement("Key", key)}</Object>`).join("");
  const text = '<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
    `${objects}<Quiet>true</Quiet></Delete>`;
  return xmlBody(text, { "content-md5": createHash("md5").update(text).digest("base64") });
}
