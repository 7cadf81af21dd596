/**
 * Listing in S3: all pages, one at a time.
 *
 * @module
 */

import { ListObjectsV2Command } from "@aws-sdk/client-s3";
import { quote } from "../../errors/error.ts";
import { compareKeys } from "../../layout/compare_keys.ts";
import { OutputLocation } from "../../layout/output_location.ts";
import type { ListOptions, ObjectInfo } from "../backend.ts";
import { bareEtag } from "./object_info.ts";
import { Pages } from "./pages.ts";
import type { Session } from "./session.ts";

/**
 * Lists the objects below a prefix. One page is in memory at a time.
 *
 * Keys that no location can hold (`a//b`, `../x`, `a/` with content) are reported to `onSkipped` and
 * skipped: nothing of ours has such names, and one stray object must not make a bucket unreadable.
 * The console's "folders", empty objects whose key ends in `/`, are skipped without a report.
 *
 * @param session The connection.
 * @param prefix What to list.
 * @param options Whether to go further down; a signal.
 * @returns The objects, each once, in the order of the keys' bytes, which is the server's.
 * @throws {RunOutputsError} `not_found`, if the bucket does not exist; `failed`, naming the server,
 * if its list is in another order, has sizes that are none, or pages without an end.
 */
export async function* listObjects(
  session: Session,
  prefix: OutputLocation,
  { signal, recursive = true }: ListOptions = {},
): AsyncGenerator<ObjectInfo> {
  const Prefix = prefix.key === "" ? undefined : `${prefix.key}/`;
  // The server then tells of what is further down its first segments only, each once.
  const Delimiter = recursive ? undefined : "/";
  const pages = new Pages(session, prefix);
  let ContinuationToken: string | undefined;
  let last: string | undefined;
  for (;;) {
    const page = await session.command("list", prefix, signal, (client) =>
      client.send(
        new ListObjectsV2Command({ Bucket: prefix.bucket, Prefix, Delimiter, ContinuationToken }),
        { abortSignal: signal },
      ));
    const { Contents = [], CommonPrefixes = [], IsTruncated } = page;
    for (const { Key = "", Size, ETag, LastModified } of Contents) {
      signal?.throwIfAborted();
      if (last !== undefined) {
        const order = compareKeys(last, Key);
        if (order === 0) continue;
        // Who merges lists would take what comes too late for missing.
        if (order > 0) throw pages.broken(`${quote(Key)} comes after ${quote(last)}`);
      }
      last = Key;
      const location = locationOf(session, prefix.bucket, Key, Size);
      if (location === undefined) continue;
      if (!isSize(Size) || ETag === undefined || LastModified === undefined) {
        throw pages.broken(`${quote(Key)} has no size, ETag or date`);
      }
      yield { location, size: Size, etag: bareEtag(ETag), modified: LastModified };
    }
    ContinuationToken = page.NextContinuationToken;
    const count = Contents.length + CommonPrefixes.length;
    if (!pages.hasNext({ isTruncated: IsTruncated, token: ContinuationToken, count })) return;
  }
}

function locationOf(
  session: Session,
  bucket: string,
  key: string,
  size: number | undefined,
): OutputLocation | undefined {
  if (key.endsWith("/") && size === 0) return undefined;
  try {
    return new OutputLocation(bucket, key);
  } catch (error) {
    session.skipped(`Skipped an object of ${bucket}: ${(error as Error).message}`);
    return undefined;
  }
}

function isSize(size: number | undefined): size is number {
  return Number.isSafeInteger(size) && size! >= 0;
}
