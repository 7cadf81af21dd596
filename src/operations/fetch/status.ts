/**
 * What an output directory of fetches holds: from which runs, and what was changed since.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import { look } from "../../storage/local/look.ts";
import {
  isUnsettled,
  NO_RECORD,
  RECORD_NAME,
  type RecordedFile,
  type RecordedMode,
  type RecordedRun,
} from "./fetched_record.ts";
import { inspect } from "./inspect.ts";
import { readRecord } from "./recording.ts";
import { interruptedIn } from "./work_dir.ts";

/** An archive that a fetch has put into a directory. */
export interface HeldArchive {
  /** Its file name. */
  readonly name: string;
  /** What was done with it. */
  readonly mode: RecordedMode;
  /** When it was fetched, as an ISO 8601 time. */
  readonly fetchedAt: string;
  /** Its size in bytes, if it was known. */
  readonly size?: number;
  /** Its SHA-256, if it was known. */
  readonly sha256?: string;
  /** The number of its files, links and empty directories. */
  readonly files: number;
  /** Whether a later fetch has replaced or removed some of its files. */
  readonly overlaid: boolean;
}

/** A run, and what a directory holds of it. */
export interface HeldRun extends RecordedRun {
  /** Its archives, in the order in which they were fetched. */
  readonly archives: readonly HeldArchive[];
}

/** What an output directory holds. */
export interface FetchStatus {
  /** The runs; more than one, if they are of one commit, or with `--keep-old`. */
  readonly runs: readonly HeldRun[];
  /** The number of recorded files, links and empty directories. */
  readonly files: number;
  /** Those that are as the fetch left them. */
  readonly unchanged: number;
  /** Paths of those that were changed since. */
  readonly changed: readonly string[];
  /** Paths of those that do not exist. */
  readonly missing: readonly string[];
  /** Archives whose download did not end. */
  readonly unfinished: readonly string[];
  /** Paths of files that no fetch has put there; `/` at the end means an empty directory. */
  readonly foreign: readonly string[];
  /** The working directory of a fetch that was killed while it changed the directory. */
  readonly interrupted?: string;
}

/**
 * Compares an output directory with the record of what fetches have put there. Files are compared by
 * size and time; links are not followed.
 *
 * @param outputDir The directory.
 * @returns What it holds.
 * @throws {RunOutputsError} `not_found`, if it does not exist or has no record; `failed`, if the
 * record cannot be used; or errors of the disk.
 *
 * @example
 * ```ts
 * import { fetchStatus } from "@therock/run-outputs/operations";
 *
 * const dir = await Deno.makeTempDir();
 * await Deno.writeTextFile(
 *   `${dir}/.run-outputs-fetched.json`,
 *   '{"schema":"run-outputs.fetched/1","runs":[],"archives":[],"files":[]}',
 * );
 * await Deno.writeTextFile(`${dir}/notes.txt`, "mine");
 * const { runs, foreign } = await fetchStatus(dir);
 * console.assert(runs.length === 0 && foreign[0] === "notes.txt");
 * ```
 */
export async function fetchStatus(outputDir: string): Promise<FetchStatus> {
  const record = await readRecord(outputDir);
  if (record === NO_RECORD) {
    const exists = await look(outputDir) !== undefined;
    throw new RunOutputsError(
      "not_found",
      exists
        ? `No fetch is recorded in '${outputDir}': it has no ${RECORD_NAME}`
        : `No fetch is recorded in '${outputDir}': it does not exist`,
    );
  }
  const settled = record.files.filter((file) => !isUnsettled(file));
  const unfinished = record.files.filter(isUnsettled).map(({ path }) => path);
  const { changed, missing, foreign } = inspect<RecordedFile>(outputDir, record.files, {
    isGoing: (file) => !isUnsettled(file),
    everywhere: true,
  });
  const counts = new Map<number, number>();
  for (const { archive } of record.files) counts.set(archive, (counts.get(archive) ?? 0) + 1);
  const archives = record.archives.map((archive, i) => ({ ...archive, files: counts.get(i) ?? 0 }));
  return {
    runs: record.runs.map((run, i) => ({
      ...run,
      archives: archives.filter((archive) => archive.run === i).map(
        ({ name, mode, fetched_at: fetchedAt, size, sha256, files, overlaid = false }) => {
          return { name, mode, fetchedAt, size, sha256, files, overlaid };
        },
      ),
    })),
    files: record.files.length,
    unchanged: settled.length - changed.length - missing.length,
    changed: paths(changed),
    missing: paths(missing),
    unfinished,
    foreign: foreign.toSorted(),
    interrupted: await interruptedIn(outputDir),
  };
}

function paths(files: readonly RecordedFile[]): string[] {
  return files.map(({ path }) => path).toSorted();
}
