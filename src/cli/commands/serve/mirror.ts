/**
 * `--allow-mirror` and `--mirror-source`: where `run-outputs serve` may mirror runs from.
 *
 * @module
 */

import { InvalidArgumentError } from "commander";
import { diskError } from "../../../errors/disk.ts";
import { quote, RunOutputsError } from "../../../errors/error.ts";
import type { MirrorSource } from "../../../service/mirror/mirror_run.ts";
import type { S3Options } from "../../s3_options.ts";
import { openService } from "../../service_storage.ts";
import { openDirectory, openS3 } from "../../storage.ts";
import type { Io } from "../../terminal/io.ts";
import type { Output } from "../../terminal/output.ts";

/** A source as it was given. */
export interface SourcePlace {
  /** Its name in requests. */
  readonly name: string;
  /** A bucket, the URL of a service, or a directory. */
  readonly place: string;
}

/** The values of the options. */
export interface MirrorOptions extends S3Options {
  readonly allowMirror?: boolean;
  readonly mirrorSource?: readonly SourcePlace[];
}

/** Reads `NAME=PLACE`. */
export function mirrorSource(
  value: string,
  previous: readonly SourcePlace[] = [],
): readonly SourcePlace[] {
  const [, name, place] = /^([A-Za-z0-9][A-Za-z0-9._-]*)=(.+)$/s.exec(value) ?? [];
  const isBucket = place?.startsWith("s3:") !== true || bucketOf(place) !== undefined;
  if (place === undefined || !isBucket) {
    throw new InvalidArgumentError("Expected NAME=s3://BUCKET, NAME=URL or NAME=DIRECTORY.");
  }
  if (previous.some((source) => source.name === name)) {
    throw new InvalidArgumentError(`The name ${quote(name)} is given twice.`);
  }
  return [...previous, { name, place }];
}

/**
 * The sources of a service.
 *
 * @param options The values of the options; those for S3 apply to all buckets.
 * @param dir The staging directory; `undefined`, if the runs are in a bucket.
 * @param io The environment.
 * @param output Receives notices of the sources.
 * @returns The sources; `undefined`, if runs may not be mirrored.
 * @throws {RunOutputsError} `invalid`, if an option is missing, or a directory is the staging directory;
 * `not_found`, if a directory does not exist.
 */
export async function sourcesOf(
  options: MirrorOptions,
  dir: string | undefined,
  io: Io,
  output: Output,
): Promise<readonly MirrorSource[] | undefined> {
  const { allowMirror = false, mirrorSource: places = [] } = options;
  const missing = (text: string) => new RunOutputsError("invalid", `Missing option ${text}`);
  if (!allowMirror) {
    if (places.length === 0) return undefined;
    throw missing("--allow-mirror: --mirror-source needs it");
  }
  if (places.length === 0) throw missing("--mirror-source <name=place>: --allow-mirror needs it");
  if (dir === undefined) {
    throw missing("--staging-dir <dir>: --allow-mirror needs it; runs in a bucket are read-only");
  }
  const sources: MirrorSource[] = [];
  for (const source of places) sources.push(await sourceOf(source, dir, options, io, output));
  return sources;
}

async function sourceOf(
  { name, place }: SourcePlace,
  dir: string,
  options: S3Options,
  io: Io,
  output: Output,
): Promise<MirrorSource> {
  const bucket = bucketOf(place);
  if (bucket !== undefined) return { name, bucket, open: () => openS3(options, io, output) };
  if (/^https?:\/\//i.test(place)) {
    const show = ({ key }: { readonly key: string }) => `${name}:${key}`;
    const open = () => openService({ server: place, show }, io, output);
    // An invalid URL is an error now, not one of each job.
    (await open())[Symbol.dispose]();
    return { name, bucket: "local", open };
  }
  const open = () => openDirectory(place, "mirror source", output);
  (await open())[Symbol.dispose]();
  if (await isSame(place, dir)) {
    throw new RunOutputsError(
      "invalid",
      `Cannot mirror from ${quote(place)} (--mirror-source ${name}): it is the staging directory`,
    );
  }
  return { name, bucket: "local", open };
}

async function isSame(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([one, other].map((path) =>
    Deno.realPath(path).catch((error) => {
      throw diskError("read", path, error);
    })
  ));
  return a === b;
}

function bucketOf(place: string): string | undefined {
  return /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\/?$/.exec(place)?.[1];
}
