/**
 * Lists objects in S3, page by page.
 *
 * @module
 */

import { quote } from "../../errors/error.ts";
import { compareKeys } from "../../layout/compare_keys.ts";
import { OutputLocation } from "../../layout/output_location.ts";
import type { CallOptions, Child, ListOptions, ObjectInfo } from "../backend.ts";
import { bareEtag } from "./object_info.ts";
import { Pages } from "./pages.ts";
import type { Session } from "./session.ts";
import { XmlElement, xmlOf } from "./xml.ts";

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
  const start = prefix.key === "" ? "" : `${prefix.key}/`;
  const pages = new Pages(session, prefix);
  let token: string | undefined;
  let last: string | undefined;
  for (;;) {
    const query: Record<string, string> = {
      "list-type": "2",
      ...(start !== "" && { prefix: start }),
      ...(!recursive && { delimiter: "/" }),
      ...(token !== undefined && { "continuation-token": token }),
    };
    const page = await session.document(
      { action: "list", method: "GET", location: prefix, ofBucket: true, query },
      signal,
      async (answer) => parsePage(await xmlOf(answer)),
    );
    for (const { key, object } of page.entries) {
      signal?.throwIfAborted();
      // An object of another run must not count as one of this run.
      if (!key.startsWith(start)) {
        throw pages.broken(`${quote(key)} is not below ${quote(start)}`);
      }
      if (last !== undefined) {
        const order = compareKeys(last, key);
        if (order === 0) continue;
        // Code that merges lists would treat an object that comes too late as missing.
        if (order > 0) throw pages.broken(`${quote(key)} comes after ${quote(last)}`);
      }
      last = key;
      if (object === undefined) {
        const location = locationOf(session, prefix.bucket, key.replace(/(?<=.)\/$/s, ""));
        if (location !== undefined) yield { location };
        continue;
      }
      const { size, etag, modified } = object;
      const location = locationOf(session, prefix.bucket, key, size);
      if (location === undefined) continue;
      if (size === undefined || etag === undefined || modified === undefined) {
        throw pages.broken(`${quote(key)} has no size, ETag or date`);
      }
      yield { location, info: { location, size, etag: bareEtag(etag), modified } };
    }
    ({ token } = page);
    const { isTruncated, entries: { length: count } } = page;
    if (!pages.hasNext({ isTruncated, token, count })) return;
  }
}

interface Page {
  readonly entries: readonly Entry[];
  readonly isTruncated: boolean;
  readonly token: string | undefined;
}

interface Entry {
  readonly key: string;
  /** `undefined` for a prefix. */
  readonly object?: {
    readonly size: number | undefined;
    readonly etag: string | undefined;
    readonly modified: Date | undefined;
  };
}

function parsePage(text: string): Page {
  const root = XmlElement.parse(text);
  const objects = root.all("Contents").map((object): Entry => ({
    key: object.text("Key") ?? "",
    object: {
      size: sizeOf(object.text("Size")),
      etag: object.text("ETag"),
      modified: object.date("LastModified"),
    },
  }));
  const prefixes = root.all("CommonPrefixes").map((prefix): Entry => ({
    key: prefix.text("Prefix") ?? "",
  }));
  return {
    entries: merged(objects, prefixes),
    isTruncated: root.text("IsTruncated") === "true",
    token: root.text("NextContinuationToken"),
  };
}

/** Merges the two lists of a page: both are sorted, and together they cover one range of keys. */
function merged(objects: Entry[], prefixes: readonly Entry[]): Entry[] {
  if (prefixes.length === 0) return objects;
  return [...objects, ...prefixes].sort((a, b) => compareKeys(a.key, b.key));
}

/** A size that is written in digits: `Number` would read `1e3` and `0x10`, and nothing as 0. */
function sizeOf(text: string | undefined): number | undefined {
  const size = /^\d+$/.test(text ?? "") ? Number(text) : NaN;
  return Number.isSafeInteger(size) ? size : undefined;
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
