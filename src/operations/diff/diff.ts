/**
 * Compares two runs.
 *
 * @module
 */

import { pMapIterable } from "p-map";
import { classify, type OutputKind } from "../../layout/classify.ts";
import { compareKeys } from "../../layout/compare_keys.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputPaths } from "../../layout/output_paths.ts";
import type { CallOptions, StorageBackend } from "../../storage/backend.ts";
import { checkConcurrency } from "../../storage/concurrency.ts";
import { sha256Of } from "../../storage/sha256_of.ts";
import {
  isCurrent,
  isOwn,
  joinAll,
  type RemovedOutput,
  type RunOutput,
} from "../manifest/list_outputs.ts";
import { readOutputs, type RunManifest } from "../manifest/read.ts";

/** One of the two runs. */
export interface DiffSide {
  /** Its storage. */
  readonly backend: StorageBackend;
  /** The run; `new RunDirectory()` for a directory that holds just that. */
  readonly root: OutputPaths;
  /** Its manifest, if it was read already; `NO_MANIFEST` to go without. */
  readonly manifest?: RunManifest;
}

/** Options of {@linkcode diffRuns}. */
export interface DiffRunsOptions extends CallOptions {
  /** Only files of these kinds. Default: all. */
  readonly kinds?: ReadonlySet<OutputKind>;
  /** Read files that cannot be compared otherwise. Default: they are `unsure`. */
  readonly read?: boolean;
  /** Called for each file that retention has removed: its entry in the manifest is compared. */
  readonly onRemoved?: (removed: RemovedOutput, side: DiffSide) => void;
  /** The maximum number of concurrent requests for unknown hashes. Default: 32. */
  readonly concurrency?: number;
}

/**
 * How a file changed between two runs. `unsure`: both have the same size, and nothing else could be
 * compared.
 */
export type FileChange = "same" | "added" | "removed" | "changed" | "unsure";

/** What was compared: the SHA-256, the ETags, or only the sizes. */
export type ComparedBy = "hash" | "etag" | "size";

/** A path in at least one of the two runs. */
export interface DiffedFile {
  /** The path relative to the run's prefix. */
  readonly path: string;
  /** Its kind. */
  readonly kind: OutputKind;
  /** Its result. */
  readonly change: FileChange;
  /** What was compared, if both runs have the file. */
  readonly comparedBy?: ComparedBy;
  /** The file of the first run, if it has one. */
  readonly a?: RunOutput;
  /** The file of the second run, if it has one. */
  readonly b?: RunOutput;
}

/** A path and its file in each of the two runs. */
type Pair = Pick<DiffedFile, "path" | "a" | "b">;

/**
 * Compares the outputs of two runs, path by path, in the order of keys. Both are read as streams.
 *
 * Index pages and the manifests of the runs are skipped: each run has its own. Files that retention has
 * removed count with the size and hash that the manifest lists.
 *
 * Files of different sizes differ. For equal sizes, hashes decide: those of the manifest, if the
 * file was not written after the part, or those that the storage has recorded. If one is unknown,
 * equal ETags of S3 mean equal content; otherwise the files are `unsure`. With `read`, those are
 * read, and also files with equal hashes whose ETags are two different MD5s.
 *
 * @param a The first run.
 * @param b The second run.
 * @param options The kinds, whether to read files, concurrency, a signal.
 * @returns All paths, including `same` ones.
 * @throws {RunOutputsError} If a run cannot be listed, or its manifest cannot be read; `invalid`,
 * unless `concurrency` is a whole number from 1, or `Infinity`.
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
  const { signal, read = false } = options;
  const concurrency = checkConcurrency(options.concurrency ?? 32);
  const stop = new AbortController();
  const ended = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const outputs = (side: DiffSide) => outputsOf(side, { ...options, signal: ended });
  const pairs = join(await outputs(a), await outputs(b));
  const compare = (pair: Pair) => comparePair(pair, [a, b], read, ended);
  try {
    yield* pMapIterable(pairs, compare, { concurrency, backpressure: 4 * concurrency });
  } finally {
    stop.abort();
  }
}

/** The outputs to compare. */
async function outputsOf(
  side: DiffSide,
  { kinds, onRemoved, signal }: DiffRunsOptions,
): Promise<AsyncGenerator<RunOutput>> {
  const { backend, root } = side;
  const manifest = side.manifest ?? await readOutputs(backend, root, { signal });
  const pages = new Set(manifest.pages);
  return (async function* () {
    // Always from a listing: the manifest's entry of a file that was replaced since is outdated.
    for await (const { path, listed, info } of joinAll(backend, root, manifest, { signal })) {
      const kind = classify(path);
      if (kinds !== undefined && !kinds.has(kind)) continue;
      if (isOwn(kind) || pages.has(path)) continue;
      if (info === undefined) {
        // What was in a removed file is known.
        if (listed?.removal === undefined) continue;
        const { file: { size, sha256 }, parts, removal } = listed;
        onRemoved?.({ path, kind, size, sha256, parts, removal }, side);
        yield { path, kind, location: root.root().join(path), size, sha256, parts };
        continue;
      }
      const known = listed !== undefined && isCurrent(manifest, listed, info) ? listed : undefined;
      const sha256 = info.sha256 ?? known?.file.sha256;
      const { location, size, etag, modified } = info;
      yield { path, kind, location, size, sha256, etag, modified, parts: known?.parts ?? [] };
    }
  })();
}

/** Pairs the files of the same path. */
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

/** Reads a file to compute its hash. */
async function hash(
  output: RunOutput,
  { backend }: DiffSide,
  signal: AbortSignal,
): Promise<RunOutput> {
  if (output.sha256 !== undefined) return output;
  await using body = await backend.read(output.location, { signal });
  return { ...output, sha256: await sha256Of(body) };
}

/** Requests missing information on a file from the storage. */
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
    // It was listed in the run or its manifest but is gone, so nothing more can be known.
    if (error instanceof RunOutputsError && error.code === "not_found") return output;
    throw error;
  }
}

/** An ETag of S3: the MD5 of the content, or of the parts' MD5s with the number of parts. */
const S3_ETAG = /^[0-9a-f]{32}(-\d+)?$/;

/**
 * Whether the ETags of two files of the same size prove that they are equal. Other ETags prove
 * nothing: the same bytes have different ones with another part size, and each time with a KMS key.
 */
function haveEqualEtags({ etag: a }: RunOutput, { etag: b }: RunOutput): boolean {
  return a === b && S3_ETAG.test(a ?? "");
}

/**
 * Whether the ETags of two files are different MD5s, so that the recorded hash of one may be that
 * of other content. With a KMS key an ETag only looks like an MD5: such files are read too.
 */
function haveOtherMd5s({ etag: a }: RunOutput, { etag: b }: RunOutput): boolean {
  return a !== b && [a, b].every((etag) => /^[0-9a-f]{32}$/.test(etag ?? ""));
}
