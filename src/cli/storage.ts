/**
 * Which storage a command works on, from its options and the environment: a local directory where
 * one is named, else S3.
 *
 * @module
 */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { diskError } from "../errors/disk.ts";
import { RunOutputsError } from "../errors/error.ts";
import type { OutputLocation } from "../layout/output_location.ts";
import { plural } from "../layout/words.ts";
import type { StorageBackend } from "../storage/backend.ts";
import type { S3Backend } from "../storage/s3/backend.ts";
import type { Io } from "./terminal/io.ts";
import type { Output } from "./terminal/output.ts";

/** The values of the options for S3. */
export interface S3Options {
  readonly endpointUrl?: string;
  readonly region?: string;
  readonly profile?: string;
  /** `false` with `--no-sign-request`. */
  readonly signRequest?: boolean;
  readonly partSize?: number;
}

/** The options that say where a command reads from. */
interface ReadOptions extends S3Options {
  readonly stagingDir?: string;
  readonly bucket?: string;
  readonly bucketB?: string;
  readonly sourceBucket?: string;
}

/** An open storage. */
export interface OpenStorage extends Disposable {
  /** The storage. */
  readonly backend: StorageBackend;
  /** The local directory it is in, if it is in one. */
  readonly dir?: string;
  /**
   * Of a local directory: how many files its lists had to leave out, for their names. Each was told
   * as a warning.
   */
  passedOver?(): number;
  /**
   * Where a location is, for people.
   *
   * @param location The location.
   * @returns A path on disk, or an S3 URI.
   */
  show(location: OutputLocation): string;
  /**
   * Where a location can be looked at in a browser.
   *
   * @param location The location.
   * @returns A URL: of the server, or of a file.
   */
  url(location: OutputLocation): string;
}

/**
 * Tells as a failure that lists had to leave files out: what was done with them is not all.
 *
 * @param storage The storage that was listed.
 * @param verb What is not done with all of it: `copy`.
 * @param where What was listed, for people.
 * @param output Where to.
 * @returns How many files or directories were left out.
 */
export function tellPassedOver(
  { passedOver }: OpenStorage,
  verb: string,
  where: string,
  output: Output,
): number {
  const count = passedOver?.() ?? 0;
  if (count > 0) {
    const verbed = count === 1 ? "is passed over" : "are passed over";
    output.error(`Could not ${verb} all of ${where}: ${plural(count, "name")} ${verbed}`);
  }
  return count;
}

/**
 * The storage that an upload writes to.
 *
 * @param options The values of `--output-dir`, `--dry-run` and the options for S3.
 * @param root The run that is written.
 * @param io The environment.
 * @param output Where notices of the storage go.
 * @returns The storage.
 * @throws {RunOutputsError} `invalid`, if one of the options is no good; `unauthenticated`, if
 * there are no credentials to write with; whatever else stops every write.
 */
export async function openForUpload(
  options: S3Options & { readonly outputDir?: string; readonly dryRun?: boolean },
  root: OutputLocation,
  io: Io,
  output: Output,
): Promise<OpenStorage> {
  const storage = options.outputDir === undefined
    ? await openS3(options, io, output, (backend) => backend.requireAccess(root))
    : await openLocal(await checkOutputDir(options.outputDir), output);
  if (!options.dryRun) return storage;
  const { DryRunBackend } = await import("../storage/dry_run.ts");
  return { ...storage, backend: new DryRunBackend(storage.backend, undefined, storage.show) };
}

/**
 * Refuses an output directory that is a file, or below one. It need not be there.
 *
 * @param dir The directory.
 * @returns The directory.
 * @throws {RunOutputsError} `invalid`; or what else the disk says.
 */
export async function checkOutputDir(dir: string): Promise<string> {
  const stat = await Deno.stat(dir).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw diskError("read the output directory", dir, error);
  });
  if (stat?.isDirectory ?? true) return dir;
  throw new RunOutputsError(
    "invalid",
    `Cannot write to '${dir}': it is not a directory`,
  );
}

/**
 * The storage that a command reads from. A note tells of options that have no effect there.
 *
 * @param options The value of `--staging-dir` and the options for S3.
 * @param io The environment, for `$THEROCK_LOCAL_STAGING_DIR` and what the AWS SDK reads.
 * @param output Where notices of the storage go.
 * @returns The storage.
 * @throws {RunOutputsError} `not_found`, if the directory does not exist; `invalid`, if one of the
 * options is no good.
 */
export async function openForReading(
  options: ReadOptions,
  io: Io,
  output: Output,
): Promise<OpenStorage> {
  tellUnused(options, io, output);
  return await openToRead(options, io, output);
}

/** As {@linkcode openForReading}, without the note. */
export async function openToRead(
  options: ReadOptions,
  io: Io,
  output: Output,
): Promise<OpenStorage> {
  const dir = stagingDirOf(options, io);
  if (dir === undefined) return await openS3(options, io, output);
  return await openDirectory(dir, "staging directory", output);
}

/**
 * A directory on disk that is there already.
 *
 * @param dir The directory.
 * @param what What it is, for messages.
 * @param output Where notices of the storage go.
 * @returns The storage.
 * @throws {RunOutputsError} `not_found`, if it does not exist; `invalid`, if it is no directory.
 */
export async function openDirectory(
  dir: string,
  what: string,
  output: Output,
): Promise<OpenStorage> {
  const stat = await Deno.stat(dir).catch((error) => {
    throw diskError(`read the ${what}`, dir, error);
  });
  if (!stat.isDirectory) {
    throw new RunOutputsError("invalid", `Cannot read '${dir}': it is not a directory`);
  }
  return await openLocal(dir, output);
}

/**
 * S3, for a command about what is in no list of objects.
 *
 * @param options The options for S3, and the value of `--staging-dir`, which is refused.
 * @param io The environment.
 * @param output Where notices of the storage go.
 * @param changed The run, if something of it is to be removed.
 * @returns The storage.
 * @throws {RunOutputsError} `invalid`, if one of the options is no good; `unauthenticated`, if
 * there are no credentials to remove with.
 */
export async function openUploads(
  options: S3Options & { readonly stagingDir?: string },
  io: Io,
  output: Output,
  changed: OutputLocation | undefined,
): Promise<{ readonly backend: S3Backend } & Disposable> {
  const dir = stagingDirOf(options, io);
  if (dir !== undefined) {
    const [named, remedy] = options.stagingDir === undefined
      ? ["$THEROCK_LOCAL_STAGING_DIR", "unset it"]
      : ["--staging-dir", "leave it out"];
    throw new RunOutputsError(
      "invalid",
      `Cannot look for unfinished uploads in '${dir}' (${named}): only S3 has them, a local ` +
        `directory is cleaned by the next upload; ${remedy}`,
    );
  }
  return await openS3(options, io, output, async (backend) => {
    if (changed !== undefined) await backend.requireCredentials(changed, "remove uploads below");
  });
}

/**
 * The staging directory that the user named.
 *
 * @param options The value of `--staging-dir`.
 * @param io The environment.
 * @returns The directory, if there is one.
 */
export function stagingDirOf(
  options: { readonly stagingDir?: string },
  io: Io,
): string | undefined {
  return options.stagingDir ?? (io.env("THEROCK_LOCAL_STAGING_DIR") || undefined);
}

/**
 * The directory that an upload writes to in place of S3. What is tried locally, with
 * `$THEROCK_LOCAL_STAGING_DIR`, must not upload for real. A note tells of options that have no
 * effect there.
 *
 * @param options The value of `--output-dir` and the options for S3.
 * @param io The environment.
 * @param output Where the note goes.
 * @returns The directory, if there is one.
 */
export function outputDirOf(
  { outputDir: stagingDir, ...options }:
    & Omit<ReadOptions, "stagingDir">
    & { readonly outputDir?: string },
  io: Io,
  output: Output,
): string | undefined {
  tellUnused({ ...options, stagingDir }, io, output, "--output-dir");
  return stagingDirOf({ stagingDir }, io);
}

/** The options that mean nothing where a run is in a directory. */
const S3_ONLY = [
  ["bucket", "--bucket"],
  ["bucketB", "--bucket-b"],
  ["sourceBucket", "--source-bucket"],
  ["endpointUrl", "--endpoint-url"],
  ["region", "--region"],
  ["profile", "--profile"],
  ["signRequest", "--no-sign-request"],
] as const;

/**
 * Tells which of the options that were given have no effect because `$THEROCK_LOCAL_STAGING_DIR` is
 * set: whoever gives them does not think of it.
 *
 * @param options The values of the options.
 * @param io The environment.
 * @param output Where to.
 * @param flag The option that names a directory.
 */
export function tellUnused(
  options: ReadOptions,
  io: Io,
  output: Output,
  flag = "--staging-dir",
): void {
  const dir = stagingDirOf(options, io);
  if (dir === undefined || options.stagingDir !== undefined) return;
  const unused = S3_ONLY.flatMap(([name, flag]) => {
    const value = options[name];
    return value === undefined || value === true ? [] : [flag];
  });
  if (unused.length === 0) return;
  const has = unused.length === 1 ? "has" : "have";
  output.note(
    `'${dir}' ($THEROCK_LOCAL_STAGING_DIR) is used: ${unused.join(" and ")} ${has} no effect ` +
      `there; unset the variable, or give ${flag}`,
  );
}

async function openLocal(dir: string, output: Output): Promise<OpenStorage> {
  const { LocalBackend } = await import("../storage/local/local.ts");
  let passedOver = 0;
  const onNotice = (message: string) => {
    passedOver++;
    output.warn(message);
  };
  const backend = new LocalBackend(dir, { onNotice });
  return {
    backend,
    dir: backend.stagingDir,
    passedOver: () => passedOver,
    show: (location) => location.localPath(backend.stagingDir),
    url: (location) => pathToFileURL(location.localPath(backend.stagingDir)).href,
    [Symbol.dispose]: () => {},
  };
}

/**
 * S3.
 *
 * @param options The options for S3.
 * @param io The environment.
 * @param output Where notices of the storage go.
 * @param check Is asked first; it throws if the storage is of no use.
 * @returns The storage.
 */
export async function openS3(
  options: S3Options,
  io: Io,
  output: Output,
  check?: (backend: S3Backend) => Promise<void>,
): Promise<OpenStorage & { readonly backend: S3Backend }> {
  const { openS3: open } = await import("../storage/open_s3.ts");
  const { endpointUrl, region, profile, signRequest, partSize } = options;
  const backend = await open({
    endpointUrl,
    region,
    profile,
    noSignRequest: signRequest === false,
    partSize,
    env: (name) => io.env(name) || undefined,
    journalDir: stateDir(io, "uploads"),
    onNotice: (message) => output.warn(message),
    onRetry: (error) => output.explain(`trying again: ${error.message}`),
  });
  try {
    // One line, not one for each file.
    await check?.(backend);
  } catch (error) {
    backend[Symbol.dispose]();
    throw error;
  }
  return {
    backend,
    show: (location) => location.s3Uri,
    url: (location) => backend.publicUrl(location),
    [Symbol.dispose]: () => backend[Symbol.dispose](),
  };
}

/**
 * Where a killed transfer leaves what the next one needs to continue it: the user's own directory
 * for such things, if there is one.
 *
 * @param io The environment.
 * @param kind Of which transfers.
 * @returns The directory; `undefined` if the user has none.
 */
export function stateDir(io: Io, kind: "uploads" | "fetches"): string | undefined {
  const windows = Deno.build.os === "windows";
  const home = io.env("HOME") || undefined;
  const base = windows
    ? io.env("LOCALAPPDATA") || undefined
    : io.env("XDG_STATE_HOME") || (home && join(home, ".local", "state"));
  return base && join(base, "run-outputs", kind);
}
