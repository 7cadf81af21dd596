/**
 * Listing in S3: all pages, one at a time.
 *
 * @module
 */

import { ListObjectsV2Command } from "@aws-sdk/client-s3";
import { RunOutputsError } from "../../errors/error.ts";
import { OutputLocation } from "../../layout/output_location.ts";
import type { ListOptions, ObjectInfo } from "../backend.ts";
import { bareEtag } from "./object_info.ts";
import type { Session } from "./session.ts";

/**
 * Lists the objects below a prefix. One page is in memory at a time.
 *
 * Keys that no location can hold (`a//b`, `../x`) are told to `onNotice` and passed over: nothing
 * of ours has such names, and one stray object must not make a bucket unreadable. The console's
 * "folders", empty objects whose key ends in `/`, are passed over in silence.
 *
 * @param session The connection.
 * @param prefix What to list.
 * @param options Whether to go further down; a signal.
 * @returns The objects, in the server's order, which is that of the keys' bytes.
 * @throws {RunOutputsError} `not_found`, if the bucket does not exist.
 */
export async function* listObjects(
  session: Session,
  prefix: OutputLocation,
  { signal, recursive = true }: ListOptions = {},
): AsyncGenerator<ObjectInfo> {
  const Prefix = prefix.key === "" ? undefined : `${prefix.key}/`;
  // The server then tells of what is further down its first segments only, each once.
  const Delimiter = recursive ? undefined : "/";
  let token: string | undefined;
  do {
    const ContinuationToken = token;
    const page = await session.command("list", prefix, signal, (client) =>
      client.send(
        new ListObjectsV2Command({ Bucket: prefix.bucket, Prefix, Delimiter, ContinuationToken }),
        { abortSignal: signal },
      ));
    for (const { Key = "", Size, ETag, LastModified } of page.Contents ?? []) {
      signal?.throwIfAborted();
      const location = locationOf(session, prefix.bucket, Key);
      if (location === undefined) continue;
      if (Size === undefined || ETag === undefined || LastModified === undefined) {
        throw incomplete(prefix, `'${Key}' has no size, ETag or date`);
      }
      yield { location, size: Size, etag: bareEtag(ETag), modified: LastModified };
    }
    token = page.NextContinuationToken;
    if (page.IsTruncated && (token === undefined || token === ContinuationToken)) {
      throw incomplete(prefix, "there are more objects, but no token for the next page");
    }
    if (!page.IsTruncated) token = undefined;
  } while (token !== undefined);
}

function locationOf(session: Session, bucket: string, key: string): OutputLocation | undefined {
  if (key.endsWith("/")) return undefined;
  try {
    return new OutputLocation(bucket, key);
  } catch (error) {
    session.notice(`Skipped an object of ${bucket}: ${(error as Error).message}`);
    return undefined;
  }
}

function incomplete(prefix: OutputLocation, reason: string): RunOutputsError {
  return new RunOutputsError(
    "failed",
    `Cannot list '${prefix}': the server's list is ` +
      `incomplete, ${reason}`,
  );
}
