/**
 * Changes a target directory by renames, as a whole or not at all.
 *
 * What replaces something moves that aside first. All moves stand in a journal before the first one
 * is made, and from it and from what is on the disk each can be taken back: after an error, and
 * after the process was killed, by the next one. Removing the journal is what makes them final.
 *
 * @module
 */

import { join } from "node:path";
import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";

/** One change. */
export interface Step {
  /** What changes: a path in the target. */
  readonly to: string;
  /** What comes there; nothing if it is only taken away. */
  readonly from?: string;
  /** Where to what is there now goes; not given if nothing is there. */
  readonly saved?: string;
  /** Whether an empty directory is made there, in place of something that comes from elsewhere. */
  readonly directory?: boolean;
}

const JOURNAL = "journal.json";

/** After so many steps, others get their turn. */
const STEPS_AT_ONCE = 200;

/** Options of {@linkcode applySteps}. */
export interface ApplyOptions {
  /** Takes everything back. */
  readonly signal?: AbortSignal;
  /** Called before each move. What it throws is treated as a failure of the disk. */
  readonly beforeMove?: (from: string, to: string) => void;
}

/**
 * Makes all changes or, if one fails, none.
 *
 * @param stagingDir Where the journal is written.
 * @param steps The changes, in their order.
 * @param options A signal.
 * @throws {RunOutputsError} What the disk says; everything is as it was then. If taking back fails
 * too, the journal is left, for {@linkcode recover}.
 */
export async function applySteps(
  stagingDir: string,
  steps: readonly Step[],
  options: ApplyOptions = {},
): Promise<void> {
  const { signal } = options;
  const journal = join(stagingDir, JOURNAL);
  signal?.throwIfAborted();
  try {
    // A journal is whole or not there: half of one would hide what has to be taken back.
    await Deno.writeTextFile(`${journal}.new`, JSON.stringify({ steps }));
    await Deno.rename(`${journal}.new`, journal);
  } catch (error) {
    throw diskError("write", journal, error);
  }
  try {
    for (let i = 0; i < steps.length; i++) {
      applyStep(steps[i], options);
      if (i % STEPS_AT_ONCE === STEPS_AT_ONCE - 1) {
        await new Promise((resolve) => setTimeout(resolve, 0));
        signal?.throwIfAborted();
      }
    }
    await Deno.remove(journal);
  } catch (error) {
    takeBack(stagingDir, steps, error);
    await Deno.remove(journal);
    throw error;
  }
}

/**
 * Takes back what a killed process left half done.
 *
 * @param stagingDir Where its journal is, if there is one.
 * @returns Whether there was something to take back.
 * @throws {RunOutputsError} What the disk says.
 */
export async function recover(stagingDir: string): Promise<boolean> {
  const journal = join(stagingDir, JOURNAL);
  let text: string;
  try {
    text = await Deno.readTextFile(journal);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw diskError("read", journal, error);
  }
  let steps: readonly Step[];
  try {
    steps = JSON.parse(text).steps;
  } catch (cause) {
    throw new RunOutputsError(
      "failed",
      `Cannot take back what a killed process left half done: '${journal}' is damaged; what it ` +
        `replaced is in '${join(stagingDir, "saved")}'`,
      { cause },
    );
  }
  takeBack(stagingDir, steps);
  await Deno.remove(journal);
  return true;
}

/**
 * Whether changes have still to be taken back. What is in the staging directory then must stay: it
 * may be the only copy of what was replaced, and what is new has to find its way back there.
 *
 * @param stagingDir Where the journal would be.
 * @returns `true` also if that can't be found out.
 */
export async function isHalfDone(stagingDir: string): Promise<boolean> {
  return await Deno.lstat(join(stagingDir, JOURNAL)).then(
    () => true,
    (error) => !(error instanceof Deno.errors.NotFound),
  );
}

function applyStep({ to, from, saved, directory }: Step, { beforeMove }: ApplyOptions): void {
  const move = (source: string, target: string) => {
    beforeMove?.(source, target);
    Deno.renameSync(source, target);
  };
  try {
    if (saved !== undefined) move(to, saved);
    if (from !== undefined) move(from, to);
    if (directory) Deno.mkdirSync(to);
  } catch (error) {
    throw diskError("replace", to, error);
  }
}

/**
 * Takes steps back, whichever of them were made; what is back already stays. One that can't be taken
 * back keeps none of the others from it.
 */
function takeBack(stagingDir: string, steps: readonly Step[], reason?: unknown): void {
  const errors: Error[] = [];
  for (const step of steps.toReversed()) {
    try {
      takeStepBack(step);
    } catch (error) {
      errors.push(diskError("restore", step.to, error));
    }
  }
  if (errors.length === 0) return;
  const [{ message }] = errors;
  throw new RunOutputsError(
    "failed",
    `${message}${errors.length === 1 ? "" : ` (and ${errors.length - 1} more)`}; what was ` +
      `replaced is kept in '${stagingDir}', the next run into the same directory takes it back`,
    { cause: reason === undefined ? errors[0] : new AggregateError([reason, ...errors]) },
  );
}

function takeStepBack({ to, from, saved, directory }: Step): void {
  if (from !== undefined && !exists(from) && exists(to)) Deno.renameSync(to, from);
  if (directory) removeEmpty(to);
  if (saved === undefined || !exists(saved)) return;
  // What another step brought there could not be moved back: in its place, what is old would be
  // taken for it the next time.
  if (exists(to)) throw new Deno.errors.AlreadyExists();
  Deno.renameSync(saved, to);
}

function removeEmpty(path: string): void {
  try {
    if (Deno.lstatSync(path).isDirectory) Deno.removeSync(path);
  } catch {
    // It was not made, or somebody has put something there meanwhile, which stays.
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
