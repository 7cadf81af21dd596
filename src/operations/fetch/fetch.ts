/**
 * Plans a fetch: which of a run's artifacts to download, and their checksums.
 *
 * @module
 */

import { join } from "node:path";
import pMap from "p-map";
import { ArtifactName } from "../../layout/artifact_name.ts";
import { checksumMismatch, REPAIR } from "../../errors/checksum_mismatch.ts";
import { RunOutputsError } from "../../errors/error.ts";
import { encodeWindowsName } from "../../layout/local_name.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { plural } from "../../layout/words.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import type { StorageBackend } from "../../storage/backend.ts";
import { checkConcurrency } from "../../storage/concurrency.ts";
import { shownBy } from "../../storage/shown_by.ts";
import type { DownloadItem, DownloadOptions } from "../../storage/transfer/download.ts";
import { SMALL_CONCURRENCY, type TransferResult } from "../../storage/transfer/transfer.ts";
import type { FetchResult } from "./archive_source.ts";
import { type ArtifactObject, artifactsOfRun, type FoundArtifact } from "../artifacts/of_run.ts";
import { whatToCheck } from "../manifest/list_outputs.ts";
import { readOutputs, type RunManifest } from "../manifest/read.ts";
import { removedError } from "../manifest/removed_files.ts";
import { checkSelection, selectArtifacts } from "../artifacts/select.ts";
import type { ArtifactSelection } from "../artifacts/selection.ts";
import { readSidecar, SIDECAR_SUFFIX } from "../artifacts/sidecar.ts";

/** Selection and destination of the artifacts. */
export interface FetchOptions extends ArtifactSelection, DownloadOptions {
  /** The directory for the archives, or for their content. */
  readonly outputDir: string;
  /** Reject archives without a checksum. Default: accept them with a warning. */
  readonly requireChecksums?: boolean;
  /**
   * The run's manifest, if it was read already; `NO_MANIFEST` to go without. Default: it is read.
   */
  readonly manifest?: RunManifest;
  /** Formats a location for messages. Default: as the storage does. */
  readonly show?: (location: OutputLocation) => string;
}

/** The plan of a fetch. */
export interface FetchPlan {
  /** The archives to download. */
  readonly items: readonly DownloadItem[];
  /** Archives that cannot be downloaded: missing ones, or those with a broken checksum file. */
  readonly failures: readonly TransferResult[];
  /** Warnings about archives that will be downloaded. */
  readonly warnings: readonly string[];
  /** Notes on the selection, which need no action. */
  readonly notes: readonly string[];
  /** The number of all artifacts of the run. */
  readonly available: number;
}

/**
 * Determines which archives to fetch, and their checksums: from the run's manifest or, if it does
 * not list them, from their checksum files.
 *
 * A run has its artifacts in the typed layout, in the flat layout or, if the layout changed between
 * its jobs, in both; if an artifact is in both, the one that the manifest lists is used, else that
 * of the typed layout. If an artifact has both compressions, the `.tar.zst` is used.
 *
 * @param backend The storage.
 * @param root The run; its `layout` is ignored.
 * @param options The selection and the destination.
 * @returns The plan.
 * @throws {RunOutputsError} `not_found`, if the run has no artifacts at all, or retention has removed
 * all that are selected; errors of {@linkcode selectArtifacts}.
 */
export async function planFetch(
  backend: StorageBackend,
  root: RunOutputRoot,
  options: FetchOptions,
): Promise<FetchPlan> {
  const { outputDir, signal, requireChecksums } = options;
  const concurrency = checkConcurrency(options.concurrency ?? SMALL_CONCURRENCY);
  const show = options.show ?? shownBy(backend);
  checkSelection(options);
  const manifest = options.manifest ?? await readOutputs(backend, root, { show, signal });
  const artifacts = await artifactsOfRun(backend, root, manifest, { signal });
  const names = [...artifacts.keys()].sort();
  const archives = names.filter((name) => artifacts.get(name)!.archive !== undefined);
  // An archive with only a checksum file or a manifest entry is an artifact too: a missing one.
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
  throwIfRemoved(selected, artifacts, show(root.root()));
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
  const notes = [...choice.notes, ...unlisted(items, artifacts, manifest)];
  return { items, failures, warnings: warnings.sort(), notes, available: archives.length };
}

/**
 * Adds an explanation if an archive has no checksum, or a checksum mismatch.
 *
 * @param result Its result.
 * @param item The request.
 * @param show Formats a location for messages.
 * @returns The result, with a warning or an error message that names the archive.
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
  const failed = `Cannot fetch ${show(location)}`;
  const { actualSha256: actual } = error;
  const named = actual === undefined
    ? new RunOutputsError("integrity", `${failed}: ${error.message}`, { cause: error })
    : checksumMismatch(
      failed,
      { expected: item.sha256!, actual },
      REPAIR,
    );
  return { ...result, error: named };
}

/** Notes on archives that a complete manifest does not list, or lists with other content. */
function unlisted(
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

/** Fails once, and not for each of them, if retention has removed all selected archives. */
function throwIfRemoved(
  selected: readonly string[],
  artifacts: ReadonlyMap<string, FoundArtifact>,
  where: string,
): void {
  const removals = selected.flatMap((name) => artifacts.get(name)!.gone?.removal ?? []);
  if (removals.length === 0 || removals.length < selected.length) return;
  const what = selected.length === 1 ? selected[0] : plural(selected.length, "archive");
  throw removedError("fetch", `${what} from ${where}`, { removal: removals.at(-1)! });
}

/** Whether an artifact is missing in both compressions. */
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
  const error = gone?.removal === undefined
    ? new RunOutputsError("not_found", `The archive ${name} is missing: ${reason}`)
    : removedError("fetch", name, { removal: gone.removal });
  const path = pathIn(outputDir, name);
  return { location, path, size: gone?.size, outcome: "failed", warnings: [], error };
}

/** Contradictions between parts of the manifest. */
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
