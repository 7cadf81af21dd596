/**
 * Which storage a command works on, from its options and the environment.
 *
 * @module
 */

import { diskError } from "../layout/disk_error.ts";
import { RunOutputsError } from "../layout/error.ts";
import type { OutputLocation } from "../layout/output_location.ts";
import type { StorageBackend } from "../storage/backend.ts";
import type { Io } from "./io.ts";

/** An open storage. */
export interface OpenStorage {
  /** The storage. */
  readonly backend: StorageBackend;
  /** The local directory it is in. */
  readonly dir: string;
  /**
   * Where a location is, for people.
   *
   * @param location The location.
   * @returns A path on disk.
   */
  show(location: OutputLocation): string;
}

/**
 * The storage that an upload writes to.
 *
 * @param options The values of `--output-dir` and `--dry-run`.
 * @returns The storage.
 * @throws {RunOutputsError} `invalid`, if there is no `--output-dir`.
 */
export async function openForUpload(
  options: { readonly outputDir?: string; readonly dryRun?: boolean },
): Promise<OpenStorage> {
  if (options.outputDir === undefined) {
    throw new RunOutputsError(
      "invalid",
      "Cannot upload to S3: this version writes to local directories only; give --output-dir DIR",
    );
  }
  const storage = await openLocal(options.outputDir);
  if (!options.dryRun) return storage;
  const { DryRunBackend } = await import("../storage/dry_run.ts");
  return { ...storage, backend: new DryRunBackend(storage.backend) };
}

/**
 * The storage that a command reads from.
 *
 * @param options The value of `--staging-dir`.
 * @param io The environment, for `$THEROCK_LOCAL_STAGING_DIR`.
 * @returns The storage.
 * @throws {RunOutputsError} `invalid`, if there is no directory given; `not_found`, if it does not
 * exist.
 */
export async function openForReading(
  options: { readonly stagingDir?: string },
  io: Io,
): Promise<OpenStorage> {
  const dir = stagingDirOf(options, io);
  if (dir === undefined) {
    throw new RunOutputsError(
      "invalid",
      "Cannot read from S3: this version reads local directories only; give --staging-dir DIR " +
        "or set THEROCK_LOCAL_STAGING_DIR",
    );
  }
  const stat = await Deno.stat(dir).catch((error) => {
    throw diskError("read the staging directory", dir, error);
  });
  if (!stat.isDirectory) {
    throw new RunOutputsError("invalid", `Cannot read '${dir}': it is not a directory`);
  }
  return await openLocal(dir);
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

async function openLocal(dir: string): Promise<OpenStorage> {
  const { LocalBackend } = await import("../storage/local.ts");
  const backend = new LocalBackend(dir);
  return { backend, dir: backend.stagingDir, show: (at) => at.localPath(backend.stagingDir) };
}
