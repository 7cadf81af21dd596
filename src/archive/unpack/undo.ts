/**
 * Undoes the steps of a commit, where nothing has changed since.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import {
  type CommitPlace,
  identity,
  isNewer,
  isTouched,
  type Journal,
  journalPath,
  type JournalStep,
  readJournal,
} from "./journal.ts";

/** The result of undoing. */
export interface Undone {
  /** The number of undone changes of the target. */
  readonly count: number;
  /** Paths in the target that others have changed since, and that were kept. */
  readonly left: readonly string[];
  /** The directory with their earlier versions, if there are any. */
  readonly keptIn?: string;
}

/** Directories with earlier versions of what others have changed since; they belong to the user. */
const EARLIER = /^earlier-\d+$/;

/**
 * Whether something in a staging directory belongs to the user, and must not be deleted.
 *
 * @param name The name.
 * @returns `true` if it must stay.
 */
export function isKept(name: string): boolean {
  return EARLIER.test(name);
}

/**
 * Undoes the unfinished changes of a killed process.
 *
 * @param place The directories.
 * @returns What was undone; `undefined` if there was nothing to undo.
 * @throws {RunOutputsError} Errors of the disk or of the journal.
 */
export async function recover(place: CommitPlace): Promise<Undone | undefined> {
  const journal = await readJournal(place);
  if (journal === undefined) return undefined;
  const undone = undo(place, journal);
  await Deno.remove(journalPath(place.stagingDir));
  return undone;
}

/**
 * Undoes the steps of a journal in reverse order, whichever of them were made. A step that cannot
 * be undone does not stop the others.
 *
 * @param place The directories.
 * @param journal The journal.
 * @param reason The reason, for the error's cause.
 * @returns What was undone.
 * @throws {RunOutputsError} `failed`, if the disk does not allow it; the journal must stay.
 */
export function undo(place: CommitPlace, journal: Journal, reason?: unknown): Undone {
  const undoing = new Undoing(journal);
  for (const step of journal.steps.toReversed()) undoing.undo(step);
  const { errors, count, left } = undoing;
  if (errors.length > 0) {
    const [{ message }] = errors;
    throw new RunOutputsError(
      "failed",
      `${message}${errors.length === 1 ? "" : ` (and ${errors.length - 1} more)`}. What was ` +
        `replaced is kept in '${place.stagingDir}'; the next run into the same directory ` +
        `restores it`,
      { cause: reason === undefined ? errors[0] : new AggregateError([reason, ...errors]) },
    );
  }
  return { count, left: [...left], keptIn: left.size === 0 ? undefined : keepSaved(place) };
}

/**
 * Describes it in one line for the user.
 *
 * @param outputDir The target.
 * @param undone What was undone.
 * @returns The text.
 */
export function describeUndone(outputDir: string, { count, left, keptIn }: Undone): string {
  const undone = `An earlier run was interrupted while it changed '${outputDir}': ` +
    `${count} ${count === 1 ? "change was" : "changes were"} undone`;
  if (left.length === 0) return undone;
  const some = left.slice(0, 3).map((path) => `'${path}'`).join(", ");
  const more = left.length > 3 ? ` and ${left.length - 3} more` : "";
  const kept = keptIn === undefined ? "" : `; earlier versions are in '${keptIn}'`;
  return `${undone}; changed since, and left as they are: ${some}${more}${kept}`;
}

class Undoing {
  readonly errors: Error[] = [];
  readonly left = new Set<string>();
  count = 0;
  readonly #journal: Journal;
  /** Paths in the target that could not be moved back. */
  readonly #stuck = new Set<string>();
  /** Whether a directory's path contains no link. */
  readonly #direct = new Map<string, boolean>();

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  undo(step: JournalStep): void {
    try {
      this.#undo(step);
    } catch (error) {
      this.#stuck.add(step.to);
      this.errors.push(diskError("restore", step.to, error));
    }
  }

  #undo({ to, from, saved, directory, identity }: JournalStep): void {
    if (directory) return removeEmpty(to);
    if (this.#journal.elsewhere || !this.#isDirect(to)) return this.#leave(to, saved);
    let changed = false;
    if (from !== undefined && !exists(from) && exists(to)) {
      if (this.left.has(to) || !this.#isUnchanged(to, identity)) return this.#leave(to, saved);
      Deno.renameSync(to, from);
      changed = true;
    }
    if (saved !== undefined && exists(saved)) {
      if (exists(to)) {
        // The new content could not be moved back; the old content there would be mistaken for it.
        if (this.#stuck.has(to)) throw new Deno.errors.AlreadyExists();
        return this.#leave(to, saved);
      }
      Deno.renameSync(saved, to);
      changed = true;
    }
    if (changed) this.count++;
  }

  #leave(to: string, saved: string | undefined): void {
    if (exists(to) || saved !== undefined && exists(saved)) this.left.add(to);
  }

  #isDirect(to: string): boolean {
    const parent = dirname(to);
    let direct = this.#direct.get(parent);
    if (direct === undefined) {
      try {
        direct = Deno.realPathSync(parent) === parent;
      } catch (error) {
        // Its directory is gone: the user has removed or renamed it.
        if (!(error instanceof Deno.errors.NotFound)) throw error;
        direct = false;
      }
      this.#direct.set(parent, direct);
    }
    return direct;
  }

  /** Whether a path in the target has what the commit moved there, without new content in it. */
  #isUnchanged(path: string, expected: string | undefined): boolean {
    const info = Deno.lstatSync(path);
    if (identity(info) !== expected) return false;
    return info.isDirectory ? !this.#hasNews(path, info) : !isTouched(info, this.#journal);
  }

  /** Whether a directory, or anything in it, was changed after the journal was written. */
  #hasNews(directory: string, info: Deno.FileInfo): boolean {
    if (isNewer(info, this.#journal)) return true;
    for (const { name } of Deno.readDirSync(directory)) {
      const path = join(directory, name);
      const below = Deno.lstatSync(path);
      if (below.isDirectory ? this.#hasNews(path, below) : isNewer(below, this.#journal)) {
        return true;
      }
    }
    return false;
  }
}

/** Gives saved content that was not restored a name of its own, if there is any. */
function keepSaved({ stagingDir }: CommitPlace): string | undefined {
  const saved = join(stagingDir, "saved");
  if (!exists(saved) || [...Deno.readDirSync(saved)].length === 0) return undefined;
  for (let i = 1;; i++) {
    const kept = join(stagingDir, `earlier-${i}`);
    if (exists(kept)) continue;
    Deno.renameSync(saved, kept);
    return kept;
  }
}

function removeEmpty(path: string): void {
  try {
    if (Deno.lstatSync(path).isDirectory) Deno.removeSync(path);
  } catch {
    // It was not created, or has content, which stays.
  }
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw diskError("read", path, error);
  }
}
