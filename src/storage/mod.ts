/**
 * Storage: one interface, its drivers (a directory, S3, memory), and features built on it: uploads,
 * downloads, trees, globs, a cache of files by SHA-256.
 *
 * @example Write an object and read it back
 * ```ts
 * import { OutputLocation } from "@therock/run-outputs/layout";
 * import { bytesSource, MemoryBackend } from "@therock/run-outputs/storage";
 *
 * const backend = new MemoryBackend();
 * const location = new OutputLocation("local", "local-linux/logs/a.log");
 * await backend.write(location, bytesSource("hello"));
 * await using body = await backend.read(location);
 * for await (const chunk of body) console.assert(chunk.length === 5);
 * ```
 *
 * @module
 */

export { type ErrorCode, RunOutputsError, type RunOutputsErrorOptions } from "../errors/error.ts";
export { type LocalPathOptions, OutputLocation } from "../layout/output_location.ts";
export type {
  ByteRange,
  ByteSource,
  CallOptions,
  Child,
  Chunks,
  DeleteFailure,
  ListOptions,
  ObjectBody,
  ObjectInfo,
  ReadOptions,
  StorageBackend,
  WriteOptions,
} from "./backend.ts";
export { bytesSource, fileSource, type FileSourceOptions } from "./byte_source.ts";
export type { CachedFile, ContentKey } from "./cache/cached_file.ts";
export {
  ContentCache,
  type ContentCacheOptions,
  DEFAULT_CACHE_BYTES,
  type TakeOptions,
} from "./cache/content_cache.ts";
export type { ProduceContent } from "./cache/making.ts";
export { contentType, usableType } from "./content_type.ts";
export { DryRunBackend, type DryRunEvent } from "./dry_run.ts";
export { ForwardingBackend } from "./forwarding.ts";
export { LocalBackend, type LocalBackendOptions } from "./local/local.ts";
export type { Placement, PlaceOptions } from "./local/place_file.ts";
export { MemoryBackend, type MemoryBackendOptions } from "./memory.ts";
export { openS3, openServer, type ServerOptions } from "./open_s3.ts";
export type { RetryPolicy } from "./retry.ts";
export type { S3Backend } from "./s3/backend.ts";
export type { StaleUpload, StaleUploadOptions } from "./s3/multipart.ts";
export type {
  Env,
  S3BackendOptions,
  S3Server,
  S3Settings,
  StaticCredentials,
} from "./s3/settings.ts";
export type { StaleUploadDetails, StaleUploadState } from "./s3/stale_uploads.ts";
export { download, type DownloadItem, type DownloadOptions } from "./transfer/download.ts";
export { type PathFilter, pathFilter, type PathFilterOptions } from "./transfer/path_filter.ts";
export type {
  TransferEvent,
  TransferOptions,
  TransferOutcome,
  TransferResult,
} from "./transfer/transfer.ts";
export {
  listTree,
  type ListTreeOptions,
  type TreeFile,
  type TreeListing,
} from "./transfer/tree.ts";
export {
  fileItem,
  type IfExists,
  textItem,
  upload,
  type UploadItem,
  type UploadOptions,
} from "./transfer/upload.ts";
