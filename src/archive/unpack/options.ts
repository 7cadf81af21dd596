/**
 * What an `Unpacker` is told, and what it tells.
 *
 * @module
 */

import type { UnpackMode } from "./extract.ts";
import { MAX_RATIO, RATIO_FROM } from "../compression/ratio.ts";
import { MAX_MEMORY } from "../compression/zstd_frames.ts";
import type { PathStyle } from "../tar/member_path.ts";

export type { UnpackMode };

/** When an archive is refused because it is too large, each for one archive. */
export interface UnpackLimits {
  /** Members, directories and links included. Default: a million; large real ones have 50,000. */
  readonly maxMembers: number;
  /** Bytes that it unpacks to. Default: 128 GiB; large real ones have 30 GB. */
  readonly maxBytes: number;
  /**
   * Bytes that it unpacks to for each of its own. Default: 500; real ones have 3 to 20, bombs
   * 1,000 and more.
   */
  readonly maxRatio: number;
  /**
   * Up to so many bytes, an archive may have any ratio. Default: 512 MiB; small archives of sparse
   * data are real.
   */
  readonly ratioFrom: number;
  /**
   * Bytes of memory that decoding zstd takes: the window it was compressed with. Default: 128 MiB,
   * which is enough for all but `zstd --long=28` to `--long=31`.
   */
  readonly maxMemory: number;
}

/** The limits that hold unless others are given. */
export const UNPACK_LIMITS: UnpackLimits = {
  maxMembers: 1_000_000,
  maxBytes: 128 * 1024 ** 3,
  maxRatio: MAX_RATIO,
  ratioFrom: RATIO_FROM,
  maxMemory: MAX_MEMORY,
};

/** Progress of an unpacking. */
export interface UnpackEvent {
  /** The archive's file name. */
  readonly name: string;
  /** How many bytes more were unpacked. */
  readonly bytes: number;
}

/** Options of `Unpacker.open`. */
export interface UnpackOptions {
  /** How archives are unpacked. */
  readonly mode: UnpackMode;
  /** The directory that they are unpacked to; made if it is not there. */
  readonly outputDir: string;
  /**
   * Where they are unpacked first: on the same file system as `outputDir`, and the same for each
   * run into it, because what a killed one left half done is taken back from there. It is made, and
   * removed in the end.
   */
  readonly stagingDir: string;
  /** Limits above which an archive is rejected. */
  readonly limits?: Partial<UnpackLimits>;
  /** How many archives are unpacked at once. Default: one for each processor. */
  readonly workers?: number;
  /** Whose rules names follow. Default: this system's. */
  readonly style?: PathStyle;
  /** Whether workers get permissions of their own. Default: where that is certain to work. */
  readonly narrowWorkers?: boolean;
  /**
   * Told in the end what of the staging directory can't be removed, and why. The target is as it
   * should be all the same; the next unpacker with this staging directory tries again.
   */
  readonly onLeft?: (error: Error) => void;
  /**
   * Told, in one line, that an earlier run was killed while it changed the target: how many changes
   * were undone, and what someone has changed since and was left as it is.
   */
  readonly onUndone?: (text: string) => void;
  /** Told of progress. */
  readonly onEvent?: (event: UnpackEvent) => void;
  /** Ends the work. */
  readonly signal?: AbortSignal;
}

/** An archive to unpack. */
export interface UnpackJob {
  /** Where it is on disk. */
  readonly path: string;
  /** Its file name as an artifact: it tells the compression, and the directory of mode `extract`. */
  readonly name: string;
  /**
   * Whether its hash was compared with one from elsewhere; then what .xz files have inside against
   * bit errors is not looked at a second time. Default: no.
   */
  readonly verified?: boolean;
}

/** What an archive was unpacked to. */
export interface Unpacked {
  /** Its file name. */
  readonly name: string;
  /** The number of its members. */
  readonly members: number;
  /** How many of them are files, hard links included. */
  readonly files: number;
  /** How many bytes these have. */
  readonly bytes: number;
  /** How long it took, without waiting for a worker. */
  readonly seconds: number;
  /** What appears in the target: its directory or, in the other modes, the target itself. */
  readonly directory: string;
}
