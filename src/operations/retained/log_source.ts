/**
 * Finds the files of a run whose text is read.
 *
 * @module
 */

import { checkKey } from "../../layout/validate.ts";
import { invalid, isReplaced, type RunOutputsError } from "../../errors/error.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { beingDeleted, deletingMark } from "../../runs/deleting.ts";
import { formatRunKey } from "../../runs/retention/run_key.ts";
import type { ObjectInfo } from "../../storage/backend.ts";
import { statIfThere } from "../../storage/if_there.ts";
import { compressionOf } from "../logs/log_file.ts";
import type { RunsContext } from "./operation.ts";
import { problem } from "./problem.ts";
import type { RunChoice } from "./run_index.ts";

/** The run of a request. */
export interface NamedRun extends RunChoice {
  /** A run's key, or its id. */
  readonly run: string;
}

/** A file of a run whose text can be read. */
export interface LogSource {
  /** The run. */
  readonly root: RunOutputRoot;
  /** The run's key. */
  readonly key: string;
  /** What is known of the file. */
  readonly info: ObjectInfo;
}

/**
 * Finds the run of a request about its files. It is not described, as that can cost a listing of all of
 * them.
 *
 * @param context What the operation works with.
 * @param named The run.
 * @returns Its root, and its key. The run may have no files.
 * @throws {RunOutputsError} `not_found`, if it is being deleted, or no run has this id; `conflict`, if
 * several have it.
 */
export async function findRoot(
  { index, signal }: RunsContext,
  { run, ...choice }: NamedRun,
): Promise<{ readonly root: RunOutputRoot; readonly key: string }> {
  const prefix = await index.locate(run, choice, { signal });
  const root = index.root(prefix);
  const key = formatRunKey(prefix);
  const mark = await statIfThere(index.backend, deletingMark(root), signal);
  if (mark !== undefined) throw beingDeleted(key, mark.modified);
  return { root, key };
}

/**
 * Finds a text file of a run.
 *
 * @param context What the operation works with.
 * @param named The run.
 * @param path The file's path relative to the run's prefix.
 * @returns The file.
 * @throws {RunOutputsError} As {@linkcode findRoot}; `not_found`, if there is no such file; `invalid`,
 * if it is compressed.
 */
export async function findLog(
  context: RunsContext,
  named: NamedRun,
  path: string,
): Promise<LogSource> {
  const { index, label = String, signal } = context;
  if (checkKey(label("path"), path) === "") throw invalid(label("path"), path, "a file's path");
  const { root, key } = await findRoot(context, named);
  const info = await statIfThere(index.backend, root.root().join(path), signal);
  if (info === undefined) {
    // Says that there is no such run, if so.
    await index.find(key, {}, { signal });
    throw problem("not_found", "unknown-file", `No file '${path}' in run ${key}`, {
      run: key,
      path,
    });
  }
  const compression = compressionOf(path, info.contentEncoding);
  if (compression !== undefined) {
    throw problem(
      "invalid",
      "not-text",
      `Cannot read '${path}' of run ${key} as text: it is compressed (${compression}); download it`,
      { run: key, path, compression },
    );
  }
  return { root, key, info };
}

/**
 * Runs a function that reads one version of a file.
 *
 * @param source The file.
 * @param path Its path.
 * @param read The function.
 * @returns What it returns.
 * @throws {RunOutputsError} `conflict`, if the file was replaced or deleted meanwhile.
 */
export async function readVersion<T>(
  { key }: Pick<LogSource, "key">,
  path: string,
  read: () => Promise<T>,
): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw isReplaced(error) ? fileChanged(key, path) : error;
  }
}

/**
 * The error of a file that is not the version that was read before.
 *
 * @param run The run's key.
 * @param path The file's path.
 * @returns An error with code `conflict`.
 */
export function fileChanged(run: string, path: string): RunOutputsError {
  return problem(
    "conflict",
    "file-changed",
    `Cannot read '${path}' of run ${run}: it was replaced or deleted meanwhile; read it again`,
    { run, path },
  );
}
