/**
 * The download of a run's artifacts, each held against its checksum.
 *
 * @module
 */

import { dirname, join } from "node:path";
import pMap from "p-map";
import { ArtifactName } from "../../layout/artifact_name.ts";
import { RunOutputsError } from "../../errors/error.ts";
import { encodeWindowsName } from "../../layout/local_name.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { plural } from "../../layout/words.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import type { StorageBackend } from "../../storage/backend.ts";
import {
  downloadFailure,
  type DownloadItem,
  type DownloadOptions,
  segmentFor,
} from "../../storage/transfer/download.ts";
import {
  concurrencyFor,
  SMALL_CONCURRENCY,
  transferAll,
  type TransferResult,
} from "../../storage/transfer/transfer.ts";
import { ArchiveSource, type ArchiveSourceOptions, type FetchResult } from "./archive_source.ts";
import { type ArtifactObject, artifactsOfRun, type FoundArtifact } from "../artifacts/of_run.ts";
import { whatToCheck } from "../manifest/list_outputs.ts";
import { readOutputs, type RunManifest } from "../manifest/read.ts";
import { checkSelection, selectArtifacts } from "../artifacts/select.ts";
import type { ArtifactSelection } from "../artifacts/selection.ts";
import { readSidecar, SIDECAR_SUFFIX } from "../artifacts/sidecar.ts";
import { missingDirs, removeEmpty } from "./work_dir.ts";

/** Which artifacts, and where to. */
export interface FetchOptions extends ArtifactSelection, DownloadOptions {
  /** The directory on disk that gets the archives, or what is unpacked from them. */
  readonly outputDir: string;
  /** Refuse archives that have no checksum. Default: they are taken with a warning. */
  readonly requireChecksums?: boolean;
  /**
   * The run's manifest, where it has been read already; `NO_MANIFEST` to go without. Default: it is
   * read.
   */
  readonly manifest?: RunManifest;
  /** Formats a location for messages. Default: its S3 URI. */
  readonly show?: (location: OutputLocation) => string;
}

/** What a fetch will do. */
export interface FetchPlan {
  /** The archives to download. */
  readonly items: readonly DownloadItem[];
  /** Archives that can't be downloaded as they should: missing ones, those with a broken checksum. */
  readonly failures: readonly TransferResult[];
  /** What a person should know of archives that are to be downloaded. */
  readonly warnings: readonly string[];
  /** What a person should know of the choice, and needs no action. */
  readonly notes: readonly string[];
  /** How many artifacts the run has in all. */
  readonly available: number;
}

/**
 * Finds out which archives to fetch, and their checksums: from the run's manifest where it tells
 * them, else from the file beside each.
 *
 * A run has its artifacts in the typed layout's place, in the flat one's or, if the layout changed
 * between its jobs, some in each; of one that is in both, the one is taken that the manifest tells
 * of, else the typed layout's. Of an artifact in both compressions the `.tar.zst` is taken.
 *
 * @param backend The storage.
 * @param root The run; its `layout` is ignored.
 * @param options Which artifacts, and where to.
 * @returns The plan.
 * @throws {RunOutputsError} `not_found`, if the run has no artifacts at all, or what
 * {@linkcode selectArtifacts} throws.
 */
export async function planFetch(
  backend: StorageBackend,
  root: RunOutputRoot,
  options: FetchOptions,
): Promise<FetchPlan> {
  const { outputDir, signal, concurrency = SMALL_CONCURRENCY, requireChecksums } = options;
  const show = options.show ?? String;
  checkSelection(options);
  const manifest = options.manifest ?? await readOutputs(backend, root, { show, signal });
  const artifacts = await artifactsOfRun(backend, root, manifest, { signal });
  const names = [...artifacts.keys()].sort();
  const archives = names.filter((name) => artifacts.get(name)!.archive !== undefined);
  // An archive of which only its checksum or the manifest tells is an artifact too: a missing one.
  const missing = names.filter((name) => isMissing(name, artifacts));
  if (archives.length === 0 && missing.length === 0) {
    throw new RunOutputsError(
      "not_found",
      `No artifacts of run ${root.runId} for ${root.platform} in ${show(root.root())}: ` +
        whatToCheck(root, show(root.root())),
    );
  }
  const choice = selectArtifacts([...archives, ...missing].sort(), options);
  const selected = choice.names;
  const failures: TransferResult[] = [];
  const warnings: string[] = [];
  const items: DownloadItem[] = [];
  await pMap(selected, async (name) => {
    const artifact = artifacts.get(name)!;
    const { archive, sidecar } = artifact;
    if (archive === undefined) return failures.push(missingArchive(artifact, outputDir, show));
    const path = pathIn(outputDir, name);
    const conflict = conflictOf(archive);
    if (conflict !== undefined) warnings.push(conflict);
    try {
      const sha256 = archive.sha256 ??
        (sidecar && await readSidecar(backend, sidecar, show, signal)) ?? archive.formerSha256;
      if (sha256 === undefined && requireChecksums) {
        throw new RunOutputsError(
          "integrity",
          `Cannot fetch ${show(archive.location)}: it has no ${SIDECAR_SUFFIX} file, and ` +
            "--require-checksums needs one",
        );
      }
      items.push({ location: archive.location, path, size: archive.size, sha256 });
    } catch (error) {
      signal?.throwIfAborted();
      failures.push(failure(archive, path, error as Error));
    }
  }, { concurrency });
  items.sort((a, b) => a.path < b.path ? -1 : 1);
  const notes = [...choice.notes, ...untold(items, artifacts, manifest)];
  return { items, failures, warnings: warnings.sort(), notes, available: archives.length };
}

/**
 * Says what an archive without a checksum lacks, and that one is not what its checksum says.
 *
 * @param result Its result.
 * @param item The request.
 * @param show Formats a location for messages.
 * @returns The result, with its warning or a message that names the archive.
 */
export function explainFetched(
  result: FetchResult,
  item: DownloadItem,
  show: (location: OutputLocation) => string = String,
): FetchResult {
  const { location, error } = result;
  if (error === undefined) {
    if (item.sha256 !== undefined) return result;
    const warning = `${location.name} has no ${SIDECAR_SUFFIX} file: its content could not ` +
      "be verified";
    return { ...result, warnings: [...result.warnings, warning] };
  }
  const isMismatch = error instanceof RunOutputsError && error.code === "integrity" &&
    item.sha256 !== undefined;
  if (!isMismatch) return result;
  const actual = /got ([0-9a-f]{64})/.exec(error.message)?.[1];
  const reason = actual === undefined
    ? error.message
    : `checksum mismatch (expected ${item.sha256}, got ${actual}); upload it again`;
  return {
    ...result,
    error: new RunOutputsError("integrity", `Cannot fetch ${show(location)}: ${reason}`, {
      cause: error,
    }),
  };
}

/**
 * Downloads the archives of a plan, and leaves them packed: each appears in the directory once it is
 * whole and has the hash of its sidecar. One without a sidecar is downloaded with a warning.
 *
 * @param backend The storage.
 * @param plan The plan.
 * @param options Dry run, concurrency, progress, a cache, a signal.
 * @returns What became of each archive, failures of the plan included.
 */
export async function fetchPacked(
  backend: StorageBackend,
  plan: FetchPlan,
  options: FetchPackedOptions = {},
): Promise<FetchResult[]> {
  const { dryRun = false } = options;
  const dirs = dryRun ? [] : [...new Set(plan.items.map(({ path }) => dirname(path)))];
  const missing = (await Promise.all(dirs.map(missingDirs))).flat();
  try {
    return [...plan.failures, ...await fetchItems(backend, plan, options)];
  } finally {
    // Where nothing came into them, there is no trace of the attempt.
    await removeEmpty(missing);
  }
}

/** Options of {@linkcode fetchPacked}. */
export interface FetchPackedOptions extends ArchiveSourceOptions {
  /** Formats a location for messages. Default: its S3 URI. */
  readonly show?: (location: OutputLocation) => string;
}

async function fetchItems(
  backend: StorageBackend,
  plan: FetchPlan,
  options: FetchPackedOptions,
): Promise<FetchResult[]> {
  const { show } = options;
  using source = new ArchiveSource(backend, {
    segment: segmentFor(plan.items, options.concurrency),
    ...options,
  });
  return await transferAll<DownloadItem, FetchResult>(
    plan.items,
    async (item) => {
      const result = await source.place(item);
      return [explainFetched(result, item, show)];
    },
    (item, error) => explainFetched(downloadFailure(item, error), item, show),
    { ...options, concurrency: concurrencyFor(plan.items, options.concurrency) },
  );
}

/** What to note of archives that a complete manifest does not have, or has with other content. */
function untold(
  items: readonly DownloadItem[],
  artifacts: ReadonlyMap<string, FoundArtifact>,
  { complete }: RunManifest,
): string[] {
  if (!complete) return [];
  const others = items.filter(({ location, sha256 }) => {
    const { listed, formerSha256 } = artifacts.get(location.name)!.archive!;
    return listed === undefined && (sha256 === undefined || sha256 !== formerSha256);
  }).map(({ location }) => location.name);
  if (others.length === 0) return [];
  const count = plural(others.length, "archive");
  const named = others.length > 1 ? `${others[0]}, …` : others[0];
  return [
    `${count} not in the outputs manifest, or replaced after it was written (${named}): ` +
    "fetched as the storage has it",
  ];
}

/** Whether an artifact is missing: in the other compression it need not be there. */
function isMissing(name: string, artifacts: ReadonlyMap<string, FoundArtifact>): boolean {
  if (artifacts.get(name)!.archive !== undefined) return false;
  const zst = ArtifactName.parse(name).withCompression("zst").fileName;
  return artifacts.get(zst)?.archive === undefined;
}

function pathIn(outputDir: string, name: string): string {
  return join(outputDir, Deno.build.os === "windows" ? encodeWindowsName(name) : name);
}

function missingArchive(
  { name, sidecar, gone }: FoundArtifact,
  outputDir: string,
  show: (location: OutputLocation) => string,
): TransferResult {
  const location = gone?.location ?? sidecar!.location.parent.join(name);
  const reason = gone === undefined
    ? `only its checksum file exists, ${show(sidecar!.location)}`
    : `manifest part ${gone.part} lists ${show(location)}`;
  const error = new RunOutputsError("not_found", `The archive ${name} is missing: ${reason}`);
  const path = pathIn(outputDir, name);
  return { location, path, size: gone?.size, outcome: "failed", warnings: [], error };
}

/** What parts of the manifest say against each other. */
function conflictOf({ location, listed }: ArtifactObject): string | undefined {
  if (listed === undefined || listed.conflicts.length === 0) return undefined;
  const others = listed.conflicts.map(({ part }) => part).join(", ");
  return `${location.name}: manifest part ${listed.parts[0]} lists different content ` +
    `than ${others}; the newest one, ${listed.parts[0]}, is used`;
}

function failure(info: ArtifactObject, path: string, error: Error): TransferResult {
  const { location, size } = info;
  return { location, path, size, outcome: "failed", warnings: [], error };
}
