/**
 * What the unpacking worker and the thread that started it say to each other.
 *
 * @module
 */

import type { ErrorCode } from "../../errors/error.ts";
import type { ArchiveFormat } from "../compression/decompress.ts";
import type { SharedBlocks } from "../compression/parallel_xz.ts";
import type { Extracted, ExtractedLink, ExtractorOptions } from "./extract.ts";
import type { UnpackLimits } from "./options.ts";
import type { DiskTreeOptions } from "./tree_writer.ts";

/** One archive to unpack. */
export interface UnpackTask {
  readonly type: "unpack";
  /** The archive on disk. */
  readonly path: string;
  /** How it is compressed. */
  readonly format: ArchiveFormat;
  /** Whether its hash is known to be right. */
  readonly verified: boolean;
  /** By which rules. */
  readonly extractor: Omit<ExtractorOptions, keyof UnpackLimits>;
  /** The directory on disk. */
  readonly tree: DiskTreeOptions;
  /** When to stop. */
  readonly limits: UnpackLimits;
  /** liblzma, for an .xz file. */
  readonly lzmaModule?: WebAssembly.Module;
  /** The file's blocks, if other workers help. */
  readonly shared?: SharedBlocks;
}

/** Help with decoding another worker's archive. */
export interface HelpTask {
  readonly type: "help";
  /** The archive on disk. */
  readonly path: string;
  /** liblzma. */
  readonly lzmaModule: WebAssembly.Module;
  /** The file's blocks. */
  readonly shared: SharedBlocks;
}

/** To the worker: a task, or that the links it told of are made. */
export type ToWorker = UnpackTask | HelpTask | { readonly type: "links made" };

/** From the worker. */
export type FromWorker =
  | { readonly type: "progress"; readonly bytes: number }
  | { readonly type: "links"; readonly links: readonly ExtractedLink[] }
  | { readonly type: "done"; readonly extracted: Extracted; readonly links: readonly string[] }
  | { readonly type: "helped" }
  | { readonly type: "bad"; readonly reason: string; readonly member?: string }
  | { readonly type: "failed"; readonly code: ErrorCode; readonly message: string };
