/**
 * The service as an S3 server that can be read: `/s3/{bucket}/{key}`. So every reader of buckets,
 * `run-outputs` first of all, reads the runs of a service with its driver for S3.
 *
 * @module
 */

import { OutputLocation } from "../../layout/output_location.ts";
import { hasReservedName } from "../../layout/reserved_names.ts";
import { tryParseKeyInRun } from "../../runs/retention/run_key.ts";
import type { Handler, ServiceContext, ServiceRequest } from "../context.ts";
import { type Objects, objectsOf } from "../objects/objects.ts";
import { sendFile } from "../objects/send_file.ts";
import type { StoredFile } from "../objects/stored_file.ts";
import { problemOf } from "../problem.ts";
import { entries } from "./entries.ts";
import { formatListing } from "./list_objects.ts";
import { type ListingQuery, parseListingQuery } from "./listing_query.ts";
import { OpenListings } from "./pages.ts";
import { S3Error, s3ErrorAnswer } from "./s3_error.ts";
import { XML_TYPE } from "./xml.ts";

const NO_OBJECT = "The object does not exist";

const listings = new WeakMap<ServiceContext, OpenListings>();

/**
 * Answers GET and HEAD of an object, and GET of a bucket, which lists it. Any name of a bucket will do:
 * what is served is one place. Only runs are in it.
 */
export const s3Handler: Handler = async (request, context) => {
  try {
    const { bucket, path = "" } = request.params;
    if (path !== "" && request.isDirectory) throw new S3Error(404, "NoSuchKey", NO_OBJECT);
    return path === ""
      ? await listBucket(bucket, request, context)
      : await sendObject(path, request, context);
  } catch (error) {
    if (error instanceof S3Error) return s3ErrorAnswer(error.status, error.message, error.code);
    const { document, headers } = problemOf(error, context.hide);
    const { status, detail } = document;
    if (status >= 500 && status !== 503) context.logFailure(request.request, error);
    return s3ErrorAnswer(status, detail, undefined, headers);
  }
};

async function listBucket(
  bucket: string,
  { method, query, signal }: ServiceRequest,
  context: ServiceContext,
): Promise<Response> {
  // HEAD of a bucket asks whether it exists.
  if (method === "HEAD") return new Response(null, { headers: { "content-type": XML_TYPE } });
  const listing = parseListingQuery(query);
  const page = await pageOf(listing, context, signal);
  return new Response(formatListing(bucket, listing, page), {
    headers: { "content-type": XML_TYPE, "cache-control": "no-cache" },
  });
}

function pageOf(listing: ListingQuery, context: ServiceContext, signal: AbortSignal) {
  const { prefix, isLevel, after, maxKeys } = listing;
  let open = listings.get(context);
  if (open === undefined) {
    open = new OpenListings(() => context.now().getTime());
    listings.set(context, open);
  }
  if (maxKeys === 0) return { entries: [], isTruncated: false };
  const name = (from: string) => JSON.stringify([prefix, isLevel, from]);
  const { index } = context;
  const { files } = objectsOf(context);
  // A listing lives longer than the request that begins it.
  signal.throwIfAborted();
  const begin = () => entries({ index, files, prefix, isLevel, after });
  return open.page(name(after), maxKeys, begin, ({ key }) => name(key));
}

async function sendObject(
  key: string,
  request: ServiceRequest,
  context: ServiceContext,
): Promise<Response> {
  const { index, now } = context;
  const objects = objectsOf(context);
  const { signal } = request;
  const location = new OutputLocation(index.bucket, key);
  const open = () => openObject(objects, location, signal);
  const file = await open();
  const { sha256 } = file.info;
  return await sendFile(request, {
    file,
    reopen: open,
    // One entity tag in listings and answers, whether the hash is known or not.
    hashOf: () => Promise.resolve(undefined),
    headers: sha256 === undefined ? {} : { "x-amz-meta-sha256": sha256 },
    now: now(),
  });
}

async function openObject(
  { files }: Objects,
  location: OutputLocation,
  signal: AbortSignal,
): Promise<StoredFile> {
  const isShown = tryParseKeyInRun(location.key) !== undefined && !hasReservedName(location.key);
  const file = isShown ? await files.open(location, { signal }) : undefined;
  if (file === undefined) throw new S3Error(404, "NoSuchKey", NO_OBJECT);
  return file;
}
