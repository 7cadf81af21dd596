/**
 * Repairs files that a verification found wrong, with good copies from elsewhere: a run in storage
 * from a directory, or a directory from a run in storage.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { OutputPaths } from "../../layout/output_paths.ts";
import type {
  ByteRange,
  ByteSource,
  CallOptions,
  ObjectInfo,
  StorageBackend,
} from "../../storage/backend.ts";
import { contentType, usableType } from "../../storage/content_type.ts";
import {
  transferAll,
  type TransferOptions,
  type TransferResult,
} from "../../storage/transfer/transfer.ts";
import type { RunPart } from "../manifest/read.ts";
import { RepairEvidence } from "./repair_evidence.ts";
import type { VerifiedFile } from "./verified_file.ts";

/** A run and its storage. */
export interface RepairPlace {
  /** Its storage. */
  readonly backend: StorageBackend;
  /** The run; `new RunDirectory()` for a directory that holds just that. */
  readonly root: OutputPaths;
  /** Formats a location for messages. Default: its S3 URI. */
  readonly show?: (location: OutputLocation) => string;
}

/** Options of {@linkcode repairFiles}. */
export interface RepairOptions extends TransferOptions {
  /** Determine what can be repaired, and write nothing. */
  readonly dryRun?: boolean;
}

/**
 * Replaces missing or wrong files with good copies. Only a copy with the expected hash is written;
 * an existing file stays until then. A checksum file with no expected hash is written only if it
 * matches the file beside it.
 *
 * Only verified files are replaced. The manifest and checksum files are read again first: a file
 * that was written since, or has another entry by now, stays unchanged, and fails with `conflict`.
 * A concurrent upload is not noticed, because it writes its part last.
 *
 * An artifact is also searched for in the other layout: an archive that was fetched into a
 * directory is not in `artifacts/`.
 *
 * @param files The verification's results.
 * @param to The run to repair.
 * @param from The good copies.
 * @param options Dry run, concurrency, progress, a signal.
 * @returns The result of each, in order: `written`, or `failed` with the reason.
 * @throws The signal's reason, after unfinished files have been cleaned up.
 * @throws {RunOutputsError} Errors that stop everything: a manifest that cannot be read any more.
 *
 * @example
 * ```ts
 * import { bytesSource, MemoryBackend, PartUpload, RunOutputRoot, textItem, verifyRun } from "@therock/run-outputs";
 * import { repairFiles } from "@therock/run-outputs/operations";
 * import { upload } from "@therock/run-outputs/storage";
 *
 * const root = RunOutputRoot.forLocal({ platform: "linux" });
 * const [storage, copy] = [new MemoryBackend(), new MemoryBackend()];
 * const results = await upload(storage, [textItem(root.file("a.txt"), "good", "a")]);
 * await new PartUpload(storage, root, { part: "a", run: {}, tool: "example" }).end({ results });
 * await copy.write(root.file("a.txt"), bytesSource("good"));
 * await storage.write(root.file("a.txt"), bytesSource("evil"));
 *
 * const all = await Array.fromAsync(verifyRun(storage, root));
 * const bad = all.filter(({ error }) => error !== undefined);
 * await repairFiles(bad, { backend: storage, root }, { backend: copy, root });
 * const after = await Array.fromAsync(verifyRun(storage, root));
 * console.assert(bad.length === 1 && after.every(({ error }) => error === undefined));
 * ```
 */
export async function repairFiles(
  files: readonly VerifiedFile[],
  to: RepairPlace,
  from: RepairPlace,
  options: RepairOptions = {},
): Promise<TransferResult[]> {
  const { onEvent, signal, dryRun = false } = options;
  const evidence = await RepairEvidence.read(files, to, signal);
  const repair = async (file: VerifiedFile): Promise<TransferResult[]> => {
    const { path, expected, etag } = file;
    const location = to.root.file(path);
    onEvent?.({ type: "start", path, size: expected?.size });
    await evidence.confirm(file);
    const copy = await findCopy(path, from, signal);
    const source = isVouchedFor(file)
      ? objectSource(from.backend, copy)
      : await evidence.checksum(path, from, copy);
    const result = { location, path, size: copy.size, sha256: expected?.sha256, warnings: [] };
    if (dryRun) {
      const planned = { ...result, outcome: "planned" } as const;
      onEvent?.({ type: "finish", result: planned });
      return [planned];
    }
    const written = await to.backend.write(location, source, {
      ...etag === undefined ? { ifAbsent: true } : { ifMatch: etag },
      sha256: expected?.sha256,
      contentType: usableType(expected?.contentType) ?? contentType(location.key),
      onBytes: (bytes) => onEvent?.({ type: "bytes", path, bytes }),
      signal,
    });
    const done = { ...result, outcome: "written", sha256: written.sha256 } as const;
    onEvent?.({ type: "finish", result: done });
    return [done];
  };
  return await transferAll(files, repair, ({ path, size }, error) => {
    const location = to.root.file(path);
    const { show = String } = to;
    const code = error instanceof RunOutputsError ? error.code : "failed";
    const message = `Could not repair ${show(location)}: ${error.message.split("\n")[0]}`;
    const failure = new RunOutputsError(code, message, { cause: error });
    return { location, path, size, outcome: "failed", warnings: [], error: failure };
  }, options);
}

/**
 * Whether a file can be repaired: it is missing, or its content is known to be wrong. A file that
 * could not be read, without permission or for lack of a response, may be correct.
 *
 * @param file The verification's result.
 * @returns `true` for a file for {@linkcode repairFiles}.
 */
export function isRepairable({ verdict, error }: VerifiedFile): boolean {
  if (verdict === "failed") return error?.code === "integrity";
  return verdict === "missing" || verdict === "wrong-size" || verdict === "wrong-hash";
}

/**
 * Writes parts of the manifest again, unchanged. A repaired file is newer than the part that lists
 * it, and readers would treat it as replaced; so the part must become newer again.
 *
 * @param place The run.
 * @param parts The parts, with correct entries.
 * @param options A signal.
 * @throws {RunOutputsError} `conflict`, if another writer has replaced one of them.
 */
export async function renewParts(
  { backend }: RepairPlace,
  parts: readonly RunPart[],
  { signal }: CallOptions = {},
): Promise<void> {
  for (const { info } of parts) {
    const { location, etag: ifMatch } = info;
    await backend.write(location, objectSource(backend, info), {
      contentType: contentType(location.key),
      ifMatch,
      signal,
    });
  }
}

/** Whether the expected content of a file comes from a source other than the file that is wrong. */
function isVouchedFor({ verdict, expected, sha256 }: VerifiedFile): boolean {
  return verdict !== "failed" && expected !== undefined && expected.sha256 !== sha256;
}

/** An object as a source of bytes for another one. */
function objectSource(
  backend: StorageBackend,
  { location, size, etag: ifMatch }: ObjectInfo,
): ByteSource {
  return {
    size,
    async *open(range?: ByteRange, signal?: AbortSignal) {
      await using body = await backend.read(location, { range, ifMatch, signal });
      yield* body;
    },
  };
}

/** The copy for a repair. */
async function findCopy(
  path: string,
  { backend, root, show = String }: RepairPlace,
  signal: AbortSignal | undefined,
): Promise<ObjectInfo> {
  for (const candidate of [path, otherPlace(path)]) {
    if (candidate === undefined) continue;
    try {
      return await backend.stat(root.file(candidate), { signal });
    } catch (error) {
      if (!(error instanceof RunOutputsError) || error.code !== "not_found") throw error;
    }
  }
  throw new RunOutputsError("not_found", `there is no ${show(root.file(path))} to repair it with`);
}

/** The location of an artifact or its checksum file in the other layout. */
function otherPlace(path: string): string | undefined {
  if (!path.includes("/")) return `artifacts/${path}`;
  return /^artifacts\/([^/]+)$/.exec(path)?.[1];
}
