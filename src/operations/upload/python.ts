/**
 * Uploads Python packages.
 *
 * @module
 */

import { join } from "node:path";
import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { readDirectory } from "../../storage/local/disk_name.ts";
import { planFile } from "./file_format.ts";
import { parseDistribution } from "../index_pages/distribution.ts";
import { UploadPlanner } from "./plan.ts";

/** Options of {@linkcode planPython}. */
export interface PlanPythonOptions {
  /** The directory of packages, or one that contains them in `dist/`. */
  readonly packagesDir: string;
  /**
   * The artifact group of a single-arch build. Missing for a multi-arch build, whose packages are
   * in the directory itself or, for one GPU family, in a subdirectory with its name.
   */
  readonly artifactGroup?: string;
  /** Aborts planning. */
  readonly signal?: AbortSignal;
}

/**
 * Plans the upload of Python packages: only wheels and source distributions. One that is empty, or in
 * another format than its name says, fails.
 *
 * @param root The run.
 * @param options The directory and the group.
 * @param planner Receives them.
 * @throws {RunOutputsError} `not_found`, if the directory does not exist or contains no package.
 */
export async function planPython(
  root: RunOutputRoot,
  options: PlanPythonOptions,
  planner: UploadPlanner = new UploadPlanner(),
): Promise<void> {
  const { packagesDir, artifactGroup } = options;
  const to = root.pythonPackages(artifactGroup);
  const dist = join(packagesDir, "dist");
  const dir = await isDirectory(dist) ? dist : packagesDir;
  const families = await planDirectory(dir, to, planner, options);
  for (const family of artifactGroup === undefined ? families : []) {
    await planDirectory(join(dir, family), root.pythonPackages(family), planner, options);
  }
  const { items, failures } = planner.compactPlan();
  if (items.length + failures.length > 0) return;
  throw new RunOutputsError(
    "not_found",
    `Cannot upload Python packages from '${dir}': it has no .whl, .tar.gz or .zip package`,
  );
}

/** Adds the packages of one directory; returns subdirectories that can be GPU families. */
async function planDirectory(
  dir: string,
  to: OutputLocation,
  planner: UploadPlanner,
  { signal, artifactGroup }: PlanPythonOptions,
): Promise<string[]> {
  const families: string[] = [];
  const entries = await readDirectory(dir).catch((error) => {
    throw diskError("list the Python packages in", dir, error);
  });
  entries.sort((a, b) => a.name < b.name ? -1 : 1);
  const atTop = artifactGroup === undefined && to.name === "python";
  for (const entry of entries) {
    signal?.throwIfAborted();
    if (entry.name.startsWith(".")) continue;
    const path = join(dir, entry.name);
    if (entry.misread !== undefined) planner.warn(path, `is not uploaded: ${entry.misread}`);
    else if (entry.isFile && parseDistribution(entry.name) !== undefined) {
      await planFile(to.join(entry.name), path, planner);
    } else if (entry.isDirectory && atTop) families.push(entry.name);
    else planner.note(path, entry.isSymlink ? "a symbolic link" : "not a Python package");
  }
  return families;
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    // Links are not followed, as in every tree.
    return (await Deno.lstat(path)).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw diskError("read", path, error);
  }
}
