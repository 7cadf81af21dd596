/**
 * The journal of a commit: the moves that change a target, written before the first of them.
 *
 * Its paths are relative to the target and to the staging directory, so that no journal can move
 * anything outside of these two.
 *
 * @module
 */

import { join, relative, sep } from "node:path";
import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";

/** One change. */
export interface Step {
  /** The changed path in the target. */
  readonly to: string;
  /** The new content in the staging directory; missing if something is only deleted. */
  readonly from?: string;
  /** Where the existing content is saved in the staging directory; missing if there is none. */
  readonly saved?: string;
  /** Whether to create an empty directory: the target itself, or one above it. */
  readonly directory?: boolean;
}

/** A step, with the identity of what it moved into the target. */
export interface JournalStep extends Step {
  /** The {@linkcode identity} of the content of `from`. */
  readonly identity?: string;
}

/** The directories of a commit, as real paths. */
export interface CommitPlace {
  /** The directory of the journal, which content is moved from and saved to. */
  readonly stagingDir: string;
  /** The target. */
  readonly outputDir: string;
}

/** A journal that was read. */
export interface Journal {
  /** Its steps, in order. */
  readonly steps: readonly JournalStep[];
  /** When it was written, in milliseconds since 1970, by the clock of the disk. */
  readonly written: number;
}

const JOURNAL = "journal.json";
const SCHEMA = "run-outputs.unpack-journal/2";

/**
 * The path of the journal.
 *
 * @param stagingDir The staging directory.
 * @returns The path.
 */
export function journalPath(stagingDir: string): string {
  return join(stagingDir, JOURNAL);
}

/**
 * Writes the journal, completely or not at all.
 *
 * @param place The directories.
 * @param steps The steps, of which nothing has been moved yet.
 * @returns The journal.
 * @throws {RunOutputsError} Errors of the disk.
 */
export async function writeJournal(place: CommitPlace, steps: readonly Step[]): Promise<Journal> {
  const { stagingDir, outputDir } = place;
  const path = journalPath(stagingDir);
  try {
    const identified = steps.map((step): JournalStep =>
      step.from === undefined ? step : { ...step, identity: identity(Deno.lstatSync(step.from)) }
    );
    const inStaging = (path: string | undefined) => path && toRelative(stagingDir, path);
    const text = JSON.stringify({
      schema: SCHEMA,
      output_dir: outputDir,
      steps: identified.map(({ to, from, saved, directory, identity }) => ({
        to: toRelative(outputDir, to),
        from: inStaging(from),
        saved: inStaging(saved),
        directory,
        identity,
      })),
    });
    // An incomplete journal would hide what must be undone.
    await Deno.writeTextFile(`${path}.new`, text, { createNew: true });
    await Deno.rename(`${path}.new`, path);
    return { steps: identified, written: timeOf(await Deno.lstat(path)) };
  } catch (error) {
    throw diskError("write", path, error);
  }
}

/**
 * Reads the journal of a killed process.
 *
 * @param place The directories.
 * @returns The journal; `undefined` if there is none.
 * @throws {RunOutputsError} `failed` if it is damaged, is for another target, or has a path that
 * leads out of the two directories; or errors of the disk.
 */
export async function readJournal(place: CommitPlace): Promise<Journal | undefined> {
  const { stagingDir, outputDir } = place;
  const path = journalPath(stagingDir);
  let text: string;
  let written: number;
  try {
    const info = await Deno.lstat(path);
    if (!info.isFile) throw unusable(place, "it is not a file");
    written = timeOf(info);
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw diskError("read", path, error);
  }
  let journal: unknown;
  try {
    journal = JSON.parse(text);
  } catch {
    throw unusable(place, "it is damaged");
  }
  const { schema, output_dir: target, steps } = asRecord(journal);
  if (schema !== SCHEMA || !Array.isArray(steps)) throw unusable(place, "it is damaged");
  if (target !== outputDir) throw unusable(place, `it is for '${target}'`);
  return { written, steps: steps.map((step) => parseStep(place, asRecord(step))) };
}

/**
 * The identity of a file or directory, which a rename keeps.
 *
 * @param info Its file information.
 * @returns A text to compare.
 */
export function identity({ dev, ino, size, mtime, isFile }: Deno.FileInfo): string {
  // A directory's size and time change with its content.
  return [dev, ino, ...isFile ? [size, mtime?.getTime()] : []].join(":");
}

/**
 * Whether a file was written, or the entries of a directory were changed, after the journal.
 *
 * @param info Its file information.
 * @param journal The journal.
 * @returns `true` if it is newer.
 */
export function isNewer(info: Deno.FileInfo, { written }: Pick<Journal, "written">): boolean {
  const { mtime, ctime, birthtime } = info;
  const latest = Math.max(mtime?.getTime() ?? 0, birthtime?.getTime() ?? 0);
  // Archives may set an `mtime` in the future. Nobody sets `ctime`; Deno reports it in seconds.
  const changed = ctime === null ? latest : ctime.getTime() + 999;
  return latest > written && changed >= written;
}

function parseStep(place: CommitPlace, step: Record<string, unknown>): JournalStep {
  const { to, from, saved, directory, identity } = step;
  const inStaging = (path: unknown) =>
    path === undefined ? undefined : join(place.stagingDir, checkInside(place, path));
  return {
    to: join(
      place.outputDir,
      directory === true && isAbove(to) ? to : checkInside(place, to),
    ),
    from: inStaging(from),
    saved: inStaging(saved),
    directory: directory === true,
    identity: typeof identity === "string" ? identity : undefined,
  };
}

/** Whether a relative path is the target itself or a directory above it. */
function isAbove(path: unknown): path is string {
  return typeof path === "string" && /^(?:|\.\.(?:\/\.\.)*)$/.test(path);
}

function checkInside(place: CommitPlace, path: unknown): string {
  const isInside = typeof path === "string" && !/[\0\\]/.test(path) &&
    path.split("/").every((name) => name !== "" && name !== "." && name !== "..") &&
    !(Deno.build.os === "windows" && path.includes(":"));
  if (!isInside) throw unusable(place, "a path in it leads elsewhere");
  return path;
}

function toRelative(base: string, path: string): string {
  return relative(base, path).replaceAll(sep, "/");
}

function timeOf({ mtime }: Deno.FileInfo): number {
  return mtime?.getTime() ?? 0;
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
}

function unusable({ stagingDir, outputDir }: CommitPlace, reason: string): RunOutputsError {
  return new RunOutputsError(
    "failed",
    `Cannot undo an interrupted unpacking: ${reason} ('${journalPath(stagingDir)}'). Compare ` +
      `'${outputDir}' with '${join(stagingDir, "saved")}', which has what was replaced, then ` +
      `delete '${stagingDir}'`,
  );
}
