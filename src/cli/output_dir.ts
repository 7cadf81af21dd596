/**
 * The directory or file that a command writes to on this machine.
 *
 * @module
 */

import { resolve } from "node:path";
import { diskError } from "../errors/disk.ts";
import { RunOutputsError } from "../errors/error.ts";
import type { RunOutputRoot } from "../layout/run_output_root.ts";
import { SEPARATOR } from "../layout/separator.ts";

/**
 * Rejects an output directory that is a file, or inside of one. It need not exist.
 *
 * @param dir The directory.
 * @returns The directory.
 * @throws {RunOutputsError} `invalid`, or an error of the disk.
 */
export async function checkOutputDir(dir: string): Promise<string> {
  const stat = await Deno.stat(dir).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw diskError("read the output directory", dir, error);
  });
  if (stat?.isDirectory ?? true) return dir;
  throw new RunOutputsError(
    "invalid",
    `Cannot write to '${dir}': it is not a directory`,
  );
}

/**
 * Rejects an output directory or file that is in a run that is read.
 *
 * @param path The output directory or file.
 * @param runs The runs.
 * @param storage The storage with the runs.
 * @throws {RunOutputsError} `invalid`, if the directory is that of a run, or below it.
 */
export async function checkOutsideRuns(
  path: string,
  runs: readonly RunOutputRoot[],
  storage: { readonly dir?: string },
): Promise<void> {
  if (storage.dir === undefined) return;
  const { realPath } = await import("../storage/local/real_path.ts");
  const real = await realPath(resolve(path));
  for (const run of runs) {
    const source = await realPath(resolve(run.root().localPath(storage.dir)));
    if (real !== source && !real.startsWith(source + SEPARATOR)) continue;
    throw new RunOutputsError(
      "invalid",
      `Cannot write to '${path}': it is in the run ${run.prefix}, which is read; give another place`,
    );
  }
}

/**
 * Creates an output directory that does not exist.
 *
 * @param dir The directory.
 * @throws {RunOutputsError} What the disk says.
 */
export async function makeOutputDir(dir: string): Promise<void> {
  await Deno.mkdir(dir, { recursive: true }).catch((error) => {
    throw diskError("create the output directory", dir, error);
  });
}
