/**
 * The repair of what a verification found wrong, with good copies of the files from elsewhere: of a
 * run in storage from a directory, of a directory from a run in storage.
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

/** Where a run is. */
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
  /** Look what there is to repair with, and write nothing. */
  readonly dryRun?: boolean;
}

/**
 * Puts good copies in the place of files that are missing or wrong. Only what has the hash that the
 * file should have is put there; what was there stays until then. A checksum whose hash nothing
 * tells is put there only if it is that of the file beside it.
 *
 * Only what was verified is replaced. What tells of the files is read once more first: a file that
 * was written since, or that the manifest or its checksum tells of otherwise by now, stays as it is,
 * and fails with `conflict`. An upload that is under way meanwhile can't be seen: it tells of its
 * files last.
 *
 * An artifact is looked for in the other layout's place too: an archive that was fetched into a
 * directory lies in no `artifacts/`.
 *
 * @param files The files, as the verification told of them.
 * @param to Where they are to be repaired.
 * @param from Where the good copies are.
 * @param options Dry run, concurrency, progress, a signal.
 * @returns What became of each, in their order: `written`, or `failed` with the reason.
 * @throws The signal's reason, after files under way have been cleaned up.
 * @throws {RunOutputsError} What stops the whole: a manifest that can't be read any more.
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
    const told = new RunOutputsError(code, message, { cause: error });
    return { location, path, size, outcome: "failed", warnings: [], error: told };
  }, options);
}

/**
 * Whether a file is one to repair: missing, or known to have wrong content. What could not be read
 * for want of permission or of an answer may be as it should.
 *
 * @param file The file, as the verification told of it.
 * @returns `true` for one to hand to {@linkcode repairFiles}.
 */
export function isRepairable({ verdict, error }: VerifiedFile): boolean {
  if (verdict === "failed") return error?.code === "integrity";
  return verdict === "missing" || verdict === "wrong-size" || verdict === "wrong-hash";
}

/**
 * Writes parts of the manifest anew, as they are. A file that was repaired is younger than the part
 * which tells of it, and readers take such a one for replaced; so the part is made younger again.
 *
 * @param place The run.
 * @param parts The parts; all that they tell has to be so.
 * @param options A signal.
 * @throws {RunOutputsError} `conflict`, if somebody else has written one of them meanwhile.
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

/** Whether what a file should be is told, and is not what is there and is wrong all the same. */
function isVouchedFor({ verdict, expected, sha256 }: VerifiedFile): boolean {
  return verdict !== "failed" && expected !== undefined && expected.sha256 !== sha256;
}

/** An object as the bytes of another one. */
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

/** The copy to repair a file with. */
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

/** Where an artifact or its checksum is in the other layout. */
function otherPlace(path: string): string | undefined {
  if (!path.includes("/")) return `artifacts/${path}`;
  return /^artifacts\/([^/]+)$/.exec(path)?.[1];
}
