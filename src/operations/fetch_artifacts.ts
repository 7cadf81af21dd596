/**
 * The download of a run's artifacts, each held against its checksum.
 *
 * @module
 */

import { join } from "node:path";
import { ArtifactName, preferZst } from "../layout/artifact_name.ts";
import { RunOutputsError } from "../layout/error.ts";
import { encodeWindowsName } from "../layout/local_name.ts";
import { RunOutputRoot } from "../layout/run_output_root.ts";
import type { ObjectInfo, StorageBackend } from "../storage/backend.ts";
import { download, type DownloadItem, type DownloadOptions } from "../storage/download.ts";
import { pathFilter, type PathFilterOptions } from "../storage/path_filter.ts";
import { DEFAULT_CONCURRENCY, type TransferResult } from "../storage/transfer.ts";
import pMap from "p-map";
import { MAX_SIDECAR_BYTES, parseSidecar, SIDECAR_SUFFIX } from "./sidecar.ts";

/** Which artifacts, and where to. */
export interface FetchOptions extends PathFilterOptions, DownloadOptions {
  /** The directory on disk that gets the archives. */
  readonly outputDir: string;
}

/** What a fetch will do. */
export interface FetchPlan {
  /** The archives to download. */
  readonly items: readonly DownloadItem[];
  /** Archives that can't be downloaded as they should: no archive to a checksum, a broken one. */
  readonly failures: readonly TransferResult[];
  /** Include patterns that no artifact of the run matches. */
  readonly unmatched: readonly string[];
  /** How many artifacts the run has in all. */
  readonly available: number;
}

/** What a fetch did. */
export interface FetchReport {
  /** What became of each archive, failures of the plan included. */
  readonly results: readonly TransferResult[];
  /** Include patterns that no artifact of the run matches. */
  readonly unmatched: readonly string[];
}

/** An archive's or a sidecar's object, by its file name. */
type Objects = ReadonlyMap<string, ObjectInfo>;

/**
 * Finds out which archives to fetch, and reads their checksums.
 *
 * The typed layout's place comes first, then the flat one's: a run has its artifacts in one of
 * them. Of an artifact in both compressions the `.tar.zst` is taken.
 *
 * @param backend The storage.
 * @param root The run; its `layout` is not looked at.
 * @param options Which artifacts, and where to.
 * @returns The plan.
 * @throws {RunOutputsError} `not_found`, if the run has no artifacts at all or none that matches.
 */
export async function planFetch(
  backend: StorageBackend,
  root: RunOutputRoot,
  options: FetchOptions,
): Promise<FetchPlan> {
  const { outputDir, signal, concurrency = DEFAULT_CONCURRENCY } = options;
  const objects = await listArtifacts(backend, root, signal);
  const archives = preferZst(
    [...objects.keys()].filter((name) => ArtifactName.tryParse(name) !== undefined),
  );
  const filter = pathFilter(options);
  const chosen = archives.filter((name) => filter.matches(name));
  const orphans = [...objects.values()]
    .filter(({ location }) => isOrphan(location.name, objects))
    .filter(({ location }) => filter.matches(location.name.slice(0, -SIDECAR_SUFFIX.length)));
  const unmatched = filter.unmatched();
  if (archives.length === 0 && orphans.length === 0) {
    throw new RunOutputsError(
      "not_found",
      `No artifacts of run ${root.runId} for ${root.platform} below ${root.root()}: check ` +
        `--run-id, --platform and --repo`,
    );
  }
  if (chosen.length === 0 && orphans.length === 0) {
    const wanted = unmatched.length > 0
      ? `match ${unmatched.map(inQuotes).join(", ")}`
      : "are left";
    throw new RunOutputsError(
      "not_found",
      `None of the ${archives.length} artifacts of run ${root.runId} for ${root.platform} ` +
        `${wanted}: 'run-outputs list --kind artifact' shows them`,
    );
  }

  const failures: TransferResult[] = orphans.map(({ location }) => {
    const name = location.name.slice(0, -SIDECAR_SUFFIX.length);
    const error = new RunOutputsError(
      "not_found",
      `The archive ${name} is missing: there is only its checksum, ${location}`,
    );
    return failure(objects.get(location.name)!, join(outputDir, name), error);
  });
  const items: DownloadItem[] = [];
  await pMap(chosen, async (name) => {
    const archive = objects.get(name)!;
    const path = join(outputDir, Deno.build.os === "windows" ? encodeWindowsName(name) : name);
    try {
      const sidecar = objects.get(name + SIDECAR_SUFFIX);
      const sha256 = sidecar && await readSidecar(backend, sidecar, signal);
      items.push({ location: archive.location, path, size: archive.size, sha256 });
    } catch (error) {
      signal?.throwIfAborted();
      failures.push(failure(archive, path, error as Error));
    }
  }, { concurrency });
  items.sort((a, b) => a.path < b.path ? -1 : 1);
  return { items, failures, unmatched, available: archives.length };
}

/**
 * Carries a plan out: each archive appears in the directory once it is whole and has the hash of
 * its sidecar. One without a sidecar is downloaded with a warning.
 *
 * @param backend The storage.
 * @param plan The plan.
 * @param options Dry run, concurrency, progress, a signal.
 * @returns What became of each archive.
 */
export async function executeFetch(
  backend: StorageBackend,
  plan: FetchPlan,
  options: DownloadOptions,
): Promise<FetchReport> {
  const results = await download(backend, plan.items, options);
  const unverified = new Set(
    plan.items.filter((item) => item.sha256 === undefined).map((item) => item.location.key),
  );
  return {
    results: [
      ...plan.failures,
      ...results.map((result) =>
        result.outcome !== "failed" && unverified.has(result.location.key)
          ? { ...result, warnings: [...result.warnings, `${result.location.name} ${UNVERIFIED}`] }
          : result
      ),
    ],
    unmatched: plan.unmatched,
  };
}

const UNVERIFIED = `has no ${SIDECAR_SUFFIX} beside it: its content could not be verified`;

async function listArtifacts(
  backend: StorageBackend,
  root: RunOutputRoot,
  signal: AbortSignal | undefined,
): Promise<Objects> {
  const { bucket, externalRepo, runId, platform } = root;
  for (const layout of ["typed", "flat"] as const) {
    const dir = new RunOutputRoot({ bucket, externalRepo, runId, platform, layout }).artifactsDir();
    const objects = new Map<string, ObjectInfo>();
    for await (const info of backend.list(dir, { signal, recursive: false })) {
      // Only what lies in the directory itself: a file of a subdirectory is something else.
      const name = info.location.relativeTo(dir);
      if (name !== undefined && isArtifact(name)) objects.set(name, info);
    }
    if (objects.size > 0) return objects;
  }
  return new Map();
}

function isArtifact(name: string): boolean {
  const archive = name.endsWith(SIDECAR_SUFFIX) ? name.slice(0, -SIDECAR_SUFFIX.length) : name;
  return !name.includes("/") && ArtifactName.tryParse(archive) !== undefined;
}

function isOrphan(name: string, objects: Objects): boolean {
  if (!name.endsWith(SIDECAR_SUFFIX)) return false;
  const archive = ArtifactName.parse(name.slice(0, -SIDECAR_SUFFIX.length));
  return !objects.has(archive.fileName) && !objects.has(archive.withCompression("zst").fileName);
}

async function readSidecar(
  backend: StorageBackend,
  info: ObjectInfo,
  signal: AbortSignal | undefined,
): Promise<string> {
  if (info.size > MAX_SIDECAR_BYTES) {
    throw new RunOutputsError(
      "integrity",
      `Cannot read the checksum ${info.location}: it has ${info.size} bytes, a checksum has 64`,
    );
  }
  await using body = await backend.read(info.location, { signal });
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) text += decoder.decode(chunk, { stream: true });
  return parseSidecar(text, info.location.s3Uri);
}

function failure(info: ObjectInfo, path: string, error: Error): TransferResult {
  const { location, size } = info;
  return { location, path, size, outcome: "failed", warnings: [], error };
}

function inQuotes(pattern: string): string {
  return `'${pattern}'`;
}
