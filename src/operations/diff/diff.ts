/**
 * In what two runs differ.
 *
 * @module
 */

import { pMapIterable } from "p-map";
import { classify, type OutputKind } from "../../layout/classify.ts";
import { compareKeys } from "../../layout/compare_keys.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputPaths } from "../../layout/output_paths.ts";
import type { CallOptions, StorageBackend } from "../../storage/backend.ts";
import { sha256Of } from "../../storage/sha256_of.ts";
import { isCurrent, joinListing, type RunOutput } from "../manifest/list_outputs.ts";
import { readOutputs, type RunManifest } from "../manifest/read.ts";

/** One of the two runs. */
export interface DiffSide {
  /** Its storage. */
  readonly backend: StorageBackend;
  /** The run; `new RunDirectory()` for a directory that holds just that. */
  readonly root: OutputPaths;
  /** Its manifest, where it has been read already; `NO_MANIFEST` to go without. */
  readonly manifest?: RunManifest;
}

/** Options of {@linkcode diffRuns}. */
export interface DiffRunsOptions extends CallOptions {
  /** Only files of these kinds. Default: all. */
  readonly kinds?: ReadonlySet<OutputKind>;
  /** Read the files that could not be told apart otherwise. Default: they are `unsure`. */
  readonly read?: boolean;
  /** How many files whose hash is not known are asked for at once. Default: 32. */
  readonly concurrency?: number;
}

/**
 * What became of a file between two runs. `unsure`: it is as large, and nothing else of it could be
 * compared.
 */
export type FileChange = "same" | "added" | "removed" | "changed" | "unsure";

/** By what two files were compared: their SHA-256, their ETags, or only their sizes. */
export type ComparedBy = "hash" | "etag" | "size";

/** A path that one of the two runs has. */
export interface DiffedFile {
  /** The path relative to the run's prefix. */
  readonly path: string;
  /** What it is. */
  readonly kind: OutputKind;
  /** Its result. */
  readonly change: FileChange;
  /** How that is known, of a file that both have. */
  readonly comparedBy?: ComparedBy;
  /** The file of the first run, if it has one. */
  readonly a?: RunOutput;
  /** The file of the second run, if it has one. */
  readonly b?: RunOutput;
}

/** A path, with what the two runs have there. */
type Pair = Pick<DiffedFile, "path" | "a" | "b">;

/**
 * Compares the outputs of two runs, path by path, in the order of keys. Both arrive as streams.
 *
 * Index pages and the manifests of the runs are left out: each run has its own.
 *
 * Files of other sizes differ. Of the same size, hashes decide: those of the manifest, if the file
 * was not written after the part, or those the storage has on record. Where one is not known, equal
 * ETags of S3 tell that the two are the same; else they are `unsure`. With `read`, those are read,
 * and files whose hashes agree while their ETags are two MD5s.
 *
 * @param a The first run.
 * @param b The second run.
 * @param options Of which kinds, whether files are read, concurrency, a signal.
 * @returns All paths, `same` ones too.
 * @throws {RunOutputsError} Where a run can't be listed, or its manifest not be read.
 *
 * @example
 * ```ts
 * import { bytesSource, MemoryBackend, RunOutputRoot } from "@therock/run-outputs";
 * import { diffRuns } from "@therock/run-outputs/operations";
 *
 * const backend = new MemoryBackend();
 * const run = (runId: number) => RunOutputRoot.forLocal({ runId, platform: "linux" });
 * await backend.write(run(1).file("logs/g/build.log"), bytesSource("12 warnings"));
 * await backend.write(run(2).file("logs/g/build.log"), bytesSource("no warnings"));
 * const [{ path, change, comparedBy }] = await Array.fromAsync(
 *   diffRuns({ backend, root: run(1) }, { backend, root: run(2) }),
 * );
 * console.assert([path, change, comparedBy].join() === "logs/g/build.log,changed,hash");
 * ```
 */
export async function* diffRuns(
  a: DiffSide,
  b: DiffSide,
  options: DiffRunsOptions = {},
): AsyncGenerator<DiffedFile> {
  const { signal, kinds, read = false, concurrency = 32 } = options;
  const stop = new AbortController();
  const ended = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const pairs = join(await outputsOf(a, kinds, ended), await outputsOf(b, kinds, ended));
  const compare = (pair: Pair) => comparePair(pair, [a, b], read, ended);
  try {
    yield* pMapIterable(pairs, compare, { concurrency, backpressure: 4 * concurrency });
  } finally {
    stop.abort();
  }
}

/** The outputs that are compared. */
async function outputsOf(
  side: DiffSide,
  kinds: ReadonlySet<OutputKind> | undefined,
  signal: AbortSignal,
): Promise<AsyncGenerator<RunOutput>> {
  const { backend, root } = side;
  const manifest = side.manifest ?? await readOutputs(backend, root, { signal });
  const pages = new Set(manifest.pages);
  return (async function* () {
    // Always by a listing: what the manifest tells of a file that was replaced since is not so.
    for await (const { path, told, info } of joinListing(backend, root, manifest, { signal })) {
      if (info === undefined) continue;
      const kind = classify(path);
      if (kinds !== undefined && !kinds.has(kind)) continue;
      if (kind === "index" || kind === "outputs-manifest" || pages.has(path)) continue;
      const known = told !== undefined && isCurrent(manifest, told, info) ? told : undefined;
      const sha256 = info.sha256 ?? known?.file.sha256;
      const { location, size, etag, modified } = info;
      yield { path, kind, location, size, sha256, etag, modified, parts: known?.parts ?? [] };
    }
  })();
}

/** Brings the files of the same path together. */
async function* join(
  left: AsyncGenerator<RunOutput>,
  right: AsyncGenerator<RunOutput>,
): AsyncGenerator<Pair> {
  try {
    let a = await left.next();
    let b = await right.next();
    while (!a.done || !b.done) {
      const order = a.done ? 1 : b.done ? -1 : compareKeys(a.value.path, b.value.path);
      if (order < 0) yield { path: a.value!.path, a: a.value! };
      else if (order > 0) yield { path: b.value!.path, b: b.value! };
      else yield { path: a.value!.path, a: a.value!, b: b.value! };
      if (order <= 0) a = await left.next();
      if (order >= 0) b = await right.next();
    }
  } finally {
    await left.return(undefined);
    await right.return(undefined);
  }
}

async function comparePair(
  { path, a, b }: Pair,
  [sideA, sideB]: readonly [DiffSide, DiffSide],
  read: boolean,
  signal: AbortSignal,
): Promise<DiffedFile> {
  const kind = classify(path);
  if (a === undefined) return { path, kind, change: "added", b };
  if (b === undefined) return { path, kind, change: "removed", a };
  if (a.size !== undefined && b.size !== undefined && a.size !== b.size) {
    return { path, kind, change: "changed", comparedBy: "size", a, b };
  }
  const byHash = (a: RunOutput, b: RunOutput): DiffedFile | undefined => {
    if (a.sha256 === undefined || b.sha256 === undefined) return undefined;
    const change = a.sha256 === b.sha256 ? "same" : "changed";
    return { path, kind, change, comparedBy: "hash", a, b };
  };
  const known = byHash(a, b);
  const readBoth = async (a: RunOutput, b: RunOutput) => {
    const [readA, readB] = await Promise.all([hash(a, sideA, signal), hash(b, sideB, signal)]);
    return byHash(readA, readB)!;
  };
  const decided = async (known: DiffedFile) => {
    const { change, a, b } = known;
    if (!read || change !== "same" || !haveOtherMd5s(a!, b!)) return known;
    return await readBoth({ ...a!, sha256: undefined }, { ...b!, sha256: undefined });
  };
  if (known !== undefined) return await decided(known);
  const [askedA, askedB] = await Promise.all([ask(a, sideA, signal), ask(b, sideB, signal)]);
  const asked = byHash(askedA, askedB);
  if (asked !== undefined) return await decided(asked);
  if (haveEqualEtags(askedA, askedB)) {
    return { path, kind, change: "same", comparedBy: "etag", a: askedA, b: askedB };
  }
  if (read) return await readBoth(askedA, askedB);
  return { path, kind, change: "unsure", comparedBy: "size", a: askedA, b: askedB };
}

/** Reads a file whose hash is not known. */
async function hash(
  output: RunOutput,
  { backend }: DiffSide,
  signal: AbortSignal,
): Promise<RunOutput> {
  if (output.sha256 !== undefined) return output;
  await using body = await backend.read(output.location, { signal });
  return { ...output, sha256: await sha256Of(body) };
}

/** Asks the storage for what is not known of a file. */
async function ask(
  output: RunOutput,
  { backend }: DiffSide,
  signal: AbortSignal,
): Promise<RunOutput> {
  if (output.sha256 !== undefined && output.etag !== undefined) return output;
  try {
    const { sha256, etag } = await backend.stat(output.location, { signal });
    return { ...output, sha256: output.sha256 ?? sha256, etag };
  } catch (error) {
    // It was listed, or is told of, and is gone: what is known of it is all there is.
    if (error instanceof RunOutputsError && error.code === "not_found") return output;
    throw error;
  }
}

/** An ETag as S3 makes it: the MD5 of the content, or of the parts' MD5s with their number. */
const S3_ETAG = /^[0-9a-f]{32}(-\d+)?$/;

/**
 * Whether the ETags of two files of the same size tell that they are the same. Other ETags tell
 * nothing: the same bytes have others in parts of another size, and each time with a key of KMS.
 */
function haveEqualEtags({ etag: a }: RunOutput, { etag: b }: RunOutput): boolean {
  return a === b && S3_ETAG.test(a ?? "");
}

/**
 * Whether the ETags of two files are not the same MD5, so that a hash on record of one of them may be
 * that of other content. With a key of KMS an ETag only looks like an MD5: such files are read too.
 */
function haveOtherMd5s({ etag: a }: RunOutput, { etag: b }: RunOutput): boolean {
  return a !== b && [a, b].every((etag) => /^[0-9a-f]{32}$/.test(etag ?? ""));
}
