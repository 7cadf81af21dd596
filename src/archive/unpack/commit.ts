/**
 * Changes a target directory by renames, completely or not at all.
 *
 * Existing content is moved aside first. All moves are in a journal before the first one, and can
 * be undone with it: after an error at once, after a kill by the next process. Deleting the journal
 * makes them final.
 *
 * @module
 */

import { dirname } from "node:path";
import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import { type CommitPlace, journalPath, type Step, writeJournal } from "./journal.ts";
import { describeUndone, undo } from "./undo.ts";

/** The number of steps after which other tasks can run. */
const STEPS_AT_ONCE = 200;

/** Options of {@linkcode applySteps}. */
export interface ApplyOptions {
  /** Aborts and undoes everything. */
  readonly signal?: AbortSignal;
  /** Called before each move. An error that it throws is treated as an error of the disk. */
  readonly beforeMove?: (from: string, to: string) => void;
}

/**
 * Makes all changes or, if one fails, none.
 *
 * @param place The directories: real paths on one file system.
 * @param steps The changes, in order.
 * @param options A signal.
 * @throws {RunOutputsError} Errors of the disk; then everything is as before. If undoing fails too,
 * the journal stays, for `recover`.
 */
export async function applySteps(
  place: CommitPlace,
  steps: readonly Step[],
  options: ApplyOptions = {},
): Promise<void> {
  const { signal } = options;
  signal?.throwIfAborted();
  const journal = await writeJournal(place, steps);
  try {
    for (let i = 0; i < steps.length; i++) {
      applyStep(steps[i], options);
      if (i % STEPS_AT_ONCE === STEPS_AT_ONCE - 1) {
        await new Promise((resolve) => setTimeout(resolve, 0));
        signal?.throwIfAborted();
      }
    }
    await Deno.remove(journalPath(place.stagingDir));
  } catch (error) {
    const undone = undo(place, journal, error);
    await Deno.remove(journalPath(place.stagingDir));
    if (undone.left.length === 0) throw error;
    const { message } = error as Error;
    throw new RunOutputsError(
      "failed",
      `${message}. ${describeUndone(place.outputDir, undone)}`,
      { cause: error },
    );
  }
}

/**
 * Whether changes must still be undone. Then the content of the staging directory must stay: it may
 * be the only copy of what was replaced, and new files must be moved back there.
 *
 * @param stagingDir The directory of the journal.
 * @returns `true` also if this cannot be determined.
 */
export async function isHalfDone(stagingDir: string): Promise<boolean> {
  return await Deno.lstat(journalPath(stagingDir)).then(
    () => true,
    (error) => !(error instanceof Deno.errors.NotFound),
  );
}

function applyStep(
  { to, from, saved, directory, ifEmpty }: Step,
  { beforeMove }: ApplyOptions,
): void {
  const move = (source: string, target: string) => {
    beforeMove?.(source, target);
    throwIfLinked(dirname(to));
    Deno.renameSync(source, target);
  };
  try {
    // Somebody may have put a file there since it was planned.
    if (ifEmpty && !isEmpty(to)) return;
    if (saved !== undefined) move(to, saved);
    if (from !== undefined) move(from, to);
    if (directory) Deno.mkdirSync(to);
  } catch (error) {
    throw diskError("replace", to, error);
  }
}

function isEmpty(directory: string): boolean {
  for (const _ of Deno.readDirSync(directory)) return false;
  return true;
}

/**
 * Rejects a link on the way to a directory. The plan has real paths, so others have put it there
 * since, and the moves would change files elsewhere.
 */
function throwIfLinked(directory: string): void {
  // One call, and usually enough; on a disk that ignores case, names may differ without any link.
  if (Deno.realPathSync(directory) === directory) return;
  for (let at = directory; dirname(at) !== at; at = dirname(at)) {
    if (!Deno.lstatSync(at).isSymlink) continue;
    throw new RunOutputsError("conflict", `Cannot unpack to '${at}': it was replaced by a link`);
  }
}
