/**
 * One file to upload, from a file on disk, from a text, or made on demand.
 *
 * @module
 */

import type { OutputLocation } from "../../layout/output_location.ts";
import type { ByteSource } from "../backend.ts";
import { bytesSource, fileSource } from "../byte_source.ts";

/** Names of files that are often written to while they are uploaded. */
const GROWING = /(?:\.(?:log|out|err)|_log)$/;

/** One file to upload. */
export interface UploadItem {
  /** The destination. */
  readonly location: OutputLocation;
  /** The origin of the bytes, as text: a path on disk, or what they are made from. */
  readonly path: string;
  /** The size in bytes, if it is known in advance. */
  readonly size?: number;
  /** The SHA-256 that the bytes must have, 64 hex digits in lower case. */
  readonly sha256?: string;
  /** The origin of that hash, for messages: a path on disk. */
  readonly sha256From?: string;
  /** The content type. Default: by the location's name. */
  readonly contentType?: string;
  /**
   * Whether an existing object is kept, whatever its content, even if `ifExists` would replace it.
   */
  readonly keepsExisting?: boolean;
  /**
   * Whether the file may grow during the upload, like a log: then its initial content is uploaded,
   * with a warning.
   */
  readonly mayGrow?: boolean;
  /** Warnings for its result. Read when the bytes are available. */
  readonly warnings?: readonly string[];
  /**
   * The size of its sources in bytes, if it is made on demand. Such items are made one after the
   * other while earlier ones and other files are transferred.
   */
  readonly madeFrom?: number;
  /**
   * Makes the bytes available; the result is disposed of after the upload. `onMade` is called with
   * the number of source bytes processed since the last call.
   */
  open(
    signal?: AbortSignal,
    onMade?: (bytes: number) => void,
  ): Promise<ByteSource & Partial<AsyncDisposable>>;
  /** What a dry run checks instead of `open`, if `open` is expensive. */
  check?(signal?: AbortSignal): Promise<void>;
  /**
   * What to upload after this: the checksum file of an archive. In a dry run, the hash of bytes
   * that are not made yet is unknown.
   */
  followUp?(written: { readonly sha256?: string }): readonly UploadItem[];
}

/**
 * Creates an upload item from a file on disk.
 *
 * @param location The destination.
 * @param path The file.
 * @param more A required hash, a content type, follow-ups.
 * @returns The item.
 */
export function fileItem(
  location: OutputLocation,
  path: string,
  more: Partial<
    Pick<UploadItem, "size" | "sha256" | "sha256From" | "contentType" | "followUp">
  > = {},
): UploadItem {
  const mayGrow = more.sha256 === undefined && GROWING.test(location.name);
  return { location, path, ...more, mayGrow, open: () => fileSource(path, { mayGrow }) };
}

/**
 * Creates an upload item from a short text.
 *
 * @param location The destination.
 * @param text The content.
 * @param path The origin of the text, for messages.
 * @returns The item.
 */
export function textItem(location: OutputLocation, text: string, path: string): UploadItem {
  const source = bytesSource(text);
  return { location, path, size: source.size, open: () => Promise.resolve(source) };
}
