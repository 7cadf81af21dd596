/**
 * The lists of multipart uploads and of their parts, which `fauxqs` leaves out: kept beside it out
 * of the requests that pass.
 *
 * Pages are of two entries, so that whoever forgets the next one loses something.
 *
 * @module
 */

import type { buildApp } from "fauxqs";

interface Upload {
  readonly bucket: string;
  readonly key: string;
  readonly initiated: Date;
  readonly parts: Map<number, { readonly etag: string; readonly size: number }>;
}

const PAGE = 2;

/** Teaches a server the two lists. */
export function addMultipartLists(app: ReturnType<typeof buildApp>): void {
  const uploads = new Map<string, Upload>();

  app.addHook("preHandler", (request, reply, done) => {
    if (request.method !== "GET") return done();
    const { bucket, query } = read(request.url);
    const xml = query.has("uploads")
      ? listUploads(uploads, bucket, query)
      : query.has("uploadId")
      ? listParts(uploads.get(query.get("uploadId")!), query)
      : undefined;
    if (xml === undefined) return done();
    reply.status(xml.includes("<Error>") ? 404 : 200).header("content-type", "application/xml");
    reply.send(`<?xml version="1.0" encoding="UTF-8"?>${xml}`);
  });

  app.addHook("onSend", (request, reply, payload, done) => {
    const { bucket, key, query } = read(request.url);
    const uploadId = query.get("uploadId");
    const succeeded = reply.statusCode < 300;
    if (succeeded && request.method === "POST" && query.has("uploads")) {
      const [, begun] = /<UploadId>(.*?)<\/UploadId>/.exec(`${payload}`)!;
      uploads.set(begun, { bucket, key, initiated: new Date(), parts: new Map() });
    } else if (succeeded && uploadId !== null && request.method === "PUT") {
      uploads.get(uploadId)!.parts.set(Number(query.get("partNumber")), {
        etag: `${reply.getHeader("etag")}`,
        // A part that is copied has no body, and no test asks for its size.
        size: request.body instanceof Uint8Array ? request.body.length : 0,
      });
    } else if (succeeded && uploadId !== null && request.method !== "GET") {
      uploads.delete(uploadId);
    }
    done(null, payload);
  });
}

function read(url: string): { bucket: string; key: string; query: URLSearchParams } {
  const { pathname, searchParams } = new URL(url, "http://localhost");
  const [, bucket, ...key] = pathname.split("/").map(decodeURIComponent);
  return { bucket, key: key.join("/"), query: searchParams };
}

function listUploads(
  uploads: ReadonlyMap<string, Upload>,
  bucket: string,
  query: URLSearchParams,
): string {
  const after = [query.get("key-marker") ?? "", query.get("upload-id-marker") ?? ""].join("\n");
  const found = [...uploads]
    .filter(([, one]) => one.bucket === bucket && one.key.startsWith(query.get("prefix") ?? ""))
    .map(([id, one]) => ({ id, ...one, at: `${one.key}\n${id}` }))
    .sort((a, b) => a.at < b.at ? -1 : 1)
    .filter(({ at }) => at > after);
  const page = found.slice(0, PAGE);
  const entries = page.map(({ id, key, initiated }) =>
    `<Upload><Key>${escape(key)}</Key><UploadId>${id}</UploadId>` +
    `<Initiated>${initiated.toISOString()}</Initiated></Upload>`
  );
  const last = page.at(-1);
  const next = found.length > PAGE
    ? `<NextKeyMarker>${escape(last!.key)}</NextKeyMarker>` +
      `<NextUploadIdMarker>${last!.id}</NextUploadIdMarker>`
    : "";
  return `<ListMultipartUploadsResult><Bucket>${bucket}</Bucket>${next}` +
    `<IsTruncated>${found.length > PAGE}</IsTruncated>${entries.join("")}` +
    "</ListMultipartUploadsResult>";
}

function listParts(upload: Upload | undefined, query: URLSearchParams): string {
  if (upload === undefined) return "<Error><Code>NoSuchUpload</Code><Message>No</Message></Error>";
  const after = Number(query.get("part-number-marker") ?? 0);
  const found = [...upload.parts].filter(([number]) => number > after).sort(([a], [b]) => a - b);
  const page = found.slice(0, PAGE);
  const entries = page.map(([number, { etag, size }]) =>
    `<Part><PartNumber>${number}</PartNumber><ETag>${
      escape(etag)
    }</ETag><Size>${size}</Size></Part>`
  );
  return `<ListPartsResult><NextPartNumberMarker>${page.at(-1)?.[0] ?? 0}</NextPartNumberMarker>` +
    `<IsTruncated>${found.length > PAGE}</IsTruncated>${entries.join("")}</ListPartsResult>`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
