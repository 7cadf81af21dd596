/**
 * The location of one output: what layout passes to storage.
 *
 * @module
 */

import { invalid } from "../errors/error.ts";
import { encodeWindowsName } from "./local_name.ts";
import { checkBucket, checkKey } from "./validate.ts";

/** Options of {@linkcode OutputLocation.localPath}. */
export interface LocalPathOptions {
  /** Whether the path is for Windows: `\` and encoded names. Default: this system. */
  readonly windows?: boolean;
}

/**
 * A bucket and a key, in any kind of storage. Immutable.
 *
 * A location names an object or, as a prefix of whole segments, everything below it. The empty key
 * is the bucket itself.
 *
 * @example
 * ```ts
 * import { OutputLocation } from "@therock/run-outputs";
 *
 * const location = new OutputLocation("therock-ci-artifacts", "123-linux/a+b.tar.zst");
 * console.assert(location.s3Uri === "s3://therock-ci-artifacts/123-linux/a+b.tar.zst");
 * console.assert(
 *   location.httpsUrl === "https://therock-ci-artifacts.s3.amazonaws.com/123-linux/a%2Bb.tar.zst",
 * );
 * ```
 */
export class OutputLocation {
  /** The bucket's name. */
  readonly bucket: string;
  /** The key in the bucket, segments joined by `/`, without a leading or trailing one. */
  readonly key: string;

  /**
   * Creates a location.
   *
   * @param bucket The bucket's name.
   * @param key The key; empty for the bucket itself.
   * @throws {RunOutputsError} `invalid`, naming the field and the value.
   */
  constructor(bucket: string, key: string) {
    this.bucket = checkBucket("bucket", bucket);
    this.key = checkKey("key", key);
    Object.freeze(this);
  }

  /**
   * Parses an `s3://bucket/key` URI; a trailing `/` is allowed and dropped.
   *
   * @param uri The URI. The key is not percent-encoded.
   * @returns The location.
   * @throws {RunOutputsError} `invalid`, if it is not such a URI.
   */
  static fromS3Uri(uri: string): OutputLocation {
    const match = /^s3:\/\/([^/]+)(?:\/(.*))?$/s.exec(uri);
    if (match === null) throw invalid("S3 URI", uri, "s3://BUCKET/KEY");
    return new OutputLocation(match[1], (match[2] ?? "").replace(/(?<=[^/])\/$/, ""));
  }

  /** The `s3://bucket/key` URI, with the key unencoded, as aws-cli expects it. */
  get s3Uri(): string {
    return this.key === "" ? `s3://${this.bucket}` : `s3://${this.bucket}/${this.key}`;
  }

  /**
   * The public URL on Amazon S3, each byte of the key outside `A-Za-z0-9-._~/` percent-encoded
   * (AWS's UriEncode rule): a raw `+` in a URL is a different key to S3.
   */
  get httpsUrl(): string {
    return `https://${this.bucket}.s3.amazonaws.com/${uriEncodeKey(this.key)}`;
  }

  /** The last segment of the key; empty for the bucket itself. */
  get name(): string {
    return this.key.slice(this.key.lastIndexOf("/") + 1);
  }

  /** The location one segment up; for a key of one segment, and for the bucket itself, the bucket. */
  get parent(): OutputLocation {
    return new OutputLocation(
      this.bucket,
      this.key.slice(0, Math.max(0, this.key.lastIndexOf("/"))),
    );
  }

  /**
   * The path of this location in a staging directory. The path does not contain the bucket: a
   * staging directory can mirror any bucket.
   *
   * @param stagingDir The staging directory, relative or absolute; empty for the current one.
   * @param options The system of the path.
   * @returns The staging directory with the key appended. On Windows the names are encoded with
   * {@linkcode encodeWindowsName}.
   */
  localPath(stagingDir: string, options: LocalPathOptions = {}): string {
    const windows = options.windows ?? Deno.build.os === "windows";
    const separator = windows ? "\\" : "/";
    const base = stagingDir.replace(windows ? /(?<=[^:\\/])[\\/]+$/ : /(?<=[^/])\/+$/, "");
    if (this.key === "") return base === "" ? "." : base;
    const names = this.key.split("/");
    const path = (windows ? names.map(encodeWindowsName) : names).join(separator);
    const open = windows ? /^$|^[A-Za-z]:$|[\\/]$/ : /^$|\/$/;
    return open.test(base) ? base + path : base + separator + path;
  }

  /**
   * A location below this one.
   *
   * @param relative A relative key: one or more segments joined by `/`.
   * @returns The location of `relative` below this one, never outside of it.
   * @throws {RunOutputsError} `invalid`, if `relative` is empty or has an invalid segment.
   */
  join(relative: string): OutputLocation {
    if (relative === "") throw invalid("relative key", relative, "at least one name");
    try {
      return new OutputLocation(
        this.bucket,
        this.key === "" ? relative : `${this.key}/${relative}`,
      );
    } catch (error) {
      // What is wrong with it is said of the part that was given.
      checkKey("relative key", relative);
      throw error;
    }
  }

  /**
   * This location's key relative to a location above it, by whole segments.
   *
   * @param above A location in the same bucket.
   * @returns The relative key; empty if both are the same; `undefined` if this is not inside.
   */
  relativeTo(above: OutputLocation): string | undefined {
    if (above.bucket !== this.bucket) return undefined;
    if (above.key === this.key) return "";
    const prefix = above.key === "" ? "" : `${above.key}/`;
    return this.key.startsWith(prefix) ? this.key.slice(prefix.length) : undefined;
  }

  /**
   * Whether two locations are equal.
   *
   * @param other The other location.
   * @returns `true`, if bucket and key are equal.
   */
  equals(other: OutputLocation): boolean {
    return this.bucket === other.bucket && this.key === other.key;
  }

  /** The same as {@linkcode OutputLocation.s3Uri}, for messages. */
  toString(): string {
    return this.s3Uri;
  }
}

/**
 * Percent-encodes a key by AWS's UriEncode rule, `/` kept.
 *
 * Source: "Create a signed AWS API request", function `UriEncode`, in the AWS IAM user guide.
 *
 * @param key A key.
 * @returns The key with every byte of its UTF-8 outside `A-Za-z0-9-._~/` as `%XX`.
 */
export function uriEncodeKey(key: string): string {
  return encodeURIComponent(key)
    .replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/%2F/g, "/");
}
