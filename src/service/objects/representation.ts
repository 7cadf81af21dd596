/**
 * The headers of files of runs. Pure.
 *
 * @module
 */

import type { ObjectInfo } from "../../storage/backend.ts";
import { contentType } from "../../storage/content_type.ts";
import { versionTag } from "../../storage/version_tag.ts";
import type { Validators } from "./conditional.ts";
import { formatHttpDate } from "./http_date.ts";

/**
 * What files of a run may do in a browser. They come from builds, so anybody who can send a pull
 * request can write them: scripts run, but in an origin of their own, without the cookies and the
 * answers of the service. All files have this, because a browser can be made to show any of them.
 */
export const SANDBOX = [
  "sandbox allow-scripts allow-popups allow-modals allow-downloads",
  "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:",
  "form-action 'none'",
].join("; ");

/** What a browser shows as a document with scripts. */
const DOCUMENTS =
  /^(?:text\/html|application\/xhtml\+xml|(?:text|application)\/xml|[^;]+\+xml)(?:;|$)/;

/** What a browser may show. Everything else is saved. */
const SHOWN = /^(?:text\/|image\/|application\/json(?:;|$))/;

/** What an answer says about a file. */
export interface Representation extends Validators {
  /** The headers of all answers with this file, with status 304 too. */
  readonly validators: Readonly<Record<string, string>>;
  /** The headers about its content. */
  readonly content: Readonly<Record<string, string>>;
  /** Its content type. */
  readonly type: string;
}

/**
 * Describes a file.
 *
 * @param info The file.
 * @param sha256 Its current SHA-256, 64 hex digits, if known.
 * @param now The time of the answer.
 * @returns Its headers. The entity tag is strong: that of the content, if its hash is known, else one
 * of its version. The latter is accepted in requests also when the hash is known, because a download
 * can have begun before the run's manifest was written.
 */
export function represent(
  info: ObjectInfo,
  sha256: string | undefined,
  now: Date,
): Representation {
  const etags = [entityTag(info.etag)];
  if (sha256 !== undefined) etags.unshift(`"sha256-${sha256}"`);
  // A time in the future would be a validator that a later version can have too.
  const modified = new Date(Math.min(info.modified.getTime(), now.getTime()));
  const type = contentType(info.location.key);
  return {
    etags,
    modified,
    type,
    validators: {
      etag: etags[0],
      "last-modified": formatHttpDate(modified),
      "cache-control": "no-cache, no-transform",
    },
    content: {
      "content-type": type,
      "accept-ranges": "bytes",
      "content-security-policy": SANDBOX,
      // What a document in a sandbox opens in a new window is in its sandbox too, and browsers refuse
      // to show that with another policy.
      "cross-origin-opener-policy": "unsafe-none",
      ...sha256 === undefined ? {} : { "repr-digest": reprDigest(sha256) },
      ...isShown(type) ? {} : { "content-disposition": attachment(info.location.name) },
    },
  };
}

/**
 * Whether a browser shows a content type as a document, with its scripts.
 *
 * @param type The content type.
 * @returns `true` for HTML, SVG and XML.
 */
export function isDocument(type: string): boolean {
  return DOCUMENTS.test(type);
}

/** Whether a browser may show a content type instead of saving it. */
function isShown(type: string): boolean {
  return SHOWN.test(type) || isDocument(type);
}

/**
 * The entity tag of a version.
 *
 * @param etag The etag of the storage.
 * @returns The tag, with its quotes.
 */
export function entityTag(etag: string): string {
  return `"${versionTag(etag)}"`;
}

/** `Repr-Digest` (RFC 9530): the hash of the whole file, in answers with ranges of it too. */
function reprDigest(sha256: string): string {
  const bytes = sha256.match(/../g)!.map((hex) => parseInt(hex, 16));
  return `sha-256=:${btoa(String.fromCharCode(...bytes))}:`;
}

/**
 * `Content-Disposition` of a file that is saved: its name in ASCII for old clients, and in UTF-8
 * (RFC 8187).
 *
 * @param name The file's name.
 * @returns The value.
 */
export function attachment(name: string): string {
  const ascii = name.replace(/[^A-Za-z0-9 !#$&+^_`{}~.,=@()-]/gu, "_");
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
