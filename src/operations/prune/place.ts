/**
 * Where runs are deleted.
 *
 * @module
 */

import type { OutputLocation } from "../../layout/output_location.ts";
import type { RunPrefix } from "../../layout/run_output_root.ts";
import type { CallOptions } from "../../storage/backend.ts";
import type { StaleUpload } from "../../storage/s3/multipart.ts";
import type { StaleUploadDetails } from "../../storage/s3/stale_uploads.ts";
import type { RunIndex } from "../retained/run_index.ts";

/** The multipart uploads of a bucket. `S3Backend` has these methods. */
export interface StaleUploads {
  /** Lists them below a prefix. */
  listStaleUploads(prefix: OutputLocation, options?: CallOptions): AsyncIterable<StaleUpload>;
  /** Describes one; `undefined`, if it has ended. */
  describeStaleUpload(
    upload: StaleUpload,
    options?: CallOptions,
  ): Promise<StaleUploadDetails | undefined>;
  /** Aborts one; whether that succeeded. */
  abortStaleUpload(upload: StaleUpload): Promise<boolean>;
}

/** Where runs are deleted. */
export interface PrunePlace {
  /** The runs. */
  readonly index: RunIndex;
  /** The staging directory, if they are on a disk. */
  readonly directory?: string;
  /** The multipart uploads of a bucket. Default: those of S3, if the storage is that. */
  readonly uploads?: StaleUploads;
}

/**
 * The directory of a run on a disk.
 *
 * @param index The runs.
 * @param run The run.
 * @param directory The staging directory; empty for the path in it.
 * @returns Its path.
 */
export function directoryOf(index: RunIndex, run: RunPrefix, directory: string): string {
  return index.root(run).root().localPath(directory);
}
