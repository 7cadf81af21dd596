/**
 * The journal of a commit: the moves that change a target, written before the first of them.
 *
 * Its paths are relative to the target and to the staging directory, so that no journal can move
 * anything outside of these two.
 *
 * @module
 */

import { dirname, join, relative } from "node:path";
import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";

/** What separates the names of a path; `@std/path` has no `sep`. */
const SEPARATOR = join("/");

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
  /** Whether `to` is a directory that stays if it is not empty by then. */
  readonly ifEmpty?: boolean;
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
  /** Whether the target is another directory by now: the user has deleted the first one. */
  readonly elsewhere: boolean;
  /** When the last of its steps was made: in milliseconds, by the same clock. */
  readonly ended: number;
}

const JOURNAL = "journal.json";
const SCHEMA = "run-outputs.unpack-journal/3";

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
      output_dir: outputFrom(place),
      output: outputIdentity(place),
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
    const written = timeOf(await Deno.lstat(path));
    // Until they are undone, the steps of this process are the last changes.
    return { steps: identified, written, ended: Infinity, elsewhere: false };
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
  const path = journalPath(place.stagingDir);
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
  const { schema, output_dir: target, output, steps } = asRecord(journal);
  if (schema !== SCHEMA || !Array.isArray(steps)) throw unusable(place, "it is damaged");
  if (target !== outputFrom(place)) throw unusable(place, `it is for '${target}'`);
  const parsed = steps.map((step) => parseStep(place, asRecord(step)));
  // A target that the commit was to create has no identity.
  const elsewhere = typeof output === "string" && output !== outputIdentity(place);
  return { steps: parsed, written, ended: lastChange(parsed, written), elsewhere };
}

/**
 * The identity of a file or directory, which a rename keeps.
 *
 * @param info Its file information.
 * @returns A text to compare.
 */
export function identity({ ino, birthtime, size, mtime, isFile }: Deno.FileInfo): string {
  // The device changes when a disk is mounted again, a directory's size and time with its content.
  return [ino, birthtime?.getTime(), ...isFile ? [size, mtime?.getTime()] : []].join(":");
}

/**
 * Whether a moved file or link was changed after the commit, with its size and time kept.
 *
 * @param info Its file information.
 * @param journal The journal.
 * @returns `true` if it is newer.
 */
export function isTouched({ ctime }: Deno.FileInfo, { ended }: Journal): boolean {
  // Nobody can set `ctime`, but our renames do. Deno reports it in whole seconds.
  return ctime !== null && ctime.getTime() > ended;
}

/**
 * Whether a file in a moved directory was written, or the entries of a directory were changed,
 * after the journal.
 *
 * @param info Its file information.
 * @param journal The journal.
 * @returns `true` if it is newer.
 */
export function isNewer(info: Deno.FileInfo, { written }: Journal): boolean {
  const { mtime, ctime, birthtime, isDirectory } = info;
  const latest = Math.max(mtime?.getTime() ?? 0, birthtime?.getTime() ?? 0);
  if (ctime === null) return latest > written;
  // Archives may set an `mtime` in the future, and users one in the past.
  if (!isDirectory && ctime.getTime() > written) return true;
  return latest > written && ctime.getTime() + 999 >= written;
}

/** The time of the last rename: each one changes the directory in the staging directory. */
function lastChange(steps: readonly JournalStep[], written: number): number {
  let last = written;
  const seen = new Set<string>();
  for (const path of steps.flatMap(({ from, saved }) => [from ?? [], saved ?? []].flat())) {
    const directory = dirname(path);
    if (seen.has(directory)) continue;
    seen.add(directory);
    try {
      last = Math.max(last, timeOf(Deno.lstatSync(directory)));
    } catch {
      // It was moved itself, as a part of another step.
    }
  }
  return last;
}

/** Where the target is, seen from the staging directory: the two can be moved together. */
function outputFrom({ stagingDir, outputDir }: CommitPlace): string {
  return toRelative(stagingDir, outputDir);
}

function outputIdentity({ outputDir }: CommitPlace): string | undefined {
  try {
    return identity(Deno.lstatSync(outputDir));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
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
  return relative(base, path).replaceAll(SEPARATOR, "/");
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
      `move '${stagingDir}' away`,
  );
}
