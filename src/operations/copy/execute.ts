/**
 * The copy of a run's outputs to another place: inside one storage by the storage itself, between
 * two of them as streams that are held against their hashes.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { TransferOptions, TransferResult } from "../../storage/transfer/transfer.ts";
import type { IfExists } from "../../storage/transfer/upload.ts";
import { copyOnServer, copyThrough } from "./files.ts";
import { CopyMark } from "./mark.ts";
import { beginParts, type CopyPartsOptions, openPart, type WithheldPart } from "./parts.ts";
import type { CopyPlan, RunPlace } from "./plan.ts";

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
  /** What copies, such as `run-outputs/1.0.0`, for the marks of what has failed. */
  readonly tool?: string;
  /** The current time. Default: now. */
  readonly now?: () => Date;
  /** Called with one-line notes for the user. */
  readonly onNote?: (note: string) => void;
}

/** What copies, where nobody says. */
const DEFAULT_TOOL = "run-outputs";

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
 * continues the first. The checksum beside a file comes after the file. The parts of the manifest
 * come last, each if all it tells of is there; a selection gets parts with just its files.
 *
 * @param plan The plan.
 * @param to Where to: the same storage, if possible as the same object, or another.
 * @param options What to do with existing files, concurrency, progress, a signal.
 * @returns What became of each file. A failure of one does not stop the others.
 * @throws {RunOutputsError} `invalid`, if both places are the same; or the signal's reason.
 */
export async function executeCopy(
  plan: CopyPlan,
  to: RunPlace,
  options: CopyOptions = {},
): Promise<CopyReport> {
  const { from, files, obstacles } = plan;
  const { showSource = String, ifExists = "replace" } = options;
  if (from.backend === to.backend && from.root.root().equals(to.root.root())) {
    throw new RunOutputsError(
      "invalid",
      `Cannot copy ${to.root.root()} to itself: name another run`,
    );
  }
  const { tool = DEFAULT_TOOL } = options;
  const mark = new CopyMark(plan, to, { ...options, tool });
  const place = { ...to, backend: mark.backend };
  const parts = await beginParts(plan, place, { ...options, tool });
  const expected = await writeExpected(plan, place, { ...options, tool });

  // A local storage would read all bytes too: then they can as well be compared.
  const onServer = from.backend === to.backend && to.backend.name !== "local";
  const common = { ...options, ifExists, showSource };
  const target = (path: string) => to.root.root().join(path);
  const copied = onServer
    ? await copyOnServer(parts.backend, files, target, common)
    : await copyThrough(from.backend, parts.backend, files, target, common);

  const hindered = obstacles.map(({ path, location, error }): TransferResult => {
    return {
      location: target(path),
      path: showSource(location),
      outcome: "failed",
      warnings: [],
      error,
    };
  });
  const done = [...hindered, ...copied];
  const written = await parts.end(done);
  await mark.settle(done, parts.unfinished);
  return {
    results: [...expected, ...done, ...written.results],
    withheld: written.withheld,
  };
}

/** First of all: so that it is seen that a copy is not complete yet. */
async function writeExpected(
  { whole, manifest }: CopyPlan,
  to: RunPlace,
  options: CopyPartsOptions,
): Promise<TransferResult[]> {
  if (!whole || manifest.expected === undefined) return [];
  return [await openPart(to, "expected-parts", options).expect(manifest.expected)];
}
