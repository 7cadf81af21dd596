/**
 * Undoes the steps of a commit, as far as everything is still as the commit left it.
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
  type Journal,
  journalPath,
  type JournalStep,
  readJournal,
} from "./journal.ts";

/** What undoing came to. */
export interface Undone {
  /** How many changes of the target were undone. */
  readonly count: number;
  /** Paths in the target that someone has changed since, and that were left as they are. */
  readonly left: readonly string[];
  /** Where the earlier versions of those are, if there are any. */
  readonly keptIn?: string;
}

/** Directories with earlier versions of what someone has changed since: they are the user's. */
const EARLIER = /^earlier-\d+$/;

/**
 * Whether something in a staging directory is the user's, and not to be deleted.
 *
 * @param name The name.
 * @returns `true` if it must stay.
 */
export function isKept(name: string): boolean {
  return EARLIER.test(name);
}

/**
 * Undoes what a killed process left half done.
 *
 * @param place The directories.
 * @returns What was undone; `undefined` if there was nothing to undo.
 * @throws {RunOutputsError} What the disk says, or the journal.
 */
export async function recover(place: CommitPlace): Promise<Undone | undefined> {
  const journal = await readJournal(place);
  if (journal === undefined) return undefined;
  const undone = undo(place, journal);
  await Deno.remove(journalPath(place.stagingDir));
  return undone;
}

/**
 * Undoes the steps of a journal, in reverse order, whichever of them were made. A step that can't
 * be undone does not keep others from it.
 *
 * @param place The directories.
 * @param journal The journal.
 * @param reason Why it is undone, for the error's cause.
 * @returns What was undone.
 * @throws {RunOutputsError} `failed`, if the disk does not allow it; the journal has to stay.
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
 * What a person should know about it, in one line.
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
  /** What stands in the target because it could not be moved back. */
  readonly #stuck = new Set<string>();
  /** Whether a directory is reached without a link on the way. */
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
    if (!this.#isDirect(to)) return this.#leave(to, saved);
    let changed = false;
    if (from !== undefined && !exists(from) && exists(to)) {
      if (this.left.has(to) || !this.#isUnchanged(to, identity)) return this.#leave(to, saved);
      Deno.renameSync(to, from);
      changed = true;
    }
    if (saved !== undefined && exists(saved)) {
      if (exists(to)) {
        // What is new could not be moved back; the old one in its place would be taken for it.
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
        // Its directory is gone: what was saved can't come back, and the disk says so.
        if (!(error instanceof Deno.errors.NotFound)) throw error;
        return true;
      }
      this.#direct.set(parent, direct);
    }
    return direct;
  }

  /** Whether something in the target is what the commit moved there, with nothing new in it. */
  #isUnchanged(path: string, expected: string | undefined): boolean {
    const info = Deno.lstatSync(path);
    if (expected !== undefined && identity(info) !== expected) return false;
    return !info.isDirectory || !this.#hasNews(path, info);
  }

  /** Whether a directory was changed after the journal was written, or anything in it. */
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

/** Gives what was saved and is not wanted back a name of its own, if there is anything. */
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
    // It was not made, or there is something in it, which stays.
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
