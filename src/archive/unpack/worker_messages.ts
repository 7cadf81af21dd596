/**
 * The messages between the unpacking worker and the thread that started it.
 *
 * @module
 */

import type { ErrorCode } from "../../errors/error.ts";
import type { ArchiveFormat } from "../compression/decompress.ts";
import type { SharedBlocks } from "../compression/parallel_xz.ts";
import type { Extracted, ExtractedLink, ExtractorOptions } from "./extract.ts";
import type { UnpackLimits } from "./options.ts";
import type { DiskTreeOptions, PlacedEntry } from "./tree_writer.ts";

/** One archive to unpack. */
export interface UnpackTask {
  readonly type: "unpack";
  /** Its path on disk. */
  readonly path: string;
  /** Its compression. */
  readonly format: ArchiveFormat;
  /** Whether its hash has been verified. */
  readonly verified: boolean;
  /** The rules. */
  readonly extractor: Omit<ExtractorOptions, keyof UnpackLimits>;
  /** The output directory on disk. */
  readonly tree: DiskTreeOptions;
  /** The limits. */
  readonly limits: UnpackLimits;
  /** liblzma, for an .xz file. */
  readonly lzmaModule?: WebAssembly.Module;
  /** The file's blocks, if other workers help. */
  readonly shared?: SharedBlocks;
}

/** Help with decoding another worker's archive. */
export interface HelpTask {
  readonly type: "help";
  /** Its path on disk. */
  readonly path: string;
  /** liblzma. */
  readonly lzmaModule: WebAssembly.Module;
  /** The file's blocks. */
  readonly shared: SharedBlocks;
}

/** To the worker: a task, or that its links have been created. */
export type ToWorker = UnpackTask | HelpTask | { readonly type: "links made" };

/** From the worker. */
export type FromWorker =
  | { readonly type: "progress"; readonly bytes: number }
  | { readonly type: "links"; readonly links: readonly ExtractedLink[] }
  | {
    readonly type: "done";
    readonly extracted: Extracted;
    readonly links: readonly string[];
    readonly entries: readonly PlacedEntry[];
  }
  | { readonly type: "helped" }
  | { readonly type: "bad"; readonly reason: string; readonly member?: string }
  | { readonly type: "failed"; readonly code: ErrorCode; readonly message: string };
