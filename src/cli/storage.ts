/**
 * Opens the storage of a command, from its options and the environment: a local directory if one is
 * given, otherwise S3.
 *
 * @module
 */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { diskError } from "../errors/disk.ts";
import { RunOutputsError } from "../errors/error.ts";
import type { OutputLocation } from "../layout/output_location.ts";
import { plural } from "../layout/words.ts";
import type { S3Backend } from "../storage/s3/backend.ts";
import type { S3BackendOptions } from "../storage/s3/settings.ts";
import { inputError } from "./local_inputs.ts";
import { type OpenStorage, reportsTo } from "./open_storage.ts";
import { checkOutputDir } from "./output_dir.ts";
import { S3_WRITE, type S3Options } from "./s3_options.ts";
import { openService } from "./service_storage.ts";
import type { Io } from "./terminal/io.ts";
import type { Output } from "./terminal/output.ts";

export type { OpenStorage };

/** The options that say where a command reads from. */
interface ReadOptions extends S3Options {
  readonly stagingDir?: string;
  readonly server?: string;
  readonly serverTokenFile?: string;
  readonly bucket?: string;
  readonly bucketB?: string;
  readonly sourceBucket?: string;
}

/**
 * Reports an error if listings skipped files, because the result is then incomplete.
 *
 * @param storage The storage that was listed.
 * @param verb What could not be done to all of it, such as `copy`.
 * @param where What was listed, for the message.
 * @param output Receives the message.
 * @returns How many files or directories were skipped.
 */
export function reportSkipped(
  { skipped }: OpenStorage,
  verb: string,
  where: string,
  output: Output,
): number {
  const count = skipped?.() ?? 0;
  if (count > 0) {
    output.error(`Could not ${verb} all of ${where}: ${plural(count, "file")} skipped, see above`);
  }
  return count;
}

/**
 * The storage that an upload writes to.
 *
 * @param options The values of `--output-dir`, `--dry-run` and the options for S3; whether files are
 * replaced, so that the permission to write is enough.
 * @param root The destination run.
 * @param io The environment.
 * @param output Receives notices of the storage.
 * @returns The storage.
 * @throws {RunOutputsError} `invalid`, if an option is invalid; `unauthenticated`, without
 * credentials for writing; or any other error that would fail every write.
 */
export async function openForUpload(
  options: S3Options & {
    readonly outputDir?: string;
    readonly dryRun?: boolean;
    readonly replaces?: boolean;
  },
  root: OutputLocation,
  io: Io,
  output: Output,
): Promise<OpenStorage> {
  warnUnencrypted(options, output);
  const storage = options.outputDir === undefined
    ? await openS3ForUpload(options, root, io, output)
    : await openLocal(await checkOutputDir(options.outputDir), output);
  return options.dryRun ? await withoutWrites(storage) : storage;
}

/**
 * Makes a storage that lets everything be read and nothing be changed, for a dry run.
 *
 * @param storage The storage.
 * @returns The same without writes.
 */
export async function withoutWrites(storage: OpenStorage): Promise<OpenStorage> {
  const { DryRunBackend } = await import("../storage/dry_run.ts");
  return { ...storage, backend: new DryRunBackend(storage.backend, undefined, storage.show) };
}

/** Reports options for new objects on S3 that have no effect in a local directory. */
function warnUnencrypted(
  { outputDir, ...options }: S3Options & { readonly outputDir?: string },
  output: Output,
): void {
  const unused = S3_WRITE.flatMap(([name, flag]) => options[name] === undefined ? [] : [flag]);
  if (outputDir === undefined || unused.length === 0) return;
  const has = unused.length === 1 ? "has" : "have";
  output.note(
    `${unused.join(" and ")} ${has} no effect: '${outputDir}', where the files go, is not on S3`,
  );
}

async function openS3ForUpload(
  options: S3Options & { readonly replaces?: boolean },
  root: OutputLocation,
  io: Io,
  output: Output,
): Promise<OpenStorage> {
  const storage = await openS3(options, io, output, (backend) => backend.requireAccess(root));
  if (!options.replaces) return storage;
  const { UnseenBackend } = await import("../storage/unseen.ts");
  let isReported = false;
  const backend = new UnseenBackend(storage.backend, (error) => {
    if (!isReported) {
      output.note(
        `not checked what is already there: ${error.message}; existing files that can't be read ` +
          "are replaced without a comparison",
      );
    }
    isReported = true;
  });
  return { ...storage, backend, unwrapped: storage.backend };
}

/**
 * The storage that a command reads from. A note reports options that have no effect.
 *
 * @param options The value of `--staging-dir` and the options for S3.
 * @param io The environment, for `$THEROCK_LOCAL_STAGING_DIR` and the AWS SDK's variables.
 * @param output Receives notices of the storage.
 * @returns The storage.
 * @throws {RunOutputsError} `not_found`, if the directory does not exist; `invalid`, if an option is
 * invalid.
 */
export async function openForReading(
  options: ReadOptions,
  io: Io,
  output: Output,
): Promise<OpenStorage> {
  noteUnused(options, io, output);
  return await openToRead(options, io, output);
}

/** Like {@linkcode openForReading}, without the note. */
export async function openToRead(
  options: ReadOptions,
  io: Io,
  output: Output,
): Promise<OpenStorage> {
  const { server } = options;
  rejectTwoPlaces(options);
  if (server !== undefined) return await openService({ ...options, server }, io, output);
  const dir = stagingDirOf(options, io);
  if (dir === undefined) return await openS3(options, io, output);
  return await openDirectory(dir, "staging directory", output);
}

/**
 * Rejects a service beside another place.
 *
 * @param options The values of the options.
 * @throws {RunOutputsError} `invalid`, if two places are given.
 */
export function rejectTwoPlaces(options: ReadOptions): void {
  if (options.server === undefined) return;
  const places = [["stagingDir", "--staging-dir"], ...S3_ONLY] as const;
  const other = places.find(([name]) => options[name] !== undefined && options[name] !== true);
  if (other !== undefined) {
    throw new RunOutputsError("invalid", `Cannot use --server with ${other[1]}: choose one`);
  }
}

/**
 * Opens an existing local directory.
 *
 * @param dir The directory.
 * @param what What it is, for messages.
 * @param output Receives notices of the storage.
 * @returns The storage.
 * @throws {RunOutputsError} If it does not exist: `not_found` for a place of runs, which is like one
 * without runs, else `invalid`; `invalid`, if it is not a directory.
 */
export async function openDirectory(
  dir: string,
  what: string,
  output: Output,
): Promise<OpenStorage> {
  const stat = await Deno.stat(dir).catch((error) => {
    const errorOf = what === "directory" || what === "copy" ? inputError : diskError;
    throw errorOf(`read the ${what}`, dir, error);
  });
  if (!stat.isDirectory) {
    throw new RunOutputsError("invalid", `Cannot read '${dir}': it is not a directory`);
  }
  return await openLocal(dir, output);
}

/**
 * Opens S3 for a command about unfinished uploads.
 *
 * @param options The options for S3, and the value of `--staging-dir`, which is rejected.
 * @param io The environment.
 * @param output Receives notices of the storage.
 * @param changed The run, if the command deletes unfinished uploads.
 * @returns The storage.
 * @throws {RunOutputsError} `invalid`, if an option is invalid; `unauthenticated`, without
 * credentials for deleting.
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
      `Cannot list unfinished uploads of '${dir}' (${named}): only S3 has them, and in a local ` +
        `directory the next upload cleans up; ${remedy}`,
    );
  }
  return await openS3(options, io, output, async (backend) => {
    if (changed !== undefined) await backend.requireCredentials(changed, "delete uploads under");
  });
}

/**
 * The staging directory from the option or the environment.
 *
 * @param options The values of `--staging-dir` and `--server`.
 * @param io The environment.
 * @returns The directory, if one is given, and no service.
 */
export function stagingDirOf(
  options: { readonly stagingDir?: string; readonly server?: string },
  io: Io,
): string | undefined {
  if (options.server !== undefined) return undefined;
  return options.stagingDir ?? (io.env("THEROCK_LOCAL_STAGING_DIR") || undefined);
}

/**
 * The local directory that an upload writes to instead of S3. With `$THEROCK_LOCAL_STAGING_DIR` set
 * for a local trial, nothing must be uploaded to S3. A note reports options that have no effect.
 *
 * @param options The value of `--output-dir` and the options for S3.
 * @param io The environment.
 * @param output Receives the note.
 * @returns The directory, if there is one.
 */
export function outputDirOf(
  { outputDir: stagingDir, ...options }:
    & Omit<ReadOptions, "stagingDir">
    & { readonly outputDir?: string },
  io: Io,
  output: Output,
): string | undefined {
  noteUnused({ ...options, stagingDir }, io, output, "--output-dir");
  return stagingDirOf({ stagingDir }, io);
}

/** Options that have no effect when a run is in a local directory. */
const S3_ONLY = [
  ["bucket", "--bucket"],
  ["bucketB", "--bucket-b"],
  ["sourceBucket", "--source-bucket"],
  ["endpointUrl", "--endpoint-url"],
  ["region", "--region"],
  ["profile", "--profile"],
  ["signRequest", "--no-sign-request"],
  ["requestPayer", "--request-payer"],
] as const;

/**
 * Reports options that have no effect because `$THEROCK_LOCAL_STAGING_DIR` is set. The user may not
 * remember the variable.
 *
 * @param options The values of the options.
 * @param io The environment.
 * @param output Receives the note.
 * @param flag The option that names a directory.
 */
export function noteUnused(
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
    `${unused.join(" and ")} ${has} no effect: '${dir}' ($THEROCK_LOCAL_STAGING_DIR) is used; ` +
      `unset the variable to use S3, or give ${flag}`,
  );
}

async function openLocal(dir: string, output: Output): Promise<OpenStorage> {
  const { LocalBackend } = await import("../storage/local/local.ts");
  let skipped = 0;
  const onNotice = (message: string) => {
    skipped++;
    output.warn(message);
  };
  const backend = new LocalBackend(dir, { onNotice });
  return {
    backend,
    kind: "directory",
    dir: backend.stagingDir,
    skipped: () => skipped,
    show: (location) => location.localPath(backend.stagingDir),
    url: (location) => pathToFileURL(location.localPath(backend.stagingDir)).href,
    [Symbol.dispose]: () => {},
  };
}

/**
 * Opens S3.
 *
 * @param options The options for S3.
 * @param io The environment.
 * @param output Receives notices of the storage.
 * @param check Called first; throws if the storage can't be used.
 * @returns The storage.
 */
export async function openS3(
  options: S3Options,
  io: Io,
  output: Output,
  check?: (backend: S3Backend) => Promise<void>,
): Promise<OpenStorage & { readonly backend: S3Backend }> {
  const { openS3: open } = await import("../storage/open_s3.ts");
  const { skipped, ...reports } = reportsTo(output, io);
  const backend = await open({ ...s3BackendOptions(options, io), ...reports });
  try {
    // Report such an error once, not once per file.
    await check?.(backend);
  } catch (error) {
    backend[Symbol.dispose]();
    throw error;
  }
  return {
    backend,
    kind: "s3",
    skipped,
    show: (location) => location.s3Uri,
    url: (location) => backend.publicUrl(location),
    presignedUrl: (location, seconds) => backend.presignedUrl(location, seconds),
    [Symbol.dispose]: () => backend[Symbol.dispose](),
  };
}

/**
 * The options of the S3 driver, without those that report.
 *
 * @param options The options for S3.
 * @param io The environment.
 * @returns The driver's options.
 */
export function s3BackendOptions(options: S3Options, io: Io): S3BackendOptions {
  const { endpointUrl, region, profile, signRequest, requestPayer, partSize } = options;
  const { sse, sseKmsKeyId, acl } = options;
  return {
    endpointUrl,
    region,
    profile,
    noSignRequest: signRequest === false,
    requestPayer,
    sse,
    sseKmsKeyId,
    acl,
    partSize,
    env: (name) => io.env(name) || undefined,
    journalDir: uploadJournals(io),
  };
}

/**
 * The directory for the journals with which the next upload resumes a killed one: in the user's
 * state directory.
 *
 * @param io The environment.
 * @returns The directory; `undefined`, if the environment does not name one.
 */
export function uploadJournals(io: Io): string | undefined {
  const windows = Deno.build.os === "windows";
  const home = io.env("HOME") || undefined;
  const base = windows
    ? io.env("LOCALAPPDATA") || undefined
    : io.env("XDG_STATE_HOME") || (home && join(home, ".local", "state"));
  return base && join(base, "run-outputs", "uploads");
}
