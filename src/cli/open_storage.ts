/**
 * The storage of a command, with what its messages need.
 *
 * @module
 */

import type { OutputLocation } from "../layout/output_location.ts";
import type { StorageBackend } from "../storage/backend.ts";
import type { Io } from "./terminal/io.ts";
import type { Output } from "./terminal/output.ts";

/** An open storage. */
export interface OpenStorage extends Disposable {
  /** The storage. */
  readonly backend: StorageBackend;
  /** The storage as it is, if `backend` counts objects that may not be read as missing. */
  readonly unwrapped?: StorageBackend;
  /** What it is. A directory also has `dir`. */
  readonly kind: "s3" | "directory" | "service";
  /** The local directory it is in, if it is in one. */
  readonly dir?: string;
  /**
   * How many files the listings skipped because of their names. A warning reports each.
   */
  skipped?(): number;
  /**
   * Formats a location for messages.
   *
   * @param location The location.
   * @returns A path on disk, or an S3 URI.
   */
  show(location: OutputLocation): string;
  /**
   * The URL of a location, for a browser.
   *
   * @param location The location.
   * @returns The URL on the server that holds it, or a `file:` URL.
   */
  url(location: OutputLocation): string;
  /**
   * A URL that lets anybody read a file on S3 for a while.
   *
   * @param location The file.
   * @param seconds For how long.
   * @returns The URL, with a signature if requests are signed.
   */
  presignedUrl?(location: OutputLocation, seconds: number): Promise<string>;
}

/** The outputs of commands that have said that a server is out of reach. */
const SLOW = new WeakSet<Output>();

/**
 * The reports of the driver for S3.
 *
 * @param output Receives them.
 * @param io Calls functions later.
 * @returns The driver's options for reports, and how many objects its listings have skipped so far.
 */
export function reportsTo(output: Output, io: Pick<Io, "schedule">) {
  let count = 0;
  return {
    skipped: () => count,
    onNotice: (message: string) => output.warn(message),
    onSkipped(message: string) {
      count++;
      output.warn(message);
    },
    onRetry: (error: Error) => output.explain(`retrying: ${error.message}`),
    onSlow(text: string) {
      if (!SLOW.has(output)) output.note(text);
      SLOW.add(output);
    },
    schedule: io.schedule?.bind(io),
  };
}
