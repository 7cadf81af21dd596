/**
 * The parts of the outputs manifest at the destination of a copy, from its beginning to
 * its end.
 *
 * The source run's parts are written there, each if all files that it lists exist. Existing parts
 * at the destination that list replaced files are deleted before, and written again afterwards.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { isCopyMarker } from "../../runs/unfinished_part.ts";
import type { StorageBackend } from "../../storage/backend.ts";
import type { TransferResult } from "../../storage/transfer/transfer.ts";
import {
  type CopiedFiles,
  copiedPart,
  otherClaims,
  unfinishedPart,
  type WithheldContent,
} from "./copied_parts.ts";
import { hashObject } from "./files.ts";
import type { CopyPlan, RunPlace } from "./plan.ts";
import { PlannedPaths, union } from "./planned_paths.ts";
import type { CopyResults } from "./results.ts";
import { filesWhere } from "../manifest/part_files.ts";
import { NO_MANIFEST, readOutputs, type RunManifest } from "../manifest/read.ts";
import { UnfinishedMarker } from "../manifest/unfinished_marker.ts";
import { PartUpload } from "../manifest/write_part.ts";

/** Options of {@linkcode beginParts}. */
export interface CopyPartsOptions {
  /** The copying program, such as `run-outputs/1.0.0`. */
  readonly tool: string;
  /** Formats a location of the source for messages. */
  readonly showSource?: (location: OutputLocation) => string;
  /** Formats a location of the destination for messages. */
  readonly show?: (location: OutputLocation) => string;
  /** The current time. */
  readonly now?: () => Date;
  /** Called with one-line notes for the user. */
  readonly onNote?: (note: string) => void;
  /** Aborts operations in progress. */
  readonly signal?: AbortSignal;
}

/** A part of the manifest that is not written to the copy. */
export interface WithheldPart {
  /** Its name. */
  readonly part: string;
  /** The reason, as a clause. */
  readonly reason: string;
}

/** The parts of a copy in progress. */
export interface CopyParts {
  /** The storage to copy to, which deletes parts before it replaces files that they list. */
  readonly backend: StorageBackend;
  /** The names of the markers that existed before. */
  readonly unfinished: readonly string[];
  /** Writes them. The copy's record of removed files has these paths. */
  end(
    results: CopyResults,
    removed?: ReadonlySet<string>,
  ): Promise<{ results: TransferResult[]; withheld: WithheldPart[] }>;
}

/**
 * Determines the parts of the copy, and the existing parts that list files to be replaced.
 *
 * @param plan The copy.
 * @param to The destination.
 * @param options The program; a signal.
 * @returns The parts.
 */
export async function beginParts(
  plan: CopyPlan,
  to: RunPlace,
  options: CopyPartsOptions,
): Promise<CopyParts> {
  const { show, signal } = options;
  const existing = await readThere(to, options);
  const planned = new PlannedPaths(plan);
  const isThere = (name: string) => existing === undefined || existing.part(name) !== undefined;
  const names = plan.manifest.parts.map(({ head }) => head.part);
  // The files of a part matter only if there is one that lists them.
  const ours = names.some(isThere)
    ? await partsNaming(plan.manifest, planned, { isWanted: isThere })
    : new Map<string, number[]>();
  const theirs = await partsNaming(existing ?? NO_MANIFEST, planned, { conflicts: true });
  let { backend } = to;
  const uploads = new Map<string, PartUpload>();
  for (const name of new Set([...names, ...theirs.keys()])) {
    const upload = openPart({ backend, root: to.root }, name, options);
    uploads.set(name, upload);
    if (!isThere(name)) continue;
    const indexes = union(ours.get(name) ?? [], theirs.get(name) ?? []);
    backend = await upload.beginCopied({
      *[Symbol.iterator]() {
        for (const index of indexes) yield to.root.root().join(planned.at(index));
      },
    });
  }
  const uploadOf = (name: string) =>
    uploads.get(name) ?? openPart({ backend: to.backend, root: to.root }, name, options);
  return {
    backend,
    unfinished: existing?.unfinished ?? [],
    async end(results, removed) {
      for (const { index, location } of results.unhashed()) {
        results.keepHash(index, await hashObject(to.backend, location, signal));
      }
      const state = { existing: results, failed: results.failed(), removed };
      const copy: Ending = {
        plan,
        existing: existing ?? NO_MANIFEST,
        state,
        results,
        planned,
        options,
      };
      const ended = await endOwn(copy, uploadOf, theirs);
      for (const [name, paths] of theirs) {
        const upload = uploads.get(name)!;
        if (names.includes(name) || !upload.isWithdrawn) continue;
        await endOther(copy, upload, paths, ended);
      }
      // What a killed copy has deleted.
      for (const name of copy.existing.unfinished) {
        if (isCopyMarker(name)) continue;
        if (names.includes(name) || plan.manifest.unfinished.includes(name)) continue;
        const options = { part: name, show, isKept: () => false, signal };
        const marker = await new UnfinishedMarker(to.backend, to.root, options).pending();
        if (marker === undefined || marker.pending.length === 0 || marker.unlisted.length > 0) {
          continue;
        }
        if (!marker.pending.every((path) => state.existing.has(path))) continue;
        const indexes = marker.pending.map((path) => planned.indexOf(path));
        await endOther(copy, uploadOf(name), indexes, ended);
      }
      return ended;
    },
  };
}

/**
 * Opens one part at the destination.
 *
 * @param place The destination.
 * @param part Its name.
 * @param options The program.
 * @returns The part, of which nothing is written yet.
 */
export function openPart(
  { backend, root }: RunPlace,
  part: string,
  { tool, show, now, onNote, signal }: CopyPartsOptions,
): PartUpload {
  return new PartUpload(backend, root, { part, run: {}, tool, show, now, onNote, signal });
}

/** A copy after its last file. */
interface Ending {
  readonly plan: CopyPlan;
  readonly existing: RunManifest;
  readonly state: CopiedFiles;
  readonly results: CopyResults;
  readonly planned: PlannedPaths;
  readonly options: CopyPartsOptions;
}

/** The results of the parts. */
interface Ended {
  readonly results: TransferResult[];
  readonly withheld: WithheldPart[];
}

/** Writes the parts of the source run. */
async function endOwn(
  copy: Ending,
  uploadOf: (name: string) => PartUpload,
  theirs: ReadonlyMap<string, readonly number[]>,
): Promise<Ended> {
  const { plan: { from, manifest, whole }, existing, state, options } = copy;
  const { showSource: show, onNote, now = () => new Date(), signal } = options;
  const results: TransferResult[] = [];
  const withheld: WithheldPart[] = [];
  const others = await otherClaims(existing, state.existing);
  const withhold = async (part: string, reason: string, content?: WithheldContent) => {
    if (!isCopyMarker(part)) withheld.push({ part, reason });
    const upload = uploadOf(part);
    if (content === undefined) return;
    // Files that were not selected are not part of this copy.
    const pending = whole ? content.pending : content.pending.filter((p) => state.failed.has(p));
    const unlisted = whole ? content.unlisted : [];
    if (!whole && pending.length === 0 && !upload.isWithdrawn) return;
    await upload.withholdCopied(content, { pending, unlisted });
  };
  for (const part of manifest.parts) {
    const name = part.head.part;
    if (manifest.unfinished.includes(name)) continue;
    const upload = uploadOf(name);
    const replaced = upload.isWithdrawn ? resultsOf(copy, theirs.get(name) ?? []) : [];
    const made = await copiedPart(from, part, state, { show, signal });
    if (made === undefined) {
      if (upload.isWithdrawn) {
        await endOther(copy, upload, theirs.get(name)!, { results, withheld });
      }
      continue;
    }
    if ("reason" in made) {
      await withhold(name, made.reason, made.content);
      continue;
    }
    const { untrue } = made;
    let { files } = made;
    if (untrue > 0) {
      onNote?.(
        `part ${name} lists different content for ${untrue} of its files; they are left out`,
      );
    }
    // If an existing part could not be deleted, the latest part takes precedence.
    const written = Date.parse(made.head.created_at);
    let latest = 0;
    if (others.size > 0) {
      for await (const { path } of files) {
        for (const claim of others.get(path) ?? []) {
          if (claim.part === name || claim.written < written) continue;
          latest = Math.max(latest, claim.written + 1);
        }
      }
    }
    const head = latest === 0 ? made.head : {
      ...made.head,
      created_at: new Date(Math.max(now().getTime(), latest)).toISOString(),
    };
    // The record of removed files names the version of the source.
    if (latest > 0) files = filesWhere(files, ({ path }) => state.existing.has(path));
    results.push(await upload.endCopied({ head, files, replaced, existing: state.existing }));
  }
  for (const name of manifest.unfinished) {
    const content = await unfinishedPart(from, name, manifest.part(name), state, { show, signal });
    await withhold(name, "it is incomplete in the source", content);
  }
  return { results, withheld };
}

/**
 * Writes an existing part again that the source run does not have, after files in it were replaced.
 */
async function endOther(
  copy: Ending,
  upload: PartUpload,
  indexes: readonly number[],
  { results, withheld }: Ended,
): Promise<void> {
  const { state, planned } = copy;
  const lost = indexes.filter((index) => !copy.results.exists(index));
  const replaced = resultsOf(copy, indexes);
  if (lost.length > 0) {
    const pending = lost.map((index) => planned.at(index));
    const reason = `it was deleted, and ${pending[0]} could not be replaced`;
    withheld.push({ part: upload.name, reason });
    return await upload.withholdCopied({ replaced }, { pending, unlisted: [] });
  }
  results.push(await upload.endCopied({ replaced, existing: state.existing }));
}

/** The results of some files, without missing ones. */
function resultsOf({ results }: Ending, indexes: readonly number[]): Iterable<TransferResult> {
  return {
    *[Symbol.iterator]() {
      for (const index of indexes) if (results.exists(index)) yield results.at(index)!;
    },
  };
}

/**
 * The existing manifest at the destination. A broken manifest, or one that the role cannot list, is
 * handled part by part.
 */
async function readThere(
  to: RunPlace,
  { show, signal }: CopyPartsOptions,
): Promise<RunManifest | undefined> {
  try {
    return await readOutputs(to.backend, to.root, { show, signal });
  } catch (error) {
    if (!(error instanceof RunOutputsError) || !/integrity|denied/.test(error.code)) throw error;
    return undefined;
  }
}

/** Which files of a part {@linkcode partsNaming} finds. */
interface NamingOptions {
  /** Whether a part matters. Default: all. */
  readonly isWanted?: (part: string) => boolean;
  /** Whether to include files that a later part lists with other content. */
  readonly conflicts?: boolean;
}

/** The parts that list some of the paths, with the indexes of those paths. */
async function partsNaming(
  manifest: RunManifest,
  planned: PlannedPaths,
  { isWanted = () => true, conflicts: withConflicts = false }: NamingOptions,
): Promise<Map<string, number[]>> {
  const found = new Map<string, number[]>();
  for await (const { file: { path }, parts, conflicts } of manifest.files()) {
    const index = planned.indexOf(path);
    if (index === -1) continue;
    const others = withConflicts ? conflicts.map(({ part }) => part) : [];
    for (const part of [...parts, ...others].filter(isWanted)) {
      const some = found.get(part);
      if (some === undefined) found.set(part, [index]);
      else some.push(index);
    }
  }
  return found;
}
