/**
 * Where a fetch keeps what is not to be seen in its output directory yet.
 *
 * @module
 */

import { realPath } from "../../storage/local/real_path.ts";
import { basename, dirname, join, resolve } from "node:path";
import { removeTree } from "../../archive/unpack/remove_tree.ts";
import { diskError } from "../../errors/disk.ts";
import { look } from "../../storage/transfer/look.ts";

/**
 * Makes the working directory of an output directory: beside it, on the same file system, and the
 * same one each time, so that the next fetch finds what this one leaves. Where there can be none
 * beside it (a mounted volume, a parent that can't be written to) it is inside.
 *
 * @param outputDir The output directory; it need not be there.
 * @returns The working directory.
 * @throws {RunOutputsError} What the disk says.
 */
export async function makeWorkDir(outputDir: string): Promise<string> {
  const target = await realPath(outputDir);
  const { inside, beside } = placesOf(target);
  try {
    if (dirname(target) !== target && await onOneFileSystem(target)) {
      try {
        await Deno.mkdir(beside, { recursive: true });
        return beside;
      } catch {
        // Whatever keeps it from being there; inside, an error is told.
      }
    }
    await Deno.mkdir(inside, { recursive: true });
    return inside;
  } catch (error) {
    throw diskError("write to", outputDir, error);
  }
}

/**
 * Removes what a fetch has left beside an output directory that is not wanted any more.
 *
 * @param outputDir The output directory.
 * @throws {RunOutputsError} What the disk says.
 */
export async function removeWorkDir(outputDir: string): Promise<void> {
  const { beside } = placesOf(await realPath(outputDir));
  await removeTree(beside).catch((error) => {
    throw diskError("remove", beside, error);
  });
}

/**
 * The directories of a path that are not there yet, for {@linkcode removeEmpty}.
 *
 * @param path A directory.
 * @returns The directory and what is above it, as far as they are missing, the deepest first.
 * @throws {RunOutputsError} What the disk says.
 */
export async function missingDirs(path: string): Promise<string[]> {
  const missing: string[] = [];
  for (let at = resolve(path); dirname(at) !== at; at = dirname(at)) {
    if (await look(at) !== undefined) break;
    missing.push(at);
  }
  return missing;
}

/**
 * Removes directories as far as nothing is in them.
 *
 * @param dirs The directories, each before the one that it is in.
 */
export async function removeEmpty(dirs: readonly string[]): Promise<void> {
  for (const dir of dirs) {
    // What is in it is wanted; one that is not there is as it should be.
    await Deno.remove(dir).catch(() => {});
  }
}

function placesOf(target: string): { readonly inside: string; readonly beside: string } {
  return {
    inside: join(target, ".run-outputs-fetch"),
    beside: join(dirname(target), `.${basename(target)}.run-outputs-fetch`),
  };
}

/** Whether a directory is, or will be, on its parent's file system. */
async function onOneFileSystem(target: string): Promise<boolean> {
  const [own, above] = await Promise.all([device(target), device(dirname(target))]);
  return own === undefined || own === above;
}

async function device(path: string): Promise<number | undefined> {
  try {
    return (await Deno.stat(path)).dev;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
