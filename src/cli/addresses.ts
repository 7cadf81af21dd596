/**
 * The addresses of files in the JSON form of results. No other file makes them.
 *
 * @module
 */

import type { OutputLocation } from "../layout/output_location.ts";
import type { OpenStorage } from "./open_storage.ts";
import type { S3Options } from "./s3_options.ts";
import type { Io } from "./terminal/io.ts";

/** Where a file is, in the forms that its storage has. */
export interface Addresses {
  /** The S3 URI, on Amazon or on another S3 server; only on S3. */
  readonly s3_uri?: string;
  /** The URL on the server that holds it; `http:` if the server has no other. Not in a directory. */
  readonly https_url?: string;
  /** The path in the staging directory; only there. */
  readonly local_path?: string;
}

/** What addresses depend on. */
export type Addressed = Pick<OpenStorage, "kind" | "show" | "url">;

/** Amazon, or the server of the options, for commands that name S3 and nothing else. */
export const ON_S3: Pick<OpenStorage, "kind"> = { kind: "s3" };

/**
 * The addresses of a location. What its storage does not have is missing.
 *
 * @param storage The storage.
 * @param location The location.
 * @returns Its addresses.
 */
export function addresses(storage: Addressed, location: OutputLocation): Addresses {
  const { kind, show, url } = storage;
  if (kind === "directory") return { local_path: show(location) };
  return { s3_uri: s3UriIn(storage, location), https_url: url(location) };
}

/**
 * The S3 URI of a location.
 *
 * @param storage The storage; `undefined` if none was opened.
 * @param location The location.
 * @returns The URI; `undefined` if the storage is not S3.
 */
export function s3UriIn(
  storage: Pick<OpenStorage, "kind"> | undefined,
  location: OutputLocation,
): string | undefined {
  return storage?.kind === "s3" ? location.s3Uri : undefined;
}

/**
 * The URL of a location on S3, without opening it.
 *
 * @param location The location.
 * @param options The options that name the server.
 * @param io The environment.
 * @returns The URL, as an opened S3 has it before it knows the bucket's region.
 * @throws {RunOutputsError} `invalid`, naming the option or variable, if a value is invalid.
 */
export async function s3Url(
  location: OutputLocation,
  { endpointUrl, region, profile }: S3Options,
  io: Io,
): Promise<string> {
  const { publicUrls } = await import("../storage/open_s3.ts");
  const env = (name: string) => io.env(name) || undefined;
  return (await publicUrls({ endpointUrl, region, profile, env }))(location);
}
