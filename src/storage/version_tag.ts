/**
 * The tag by which clients name a version of a file.
 *
 * @module
 */

import { createHash } from "node:crypto";

/** The entity tag of an object in S3. */
const S3_ETAG = /^[0-9a-f]{32}(?:-\d+)?$/;

/** A tag of a version. No storage has etags of this form but a service, whose etags are tags. */
const TAG = /^v[\w-]{22}$/;

/**
 * Makes a tag that can be shown to anybody from the etag of a storage: one of a disk has an inode in
 * it, which is nobody's business and different on every machine.
 *
 * @param etag The etag of the storage.
 * @returns An etag of S3, and a tag, as it is; a hash of any other. So the storage of a service has the
 * tags that its directory has.
 */
export function versionTag(etag: string): string {
  if (S3_ETAG.test(etag) || TAG.test(etag)) return etag;
  return "v" + createHash("sha256").update(etag).digest("base64url").slice(0, 22);
}
