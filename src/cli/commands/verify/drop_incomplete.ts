/**
 * `verify --drop-incomplete`: deletes markers of incomplete parts, if all of their files are
 * verified.
 *
 * @module
 */

import { RunOutputsError } from "../../../errors/error.ts";
import type { SeenMark } from "../../../operations/manifest/drop_markers.ts";
import type { VerifiedFile } from "../../../operations/verify/verified_file.ts";
import type { UnfinishedPart } from "../../../runs/unfinished_part.ts";
import type { TransferResult } from "../../../storage/transfer/transfer.ts";
import { type Output, plural } from "../../terminal/output.ts";
import type { VerifyReport } from "./report.ts";
import type { VerifyCommandOptions, VerifySubject } from "./subject.ts";

/** The pending files of markers, as a verification finds them. */
export class PendingFiles {
  /** The paths that are not verified, and whether there is a file. */
  readonly #left = new Map<string, boolean>();

  /**
   * Collects the pending files.
   *
   * @param markers The markers of a run.
   */
  constructor(markers: readonly UnfinishedPart[]) {
    for (const { pending } of markers) for (const path of pending) this.#left.set(path, false);
  }

  /**
   * Adds the result of a file.
   *
   * @param file The result. Index pages and parts have no known content.
   */
  add({ path, verdict, checkedBy }: VerifiedFile): void {
    if (!this.#left.has(path)) return;
    if (checkedBy !== undefined || verdict === "made") this.#left.delete(path);
    else this.#left.set(path, verdict !== "missing");
  }

  /**
   * Why a marker must stay.
   *
   * @param marker The marker.
   * @returns `2 pending files do not exist (a, b)` and the like; empty, if nothing is in the way.
   */
  async obstacles({ pending, unread }: UnfinishedPart): Promise<string[]> {
    if (unread !== undefined) return ["its marker can't be read, so what is pending is not known"];
    const { namedPaths } = await import("../../../runs/unfinished_part.ts");
    const left = pending.filter((path) => this.#left.has(path));
    const of = (exists: boolean, one: string, many: string) => {
      const paths = left.filter((path) => this.#left.get(path) === exists);
      if (paths.length === 0) return [];
      const what = `${plural(paths.length, "pending file")} ${paths.length === 1 ? one : many}`;
      return [`${what} (${namedPaths(paths)})`];
    };
    return [
      ...of(false, "does not exist", "do not exist"),
      ...of(true, "has no known checksum", "have no known checksum"),
    ];
  }
}

/**
 * The markers that `--drop-incomplete` names, as they are before the verification.
 *
 * @param parts The names of the parts.
 * @param subject The run.
 * @param signal Aborts the reading.
 * @returns The markers.
 * @throws {RunOutputsError} `not_found`, if one of the parts is not incomplete.
 */
export async function seenMarks(
  parts: readonly string[],
  { backend, root, manifest: { unfinished }, where }: VerifySubject,
  signal: AbortSignal,
): Promise<readonly SeenMark[]> {
  for (const part of parts) {
    if (unfinished.includes(part)) continue;
    const others = unfinished.length === 0 ? "none is" : `${unfinished.join(", ")} are`;
    const message = `Cannot drop part ${part}: it is not incomplete in ${where} (${others})`;
    throw new RunOutputsError("not_found", message);
  }
  if (parts.length === 0) return [];
  const { seeMarks } = await import("../../../operations/manifest/drop_markers.ts");
  return await seeMarks(backend, root, [...new Set(parts)], { signal });
}

/** What a verification has found. */
export interface DropEvidence {
  /** The results. */
  readonly report: VerifyReport;
  /** The pending files. */
  readonly pending: PendingFiles;
}

/**
 * Deletes the markers that `--drop-incomplete` names, if every listed and pending file is verified;
 * otherwise none, and says why.
 *
 * @param seen The markers as they were before the verification.
 * @param evidence What the verification has found.
 * @param subject The run.
 * @param context How to report.
 * @returns The result of each marker; empty, if none may be deleted.
 */
export async function dropIncomplete(
  seen: readonly SeenMark[],
  { report, pending }: DropEvidence,
  { backend, root, show, manifest: { markers } }: VerifySubject,
  { options: { dryRun }, output, signal }: {
    readonly options: VerifyCommandOptions;
    readonly output: Output;
    readonly signal: AbortSignal;
  },
): Promise<readonly TransferResult[]> {
  if (seen.length === 0) return [];
  const named = seen.flatMap(({ part }) => markers.find((marker) => marker.part === part) ?? []);
  const reasons = report.problems.length > 0
    ? ["files of the run are damaged or missing; repair them, or upload them again"]
    : report.checkedBy.bytes === 0
    ? ["no file of the run was verified; upload it again"]
    : [];
  for (const marker of named) {
    const obstacles = await pending.obstacles(marker);
    if (obstacles.length > 0) {
      reasons.push(`part ${marker.part}: ${obstacles.join(", ")}; run its upload again`);
    }
  }
  if (reasons.length > 0) {
    for (const reason of reasons) output.error(`Cannot delete the marker: ${reason}`);
    return [];
  }
  const { dropMarks } = await import("../../../operations/manifest/drop_markers.ts");
  const { namedPaths } = await import("../../../runs/unfinished_part.ts");
  const results = await dropMarks(backend, root, seen, { dryRun, show, signal });
  for (const [i, { part }] of seen.entries()) {
    if (results[i].outcome === "failed") continue;
    const files = named.find((marker) => marker.part === part)?.unlisted ?? [];
    const gone = files.length === 0 ? "" : `; not expected any more: ${namedPaths(files)}`;
    output.note(`${dryRun ? "would delete" : "deleted"} the marker of part ${part}${gone}`);
  }
  return results;
}

/**
 * Suggests `--drop-incomplete` for the markers that it would delete.
 *
 * @param markers The markers of the run.
 * @param evidence What the verification has found.
 * @param output Receives the note.
 */
export async function suggestDrop(
  markers: readonly UnfinishedPart[],
  { report, pending }: DropEvidence,
  output: Output,
): Promise<void> {
  if (report.problems.length > 0 || report.checked === 0) return;
  const parts: string[] = [];
  for (const marker of markers) {
    if ((await pending.obstacles(marker)).length === 0) parts.push(marker.part);
  }
  if (parts.length === 0) return;
  output.note(
    `if nothing is missing, 'run-outputs verify --drop-incomplete ${
      parts.join(",")
    }' deletes the marker`,
  );
}
