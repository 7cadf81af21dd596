/**
 * Plans a fetch from the runs that a search found.
 *
 * @module
 */

import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import type { DownloadItem } from "../../storage/transfer/download.ts";
import type { StorageBackend } from "../../storage/backend.ts";
import { narrowSelection } from "../artifacts/requests.ts";
import type { TransferResult } from "../../storage/transfer/transfer.ts";
import { type FetchOptions, type FetchPlan, planFetch } from "./fetch.ts";
import type { RunManifest } from "../manifest/read.ts";
import type { FoundGroup, FoundRun } from "../find/search_runs.ts";

/** A run, and the groups to take from it. */
export interface SourceRun extends FoundRun {
  /** The groups; empty if all artifacts are taken. */
  readonly groups: readonly string[];
}

/**
 * The runs of some groups.
 *
 * @param groups The groups that were found.
 * @returns Each run once, the newest first.
 */
export function sourceRuns(groups: readonly FoundGroup[]): SourceRun[] {
  const byRun = new Map<string, SourceRun & { readonly groups: string[] }>();
  for (const { group, run, root, tried } of groups) {
    const source = byRun.get(run.id) ?? { run, root, tried, groups: [] };
    if (group !== undefined) source.groups.push(group);
    byRun.set(run.id, source);
  }
  return [...byRun.values()]
    .sort((a, b) => Date.parse(b.run.createdAt) - Date.parse(a.run.createdAt));
}

/**
 * Plans a fetch from several runs of a commit. If more than one has an artifact, such as a generic
 * one, it is taken from the newest.
 *
 * @param backend The storage.
 * @param sources The runs, the newest first.
 * @param options Selection and destination, as for the search. Families include their GPUs, as in
 * the search.
 * @param manifestOf Reads a run's manifest. Default: like {@linkcode planFetch}.
 * @returns The plan.
 * @throws {RunOutputsError} Errors of {@linkcode planFetch}.
 */
export async function planFoundFetch(
  backend: StorageBackend,
  sources: readonly { readonly root: RunOutputRoot; readonly groups: readonly string[] }[],
  options: FetchOptions,
  manifestOf?: (root: RunOutputRoot) => Promise<RunManifest>,
): Promise<FetchPlan> {
  const items = new Map<string, DownloadItem>();
  const failures = new Map<string, TransferResult>();
  const warnings: string[] = [];
  const notes: string[] = [];
  let available = 0;
  for (const { root, groups } of sources) {
    const manifest = await manifestOf?.(root);
    const only = narrowSelection(options, groups);
    const plan = await planFetch(backend, root, { ...only, expandFamilies: true, manifest });
    available += plan.available;
    warnings.push(...plan.warnings);
    notes.push(...plan.notes);
    const taken = new Set([...items.keys(), ...failures.keys()].map(artifactOf));
    for (const item of plan.items) {
      if (!taken.has(artifactOf(item.path))) items.set(item.path, item);
    }
    for (const failure of plan.failures) {
      if (!taken.has(artifactOf(failure.path))) failures.set(failure.path, failure);
    }
  }
  const sorted = [...items.values()].sort((a, b) => a.path < b.path ? -1 : 1);
  return { items: sorted, failures: [...failures.values()], warnings, notes, available };
}

/** An artifact is the same in both compressions. */
function artifactOf(path: string): string {
  return path.replace(/\.tar\.(?:zst|xz)$/, "");
}
