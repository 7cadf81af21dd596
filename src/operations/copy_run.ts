/**
 * The copy of a run's outputs to another place: inside one storage by the storage itself, between
 * two of them as streams that are held against their hashes.
 *
 * @module
 */

import { RunOutputsError } from "../layout/error.ts";
import type { OutputLocation } from "../layout/output_location.ts";
import type { StorageBackend } from "../storage/backend.ts";
import type { TransferOptions, TransferResult } from "../storage/transfer.ts";
import { type IfExists, upload } from "../storage/upload.ts";
import { type CopiedFiles, copiedPart, type KnownContent, otherClaims } from "./copied_parts.ts";
import { copyOnServer, hashObject, streamedItem } from "./copy_files.ts";
import type { CopyPlan, RunPlace } from "./copy_plan.ts";
import { NO_MANIFEST, readOutputs, type RunManifest } from "./read_manifest.ts";
import { PartUpload } from "./upload_manifest_part.ts";

/** Options of {@linkcode executeCopy}. */
export interface CopyOptions extends TransferOptions {
  /** What to do where other content is. Default: `replace`, with a warning. */
  readonly ifExists?: IfExists;
  /** Whether a dry run reads all bytes and holds them against their hashes. Default: no. */
  readonly verifyDryRun?: boolean;
  /** Where a location of the source is, for messages. Default: its S3 URI. */
  readonly showSource?: (location: OutputLocation) => string;
  /** Where a location of the copy is, for messages. Default: its S3 URI. */
  readonly show?: (location: OutputLocation) => string;
  /** What time it is. Default: now. */
  readonly now?: () => Date;
  /** Told, in one line, what a person should know. */
  readonly onNote?: (note: string) => void;
}

/** A part of the manifest that the copy does not get. */
export interface WithheldPart {
  /** Its name. */
  readonly part: string;
  /** Why, as a part of a sentence. */
  readonly reason: string;
}

/** What a copy did. */
export interface CopyReport {
  /** What became of each file, those of the manifest included. */
  readonly results: readonly TransferResult[];
  /** The parts of the manifest that were not written. */
  readonly withheld: readonly WithheldPart[];
}

/**
 * Copies what a plan says. Where both places are the same storage it copies by itself, and nothing
 * of it passes through here. What is the same already is not copied again, so that a second run
 * continues the first. The parts of the manifest come last, each if all it tells of is there; a
 * selection gets parts with just its files.
 *
 * @param plan The plan.
 * @param to Where to: the same storage, if possible as the same object, or another.
 * @param options What to do where something exists, concurrency, progress, a signal.
 * @returns What became of each file. A failure of one does not stop the others.
 * @throws {RunOutputsError} `invalid`, if both places are the same; or the signal's reason.
 */
export async function executeCopy(
  plan: CopyPlan,
  to: RunPlace,
  options: CopyOptions = {},
): Promise<CopyReport> {
  const { from, files, obstacles } = plan;
  const { showSource = String, ifExists = "replace", onNote } = options;
  if (from.backend === to.backend && from.root.root().equals(to.root.root())) {
    throw new RunOutputsError(
      "invalid",
      `Cannot copy ${to.root.root()} to itself: name another run`,
    );
  }
  const there = await readThere(to, options);
  const parts = await beginParts(plan, to, there, options);
  const expected = await writeExpected(plan, to, options);

  // A local storage would read all bytes too: then they can as well be compared.
  const onServer = from.backend === to.backend && to.backend.name !== "local";
  const common = { ...options, ifExists, showSource };
  const target = (path: string) => to.root.root().join(path);
  const copied = onServer ? await copyOnServer(parts.backend, files, target, common) : await upload(
    parts.backend,
    files.map((file) => streamedItem(from.backend, file, target(file.path), common)),
    options,
  );

  const optional = new Set(
    files.filter(isTold).map(({ path }) => target(path).key),
  );
  const results = copied.filter((result) => {
    const isGone = optional.has(result.location.key) && isNotFound(result.error);
    if (isGone) onNote?.(`skipped '${result.path}': the page is not there`);
    return !isGone;
  });
  const hindered = obstacles.map(({ path, location, error }): TransferResult => {
    return {
      location: target(path),
      path: showSource(location),
      outcome: "failed",
      warnings: [],
      error,
    };
  });
  const done = [...hindered, ...results];
  const state = await stateOf(done, to, options);
  const written = await parts.end(state, there);
  return {
    results: [...expected, ...done, ...written.results],
    withheld: written.withheld,
  };
}

/**
 * The manifest that is at the copy already. A broken one, and one that who may write can't list, is
 * dealt with part by part.
 */
async function readThere(to: RunPlace, options: CopyOptions): Promise<RunManifest | undefined> {
  const { show, signal } = options;
  try {
    return await readOutputs(to.backend, to.root, { show, signal });
  } catch (error) {
    if (!(error instanceof RunOutputsError) || !/integrity|denied/.test(error.code)) throw error;
    return undefined;
  }
}

/** First of all: so that it is seen that a copy is not complete yet. */
async function writeExpected(
  { whole, manifest }: CopyPlan,
  to: RunPlace,
  options: CopyOptions,
): Promise<TransferResult[]> {
  if (!whole || manifest.expected === undefined) return [];
  return [await openPart(to, "expected-parts", options).expect(manifest.expected)];
}

function openPart(
  { backend, root }: RunPlace,
  part: string,
  { show, onNote, signal }: CopyOptions,
): PartUpload {
  return new PartUpload(backend, root, { part, run: {}, tool: "", show, onNote, signal });
}

/** The parts of a copy, from before its first file to after its last. */
interface CopyParts {
  /** The storage to copy to: it takes parts away before it replaces what they tell of. */
  readonly backend: StorageBackend;
  /** Writes them. */
  end(
    copied: CopiedFiles,
    there: RunManifest | undefined,
  ): Promise<{ results: TransferResult[]; withheld: WithheldPart[] }>;
}

async function beginParts(
  { from, manifest }: CopyPlan,
  to: RunPlace,
  there: RunManifest | undefined,
  options: CopyOptions,
): Promise<CopyParts> {
  const { showSource: show, onNote, now = () => new Date(), signal } = options;
  let { backend } = to;
  const uploads = new Map<string, PartUpload>();
  for (const { head: { part } } of manifest.parts) {
    const upload = openPart({ backend, root: to.root }, part, options);
    if (there === undefined || there.part(part) !== undefined) backend = await upload.begin();
    uploads.set(part, upload);
  }
  return {
    backend,
    async end(copied, there = NO_MANIFEST) {
      const results: TransferResult[] = [];
      const withheld: WithheldPart[] = [];
      const others = await otherClaims(there, copied.there);
      for (const part of manifest.parts) {
        const name = part.head.part;
        if (manifest.unfinished.includes(name)) {
          withheld.push({ part: name, reason: "an upload of it has failed at the source" });
          continue;
        }
        const made = await copiedPart(from, part, copied, { show, signal });
        if (made === undefined) continue;
        if (typeof made === "string") {
          withheld.push({ part: name, reason: made });
          continue;
        }
        const { files, untrue } = made;
        if (untrue > 0) {
          onNote?.(
            `the part ${name} has told of other content of ${untrue} of its files; left out`,
          );
        }
        // The part that was written last is believed.
        const written = Date.parse(made.head.created_at);
        const isContradicted = files.some(({ path }) =>
          others.get(path)?.some((claim) => claim.part !== name && claim.written >= written)
        );
        const head = isContradicted ? { ...made.head, created_at: now().toISOString() } : made.head;
        results.push(await uploads.get(name)!.endCopied(head, files));
      }
      return { results, withheld };
    },
  };
}

/** What is there now; of a file that was left alone it has to be looked up. */
async function stateOf(
  results: readonly TransferResult[],
  { backend, root }: RunPlace,
  { signal }: CopyOptions,
): Promise<CopiedFiles> {
  const there = new Map<string, KnownContent>();
  const failed = new Set<string>();
  for (const { location, outcome, size, sha256 } of results) {
    const path = location.relativeTo(root.root())!;
    if (outcome === "failed") failed.add(path);
    else if (outcome !== "skipped" || sha256 !== undefined) there.set(path, { size, sha256 });
    else there.set(path, { size, sha256: await hashObject(backend, location, signal) });
  }
  return { there, failed };
}

/** Whether it is a page that only the manifest tells of: nobody promises that it is there. */
function isTold({ size, sha256 }: KnownContent): boolean {
  return size === undefined && sha256 === undefined;
}

function isNotFound(error: Error | undefined): boolean {
  return error instanceof RunOutputsError && error.code === "not_found";
}
