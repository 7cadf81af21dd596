/**
 * Lists objects in S3, page by page.
 *
 * @module
 */

import { type _Object, type CommonPrefix, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { quote } from "../../errors/error.ts";
import { compareKeys } from "../../layout/compare_keys.ts";
import { OutputLocation } from "../../layout/output_location.ts";
import type { CallOptions, Child, ListOptions, ObjectInfo } from "../backend.ts";
import { bareEtag } from "./object_info.ts";
import { Pages } from "./pages.ts";
import type { Session } from "./session.ts";

/**
 * Lists the objects below a prefix. One page is in memory at a time.
 *
 * Keys that no location can have (`a//b`, `../x`, `a/` with content) are reported to `onSkipped`
 * and skipped: we never write such names, and one stray object must not make a bucket unreadable.
 * The console's "folders", empty objects whose key ends in `/`, are skipped without a report.
 *
 * @param session The connection.
 * @param prefix The prefix.
 * @param options Whether to list deeper levels; a signal.
 * @returns The objects, each once, sorted by the bytes of their keys, which is the server's order.
 * @throws {RunOutputsError} `not_found`, if the bucket does not exist; `failed`, naming the server,
 * if its list is not sorted, has invalid sizes, keys outside of the prefix, or endless pages.
 */
export async function* listObjects(
  session: Session,
  prefix: OutputLocation,
  { signal, recursive = true }: ListOptions = {},
): AsyncGenerator<ObjectInfo> {
  for await (const { info } of entries(session, prefix, recursive, signal)) {
    if (info !== undefined) yield info;
  }
}

/**
 * Lists what is directly below a prefix, like {@linkcode listObjects}. The server then
 * returns only the first segments of deeper levels, each once.
 *
 * @param session The connection.
 * @param prefix The prefix.
 * @param options A signal.
 * @returns The objects and prefixes, each once, in the order of their bytes.
 * @throws {RunOutputsError} As {@linkcode listObjects}.
 */
export function listChildren(
  session: Session,
  prefix: OutputLocation,
  { signal }: CallOptions = {},
): AsyncGenerator<Child> {
  return entries(session, prefix, false, signal);
}

async function* entries(
  session: Session,
  prefix: OutputLocation,
  recursive: boolean,
  signal: AbortSignal | undefined,
): AsyncGenerator<Child> {
  const Prefix = prefix.key === "" ? undefined : `${prefix.key}/`;
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
    for (const entry of merged(Contents, CommonPrefixes)) {
      const { Key } = entry;
      signal?.throwIfAborted();
      // An object of another run must not count as one of this run.
      if (Prefix !== undefined && !Key.startsWith(Prefix)) {
        throw pages.broken(`${quote(Key)} is not below ${quote(Prefix)}`);
      }
      if (last !== undefined) {
        const order = compareKeys(last, Key);
        if (order === 0) continue;
        // Code that merges lists would treat an object that comes too late as missing.
        if (order > 0) throw pages.broken(`${quote(Key)} comes after ${quote(last)}`);
      }
      last = Key;
      if (entry.object === undefined) {
        const location = locationOf(session, prefix.bucket, Key.replace(/(?<=.)\/$/s, ""));
        if (location !== undefined) yield { location };
        continue;
      }
      const { Size, ETag, LastModified } = entry.object;
      const location = locationOf(session, prefix.bucket, Key, Size);
      if (location === undefined) continue;
      if (!isSize(Size) || ETag === undefined || LastModified === undefined) {
        throw pages.broken(`${quote(Key)} has no size, ETag or date`);
      }
      const info = { location, size: Size, etag: bareEtag(ETag), modified: LastModified };
      yield { location, info };
    }
    ContinuationToken = page.NextContinuationToken;
    const count = Contents.length + CommonPrefixes.length;
    if (!pages.hasNext({ isTruncated: IsTruncated, token: ContinuationToken, count })) return;
  }
}

interface Entry {
  readonly Key: string;
  /** `undefined` for a prefix. */
  readonly object?: _Object;
}

/** Merges the two lists of a page: both are sorted, and together they cover one range of keys. */
function merged(objects: readonly _Object[], prefixes: readonly CommonPrefix[]): Entry[] {
  const entries = objects.map((object): Entry => ({ Key: object.Key ?? "", object }));
  if (prefixes.length === 0) return entries;
  return [...entries, ...prefixes.map(({ Prefix = "" }): Entry => ({ Key: Prefix }))]
    .sort((a, b) => compareKeys(a.Key, b.Key));
}

function locationOf(
  session: Session,
  bucket: string,
  key: string,
  size?: number,
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
