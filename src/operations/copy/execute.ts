/**
 * Copies a run's outputs: inside one storage without downloading them, between two storages as
 * verified streams.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { isSameRunPage } from "../index_pages/run_about.ts";
import { refuseDeleting } from "../manifest/refuse_deleting.ts";
import { LinkedController } from "../../storage/linked_controller.ts";
import type { TransferOptions, TransferResult } from "../../storage/transfer/transfer.ts";
import type { IfExists } from "../../storage/transfer/upload.ts";
import { copyOnServer, copyThrough } from "./files.ts";
import { CopyMarker } from "./marker.ts";
import { beginParts, type CopyPartsOptions, openPart, type WithheldPart } from "./parts.ts";
import type { CopyFile } from "./compact_files.ts";
import type { CopyPlan, RunPlace } from "./plan.ts";
import { copyRemoved } from "./removed.ts";
import { CopyResults } from "./results.ts";

/** Options of {@linkcode executeCopy}. */
export interface CopyOptions extends TransferOptions {
  /** What to do with existing files of different content. Default: `replace`, with a warning. */
  readonly ifExists?: IfExists;
  /** Whether a dry run reads and verifies all bytes. Default: `false`. */
  readonly verifyDryRun?: boolean;
  /** Formats a location of the source for messages. Default: its S3 URI. */
  readonly showSource?: (location: OutputLocation) => string;
  /** Formats a location of the destination for messages. Default: its S3 URI. */
  readonly show?: (location: OutputLocation) => string;
  /** The copying program, such as `run-outputs/1.0.0`, for the markers of unfinished copies. */
  readonly tool?: string;
  /** The current time. Default: now. */
  readonly now?: () => Date;
  /** Called with one-line notes for the user. */
  readonly onNote?: (note: string) => void;
}

/** The default program. */
const DEFAULT_TOOL = "run-outputs";

/** The result of a copy. */
export interface CopyReport {
  /** The result of each file, including those of the manifest. */
  readonly results: readonly TransferResult[];
  /** The parts of the manifest that were not written. */
  readonly withheld: readonly WithheldPart[];
}

/** The same with results in little memory. */
export interface CompactReport extends Pick<CopyReport, "withheld"> {
  /** The results, sorted by key. */
  readonly results: CopyResults;
}

/**
 * Copies the files of a plan. If both are in the same storage, that copies them without a download.
 * Identical files are not copied again, so that a second run resumes the first. The checksum file
 * comes after its file. The parts of the manifest come last, each if all files that it lists exist;
 * a selection gets parts with only its files.
 *
 * @param plan The plan.
 * @param to The destination: the same storage, if possible as the same object, or another.
 * @param options What to do with existing files, concurrency, progress, a signal.
 * @returns The result of each file, sorted by key. A failure of one does not stop the others.
 * @throws {RunOutputsError} `invalid`, if source and destination are the same; `not_found`, if the
 * destination is being deleted; `failed`, if its disk is too small; the reason why the marker of an
 * unfinished copy could not be written, before anything else is; or the signal's reason.
 */
export async function executeCopy(
  plan: CopyPlan,
  to: RunPlace,
  options: CopyOptions = {},
): Promise<CopyReport> {
  const { results, withheld } = await executeCopyCompactly(plan, to, options);
  return { results: [...results], withheld };
}

/**
 * As {@linkcode executeCopy}. The results take little memory.
 *
 * @param plan The plan.
 * @param to The destination.
 * @param options What to do with existing files, concurrency, progress, a signal.
 * @returns The result of each file.
 */
export async function executeCopyCompactly(
  plan: CopyPlan,
  to: RunPlace,
  options: CopyOptions = {},
): Promise<CompactReport> {
  const { from, files, obstacles } = plan;
  const { showSource = String, ifExists = "replace" } = options;
  if (from.backend === to.backend && from.root.root().equals(to.root.root())) {
    throw new RunOutputsError(
      "invalid",
      `Cannot copy ${to.root.root()} to itself: name another run`,
    );
  }
  await refuseDeleting(to.backend, to.root, { show: options.show, signal: options.signal });
  await to.backend.checkSpace?.(spaceOf(plan, to.root));
  // Without the marker, the copy ends before its first write.
  using controller = new LinkedController(options.signal);
  const { signal } = controller;
  const how = { ...options, tool: options.tool ?? DEFAULT_TOOL, signal };
  const marker = new CopyMarker(plan, to, {
    ...how,
    onFailure: (error) => controller.abort(error),
  });
  const place = { ...to, backend: marker.backend };
  const parts = await beginParts(plan, place, how);
  const expected = await writeExpected(plan, place, how);
  signal.throwIfAborted();

  // A local storage would read all bytes too, so they can be compared as well.
  const onServer = from.backend === to.backend && to.backend.name !== "local";
  const target = (path: string) => to.root.root().join(path);
  const results = new CopyResults(files, {
    from: from.root.root(),
    to: to.root.root(),
    showSource,
  });
  for (const { path, location, error } of obstacles) {
    results.push({
      location: target(path),
      path: showSource(location),
      outcome: "failed",
      warnings: [],
      error,
    });
  }
  const page = await keptPage(plan, to, options);
  if (page !== undefined) {
    const { path, location, size } = page;
    results.push({
      location: target(path),
      path: showSource(location),
      outcome: "unchanged",
      size,
      warnings: [],
    });
  }
  const common = { ...how, ifExists, showSource, kept: page?.path };
  if (onServer) await copyOnServer(parts.backend, files, target, results, common);
  else await copyThrough(from.backend, parts.backend, files, target, results, common);

  const record = await copyRemoved(plan, to, how);
  const isRecorded = record.every(({ outcome }) => outcome !== "failed");
  const removed = new Set(isRecorded ? plan.removed.map(({ path }) => path) : []);
  const written = await parts.end(results, removed);
  await marker.settle(results, parts.unfinished);
  results.push(...expected, ...record, ...written.results);
  return { results, withheld: written.withheld };
}

/**
 * The files of a copy with their destinations, for a check of the space that they need.
 *
 * @param plan The plan.
 * @param root The destination.
 * @returns The files. They can be iterated repeatedly.
 */
export function spaceOf({ files }: CopyPlan, root: RunPlace["root"]) {
  return {
    *[Symbol.iterator]() {
      for (const { path, size } of files) yield { location: root.root().join(path), size };
    },
  };
}

/**
 * The page of the run, if the destination has it already: it says there what that run is, and a copy
 * would say what the source is until the summary of the destination is written.
 */
async function keptPage(
  { from, files }: CopyPlan,
  to: RunPlace,
  { signal }: CopyOptions,
): Promise<CopyFile | undefined> {
  const location = from.root.runIndex();
  const index = files.indexOf(location.relativeTo(from.root.root())!);
  if (index === -1) return undefined;
  const theirs = { backend: to.backend, location: to.root.runIndex() };
  const isSame = await isSameRunPage({ backend: from.backend, location }, theirs, { signal })
    .catch((error) => {
      signal?.throwIfAborted();
      // What can't be read is copied, or fails as every other file does.
      if (error instanceof RunOutputsError) return false;
      throw error;
    });
  return isSame ? files.at(index) : undefined;
}

/** First, so that an incomplete copy can be recognized. */
async function writeExpected(
  { whole, manifest }: CopyPlan,
  to: RunPlace,
  options: CopyPartsOptions,
): Promise<TransferResult[]> {
  if (!whole || manifest.expected === undefined) return [];
  return [await openPart(to, "expected-parts", options).expect(manifest.expected)];
}
