/**
 * Derives the facts of a run's summary from the run's files.
 *
 * @module
 */

import { classify } from "../../layout/classify.ts";
import { compareKeys } from "../../layout/compare_keys.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import type { ManifestHead } from "../../runs/manifest.ts";
import { runState } from "../../runs/retention/state.ts";
import {
  type FileTotals,
  MAX_REPORTS,
  type RetentionSummary,
  type RunFacts,
  type SummaryInput,
} from "../../runs/retention/summary.ts";
import { unfinishedName } from "../../runs/unfinished_part.ts";
import type { CallOptions, ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { versionTag } from "../../storage/version_tag.ts";
import { joinListing, type RemovedOutput } from "../manifest/list_outputs.ts";
import { NO_MANIFEST, readOutputs, type RunManifest } from "../manifest/read.ts";

/** What was derived. */
export interface DerivedRun extends Pick<RetentionSummary, "inputs" | "basis"> {
  /** The facts. */
  readonly facts: RunFacts;
}

/**
 * Derives the facts of a run: reads its manifest and lists all of its files.
 *
 * @param backend The storage.
 * @param root The run.
 * @param inputs The files of `manifests/outputs/` and the record of removed files, as they were listed
 * before.
 * @param options A signal.
 * @returns The facts; `undefined`, if the run has no files.
 * @throws {RunOutputsError} What the storage says. A manifest that can't be read is not an error: the
 * facts say so.
 */
export async function deriveRun(
  backend: StorageBackend,
  root: RunOutputRoot,
  inputs: readonly ObjectInfo[],
  { signal }: CallOptions = {},
): Promise<DerivedRun | undefined> {
  const { manifest, failure }: ReadManifest = inputs.length === 0
    ? { manifest: NO_MANIFEST }
    : await readManifest(backend, root, { signal });
  const found = await surveyFiles(backend, root, manifest, { signal });
  if (found.files === 0 && inputs.length === 0) return undefined;
  const heads = manifest.parts.map(({ head }) => head);
  const marked = manifest.markers.map(({ part }) => part);
  const { completeness, reasons, missingParts } = runState({
    parts: heads.map(({ part }) => part),
    expected: manifest.expected,
    marked,
    missingFiles: found.missing,
  });
  const isBroken = failure?.code === "integrity";
  const because = failure === undefined ? reasons : [failure.message];
  const facts: RunFacts = {
    ...originOf(heads, root),
    ...timesOf(heads, inputs, found),
    // Of a newer schema nothing is known to be wrong.
    completeness: isBroken ? "incomplete" : failure === undefined ? completeness : "unproven",
    incomplete_because: isBroken || completeness === "incomplete" ? because : undefined,
    missing_parts: orNone(missingParts),
    missing_files: found.missing === 0 ? undefined : found.missing,
    removed: removedOf(manifest, found.removed),
    uploading: uploadingOf(marked, inputs),
    artifact_manifest: statusOf(heads, missingParts, failure),
    files: found.files,
    bytes: found.bytes,
    kinds: found.kinds,
    groups: [...found.groups].sort(compareKeys),
    reports: found.reports.slice(0, MAX_REPORTS),
    reports_truncated: found.reports.length > MAX_REPORTS ? true : undefined,
  };
  return {
    facts: withoutUndefined(facts),
    inputs: inputsOf(inputs),
    basis: heads.length === 0 ? "listing" : "manifest",
  };
}

/**
 * The inputs of a summary in the form that it keeps.
 *
 * @param inputs The files of `manifests/outputs/`.
 * @returns Names, sizes and version tags, in the order of the names.
 */
export function inputsOf(inputs: readonly ObjectInfo[]): SummaryInput[] {
  return inputs
    .map(({ location, size, etag }) => ({
      name: inputName(location),
      size,
      etag: versionTag(etag),
    }))
    .sort((a, b) => compareKeys(a.name, b.name));
}

/** A part can have the name of the record of removed files. */
function inputName({ parent, name }: ObjectInfo["location"]): string {
  return parent.name === "retention" ? `retention/${name}` : name;
}

/** A manifest, or why it can't be read. */
interface ReadManifest {
  readonly manifest: RunManifest;
  readonly failure?: RunOutputsError;
}

/** Reads the manifest. One that can't be read counts as none. */
async function readManifest(
  backend: StorageBackend,
  root: RunOutputRoot,
  { signal }: CallOptions,
): Promise<ReadManifest> {
  // Paths in the run, so that the message is the same wherever the run is.
  const show = (location: ObjectInfo["location"]) => location.relativeTo(root.root()) ?? "";
  try {
    return { manifest: await readOutputs(backend, root, { show, evenDeleting: true, signal }) };
  } catch (error) {
    if (!(error instanceof RunOutputsError) || !/integrity|failed/.test(error.code)) throw error;
    return { manifest: NO_MANIFEST, failure: error };
  }
}

/** What a listing says about a run. */
interface Survey extends FileTotals {
  readonly kinds: Readonly<Record<string, FileTotals>>;
  readonly groups: ReadonlySet<string>;
  readonly reports: RunFacts["reports"];
  /** How many files are listed in a part and do not exist. */
  readonly missing: number;
  /** What retention has removed. */
  readonly removed: Pick<Survey, "files" | "bytes" | "kinds">;
  readonly oldest?: Date;
  readonly newest?: Date;
}

async function surveyFiles(
  backend: StorageBackend,
  root: RunOutputRoot,
  manifest: RunManifest,
  options: CallOptions,
): Promise<Survey> {
  const [totals, removed] = [new Totals(), new Totals()];
  const groups = new Set<string>();
  const addGroup = (path: string) => {
    const group = groupOf(path);
    if (group !== undefined) groups.add(group);
  };
  // A run keeps its groups when its logs are gone.
  const onRemoved = ({ path, kind, size = 0 }: RemovedOutput) => {
    removed.add(kind, size);
    addGroup(path);
  };
  const reports: { path: string; size: number }[] = [];
  let missing = 0;
  let oldest: Date | undefined;
  let newest: Date | undefined;
  for await (
    const { path, info } of joinListing(backend, root, manifest, { ...options, onRemoved })
  ) {
    const kind = classify(path);
    // The summary must not depend on itself. Index pages are regenerated by other programs too.
    if (kind === "retention" || kind === "index") continue;
    if (info === undefined) {
      missing++;
      continue;
    }
    const { size, modified } = info;
    totals.add(kind, size);
    addGroup(path);
    // One more than a summary lists, to know that there are more.
    if (kind === "report" && reports.length <= MAX_REPORTS) reports.push({ path, size });
    if (oldest === undefined || modified < oldest) oldest = modified;
    if (newest === undefined || modified > newest) newest = modified;
  }
  return {
    ...totals.get(),
    removed: removed.get(),
    groups,
    reports,
    missing,
    oldest,
    newest,
  };
}

/** Counts files, all and of each kind. */
class Totals {
  readonly #kinds = new Map<string, FileTotals>();
  #files = 0;
  #bytes = 0;

  add(kind: string, size: number): void {
    this.#files++;
    this.#bytes += size;
    const { files, bytes } = this.#kinds.get(kind) ?? { files: 0, bytes: 0 };
    this.#kinds.set(kind, { files: files + 1, bytes: bytes + size });
  }

  get(): Pick<Survey, "files" | "bytes" | "kinds"> {
    const kinds = [...this.#kinds].sort(([a], [b]) => compareKeys(a, b));
    return { files: this.#files, bytes: this.#bytes, kinds: Object.fromEntries(kinds) };
  }
}

/** The removals, unless all that they have removed was uploaded again. */
function removedOf(
  { removed }: RunManifest,
  totals: Survey["removed"],
): RunFacts["removed"] {
  if (removed === undefined) return undefined;
  const removals = removed.record.removals.map(({ at, rule, kinds, finished_at }) =>
    withoutUndefined({
      at,
      rule,
      kinds,
      unfinished: finished_at === undefined ? true as const : undefined,
    })
  );
  if (totals.files === 0 && removals.every(({ unfinished }) => !unfinished)) return undefined;
  return { ...totals, removals };
}

/** Directories of `logs/` and `manifests/` that are not named for a group or stage. */
const NO_GROUP = new Set(["outputs", "retention", "packaging"]);

/** The artifact group or stage that a file belongs to by its path. */
function groupOf(path: string): string | undefined {
  const [, group] = /^(?:logs|manifests)\/([^/]+)\//.exec(path) ?? [];
  return group === undefined || NO_GROUP.has(group) ? undefined : group;
}

/** The parts of the run itself count more than copied ones, and later ones more than earlier ones. */
function originOf(
  heads: readonly ManifestHead[],
  { runId, platform }: RunOutputRoot,
): Pick<
  RunFacts,
  "repository" | "commit" | "branch" | "workflow" | "attempts" | "origin_runs"
> {
  const isOwn = ({ run }: ManifestHead) => run.run_id === runId && run.platform === platform;
  const byTime = heads.toSorted((a, b) => timeOf(b) - timeOf(a));
  const byWeight = [...byTime.filter(isOwn), ...byTime.filter((head) => !isOwn(head))];
  const first = (member: "repository" | "commit" | "branch" | "workflow") =>
    byWeight.find(({ run }) => run[member] !== undefined)?.run[member];
  const attempts = heads.filter(isOwn).map(({ run }) => run.run_attempt ?? 0);
  const origins = heads.filter((head) => !isOwn(head))
    .map(({ run }) => `${run.run_id}-${run.platform}`);
  return {
    repository: first("repository"),
    commit: first("commit"),
    branch: first("branch"),
    workflow: first("workflow"),
    attempts: [...new Set(attempts)].filter((attempt) => attempt > 0).sort((a, b) => a - b),
    origin_runs: orNone([...new Set(origins)].sort(compareKeys)),
  };
}

function timeOf({ created_at }: ManifestHead): number {
  return new Date(created_at).getTime();
}

function timesOf(
  heads: readonly ManifestHead[],
  inputs: readonly ObjectInfo[],
  { oldest, newest }: Survey,
): Pick<RunFacts, "created_at" | "updated_at"> {
  // The record of removed files says nothing of the age of the run.
  const isRecord = ({ location }: ObjectInfo) => location.parent.name === "retention";
  const of = (objects: readonly ObjectInfo[]) =>
    [oldest, newest, ...objects.map(({ modified }) => modified)]
      .flatMap((time) => time === undefined ? [] : [time.getTime()]);
  const own = of(inputs.filter((info) => !isRecord(info)));
  const times = heads.length > 0 ? heads.map(timeOf) : own.length > 0 ? own : of(inputs);
  const iso = (time: number) => new Date(time).toISOString();
  // Not by spreading: a run can have many parts.
  return {
    created_at: iso(times.reduce((a, b) => Math.min(a, b))),
    updated_at: iso(times.reduce((a, b) => Math.max(a, b))),
  };
}

function uploadingOf(
  marked: readonly string[],
  inputs: readonly ObjectInfo[],
): RunFacts["uploading"] {
  if (marked.length === 0) return undefined;
  const names = new Set(marked.map(unfinishedName));
  const times = inputs.filter(({ location }) => names.has(location.name))
    .map(({ modified }) => modified.getTime());
  // A marker that was written after the listing has no time in it.
  const since = times.length === 0 ? 0 : Math.min(...times);
  return { since: new Date(since).toISOString(), parts: [...marked].sort(compareKeys) };
}

function statusOf(
  heads: readonly ManifestHead[],
  missingParts: readonly string[],
  failure: RunOutputsError | undefined,
): RunFacts["artifact_manifest"] {
  if (failure !== undefined) return { status: "broken", reason: failure.message };
  if (missingParts.length > 0) {
    return { status: "partial", reason: `missing parts: ${missingParts.join(", ")}` };
  }
  if (heads.length > 0) return { status: "available" };
  const reason = "the run has no outputs manifest: no upload of it has written one";
  return { status: "unavailable", reason };
}

function orNone<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}

/** Without members that JSON leaves out, so that what was read equals what was derived. */
function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T;
}
