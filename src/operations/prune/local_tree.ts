/**
 * The directory of a run on a disk: checked before it is deleted, and deleted.
 *
 * It is first moved to a stage, where no one else writes to it, and checked there. Then the stage is
 * renamed to trash, which is deleted: so no reader sees a part of a run. Stages that a killed process
 * has left are checked by the next prune, and trash is deleted.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { removeTree } from "../../archive/unpack/remove_tree.ts";
import { diskError } from "../../errors/disk.ts";
import { quote, RunOutputsError } from "../../errors/error.ts";
import type { CallOptions } from "../../storage/backend.ts";

/** How the names of directories in deletion begin. No run can have such a name. */
const TRASH = ".run-outputs-trash-";

/** How the names of directories with a run that is checked before its deletion begin. */
const STAGE = ".run-outputs-check-";

/**
 * Looks for what must not be deleted: links, which lead elsewhere, and other file systems.
 *
 * @param path The directory of a run.
 * @param options A signal.
 * @returns Why the run is not deleted; `undefined`, if it can be.
 */
export async function obstacleIn(
  path: string,
  { signal }: CallOptions = {},
): Promise<string | undefined> {
  try {
    const { dev } = await Deno.stat(dirname(path));
    return await obstacle(path, dev, signal);
  } catch (error) {
    signal?.throwIfAborted();
    return diskError("read", path, error).message;
  }
}

async function obstacle(
  path: string,
  dev: number,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  signal?.throwIfAborted();
  const stat = await Deno.lstat(path);
  if (stat.isSymlink) return `${quote(path)} is a symbolic link`;
  if (stat.dev !== dev) return `${quote(path)} is on another file system`;
  if (!stat.isDirectory) return stat.isFile ? undefined : `${quote(path)} is not a regular file`;
  for await (const { name } of Deno.readDir(path)) {
    const found = await obstacle(join(path, name), dev, signal);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Takes the directory of a run away from readers and writers, so that it can be checked.
 *
 * @param directory The staging directory.
 * @param name The run's directory in it.
 * @param fingerprint The expected state of the run.
 * @returns The path of a directory in which the run has the same name.
 * @throws {RunOutputsError} What the disk says. Then the run is where it was.
 */
export async function stageTree(
  directory: string,
  name: string,
  fingerprint: string,
): Promise<string> {
  const path = join(directory, name);
  const stage = join(dirname(path), `${STAGE}${fingerprint}`);
  try {
    await Deno.mkdir(dirname(join(stage, name)), { recursive: true });
    await Deno.rename(path, join(stage, name));
  } catch (error) {
    await removeEmpty(stage).catch(() => {});
    throw diskError("delete", path, error);
  }
  return stage;
}

/**
 * Puts a staged run back.
 *
 * @param stage The result of {@linkcode stageTree}.
 * @param directory The staging directory.
 * @param name The run's directory in it.
 * @throws {RunOutputsError} If it can't be put back, because it was uploaded again; it is in the stage.
 */
export async function restoreTree(stage: string, directory: string, name: string): Promise<void> {
  const [from, path] = [join(stage, name), join(directory, name)];
  try {
    await Deno.rename(from, path);
    await removeEmpty(stage);
  } catch (error) {
    const { message } = diskError("write", path, error);
    throw new RunOutputsError("failed", `${message}; the run is in ${quote(from)}`, {
      cause: error,
    });
  }
}

/**
 * Finds the runs that a killed process has staged.
 *
 * @param directory A directory that holds runs.
 * @returns The stages, and the expected states of their runs.
 */
export async function findStages(
  directory: string,
): Promise<{ readonly stage: string; readonly fingerprint: string }[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(directory)))
      .filter(({ name, isDirectory }) => isDirectory && name.startsWith(STAGE))
      .map(({ name }) => ({
        stage: join(directory, name),
        fingerprint: name.slice(STAGE.length),
      }));
  } catch (error) {
    throw diskError("list", directory, error);
  }
}

/**
 * Deletes a stage that holds no run.
 *
 * @param stage The stage.
 * @throws If it is not empty.
 */
export async function removeEmpty(stage: string): Promise<void> {
  for (const { name } of await Array.fromAsync(Deno.readDir(stage))) {
    await Deno.remove(join(stage, name));
  }
  await Deno.remove(stage);
}

/**
 * Deletes a stage, with its run.
 *
 * @param stage The stage.
 * @throws {RunOutputsError} What the disk says. If the directory was renamed, the next prune finishes.
 */
export async function deleteStage(stage: string): Promise<void> {
  const trash = join(dirname(stage), `${TRASH}${crypto.randomUUID()}`);
  try {
    await Deno.rename(stage, trash);
  } catch (error) {
    throw diskError("delete", stage, error);
  }
  await removeTrash(trash, stage);
}

/**
 * Finishes the deletions of killed processes in a directory.
 *
 * @param directory The directory that holds runs.
 * @param options A signal.
 * @returns What could not be deleted, with the reason, and how many were.
 */
export async function emptyTrash(
  directory: string,
  { signal }: CallOptions = {},
): Promise<{ readonly count: number; readonly failures: readonly RunOutputsError[] }> {
  const found: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(directory)) {
      if (isDirectory && name.startsWith(TRASH)) found.push(join(directory, name));
    }
  } catch (error) {
    throw diskError("list", directory, error);
  }
  const failures: RunOutputsError[] = [];
  for (const path of found) {
    signal?.throwIfAborted();
    try {
      const obstacle = await obstacleIn(path, { signal });
      if (obstacle !== undefined) {
        throw new RunOutputsError("failed", `Cannot delete '${path}': ${obstacle}`);
      }
      await removeTrash(path, path);
    } catch (error) {
      if (!(error instanceof RunOutputsError)) throw error;
      failures.push(error);
    }
  }
  return { count: found.length - failures.length, failures };
}

async function removeTrash(trash: string, path: string): Promise<void> {
  try {
    await removeTree(trash);
  } catch (error) {
    throw diskError("delete", path, error);
  }
}
