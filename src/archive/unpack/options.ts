/**
 * Options, limits and results of an `Unpacker`.
 *
 * @module
 */

import type { UnpackMode } from "./extract.ts";
import { MAX_RATIO, RATIO_FROM } from "../compression/ratio.ts";
import { MAX_MEMORY } from "../compression/zstd_frames.ts";
import type { PathStyle } from "../tar/member_path.ts";

export type { UnpackMode };

/** Limits above which an archive is rejected, each for one archive. */
export interface UnpackLimits {
  /**
   * Members, including directories and links. Default: a million; large real archives have 50,000.
   */
  readonly maxMembers: number;
  /** Unpacked bytes. Default: 128 GiB; large real archives have 30 GB. */
  readonly maxBytes: number;
  /**
   * Unpacked bytes per byte of the archive. Default: 500; real archives have 3 to 20, bombs 1,000
   * and more.
   */
  readonly maxRatio: number;
  /**
   * Archives that unpack to no more bytes may have any ratio. Default: 512 MiB, because small
   * archives of sparse data are real.
   */
  readonly ratioFrom: number;
  /**
   * Memory for decoding zstd, in bytes: the window of the compression. Default: 128 MiB, which is
   * enough for everything except `zstd --long=28` to `--long=31`.
   */
  readonly maxMemory: number;
}

/** The default limits. */
export const UNPACK_LIMITS: UnpackLimits = {
  maxMembers: 1_000_000,
  maxBytes: 128 * 1024 ** 3,
  maxRatio: MAX_RATIO,
  ratioFrom: RATIO_FROM,
  maxMemory: MAX_MEMORY,
};

/** Progress of unpacking. */
export interface UnpackEvent {
  /** The archive's file name. */
  readonly name: string;
  /** The number of bytes unpacked since the last event. */
  readonly bytes: number;
}

/** Options of `Unpacker.open`. */
export interface UnpackOptions {
  /** How names of members are mapped to paths. */
  readonly mode: UnpackMode;
  /** The output directory; created if it does not exist. */
  readonly outputDir: string;
  /**
   * The directory to unpack to first: on the same file system as `outputDir`, and the same for each
   * run with this `outputDir`, because it has what is needed to undo the changes of a killed run.
   * It is created in an existing directory, and deleted at the end.
   */
  readonly stagingDir: string;
  /** Limits above which an archive is rejected. */
  readonly limits?: Partial<UnpackLimits>;
  /** The number of archives unpacked at the same time. Default: one per processor. */
  readonly workers?: number;
  /** The system whose rules apply to names. Default: this system. */
  readonly style?: PathStyle;
  /** Whether workers get restricted permissions. Default: where that certainly works. */
  readonly narrowWorkers?: boolean;
  /**
   * Called at the end with what cannot be deleted from the staging directory, and why. The target
   * is complete nevertheless; the next unpacker with this staging directory tries again.
   */
  readonly onLeft?: (error: Error) => void;
  /**
   * Called with one line if an earlier run was killed while it changed the target: how many changes
   * were undone, and what was changed by others since and therefore kept.
   */
  readonly onUndone?: (text: string) => void;
  /** Called with progress. */
  readonly onEvent?: (event: UnpackEvent) => void;
  /** Aborts unpacking. */
  readonly signal?: AbortSignal;
}

/** An archive to unpack. */
export interface UnpackJob {
  /** Its path on disk. */
  readonly path: string;
  /**
   * Its file name as an artifact, which determines the compression, and the directory in mode
   * `extract`.
   */
  readonly name: string;
  /**
   * Whether its hash was verified. Then the checks inside .xz files are skipped. Default: `false`.
   */
  readonly verified?: boolean;
}

/** The result of unpacking an archive. */
export interface Unpacked {
  /** Its file name. */
  readonly name: string;
  /** The number of its members. */
  readonly members: number;
  /** The number of files, including hard links. */
  readonly files: number;
  /** Their total size. */
  readonly bytes: number;
  /** The duration in seconds, without waiting for a worker. */
  readonly seconds: number;
  /** What is created in the target: its directory or, in the other modes, the target itself. */
  readonly directory: string;
}
