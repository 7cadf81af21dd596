/**
 * The upload of native Linux packages: an APT or DNF repository, and the logs of its making.
 *
 * @module
 */

import { join } from "node:path";
import { RunOutputsError } from "../../errors/error.ts";
import type { NativePackageType } from "../../layout/output_paths.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { UploadPlanner } from "./plan.ts";

/** Options of {@linkcode planPackages}. */
export interface PlanPackagesOptions {
  /** The directory of the repository; `logs/` in it holds the packaging's logs. */
  readonly packagesDir: string;
  /** The package format. */
  readonly type: NativePackageType;
  /** Stops the planning. */
  readonly signal?: AbortSignal;
}

/** Build notes and pages of other tools: not part of a repository. */
const NOT_UPLOADED = ["*.txt", "index.html"];

/**
 * Plans the upload of a package repository. Its metadata comes after the packages, so that nobody
 * is offered what is not there yet.
 *
 * @param root The run.
 * @param options Where the repository is, and of which kind.
 * @param planner Where to add it.
 * @throws {RunOutputsError} `not_found`, if there is no such directory or nothing to upload in it.
 */
export async function planPackages(
  root: RunOutputRoot,
  options: PlanPackagesOptions,
  planner: UploadPlanner = new UploadPlanner(),
): Promise<void> {
  const { packagesDir, type, signal } = options;
  const to = root.nativeLinuxPackages(type);
  await planner.addTree(packagesDir, to, {
    exclude: ["logs/", ...NOT_UPLOADED],
    when: (path) => isMetadata(path) ? "last" : "first",
    signal,
  });
  const { items, last = [] } = planner.plan();
  if (items.length + last.length === 0) {
    throw new RunOutputsError(
      "not_found",
      `Cannot upload packages from '${packagesDir}': it has no files`,
    );
  }
  if (!items.some(({ location }) => location.name.endsWith(`.${type}`))) {
    planner.note(packagesDir, `it has no .${type} file, only other files of a repository`);
  }
  try {
    const logs = join(packagesDir, "logs");
    await planner.addTree(logs, root.nativeLinuxPackagesLogDir(type), { signal });
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof RunOutputsError) || error.code !== "not_found") throw error;
  }
}

/** Whether a file tells of others: an index of an APT or DNF repository, its signature. */
function isMetadata(relativePath: string): boolean {
  return relativePath.startsWith("dists/") || /(?:^|\/)repodata\//.test(relativePath) ||
    /^(?:Packages|Sources|Release|InRelease)(?:\.[a-z0-9]+)?$/.test(relativePath);
}
