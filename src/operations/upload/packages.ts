/**
 * The upload of native Linux packages: a whole APT or DNF repository as it is, or loose packages that
 * become one; and the logs of their making.
 *
 * @module
 */

import { join } from "node:path";
import { RunOutputsError } from "../../errors/error.ts";
import type { NativePackageType } from "../../layout/output_paths.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import type { TreeFile } from "../../storage/transfer/tree.ts";
import { fileItem } from "../../storage/transfer/upload.ts";
import { aptRepository } from "../repository/apt.ts";
import { type Repository, repositoryClosing } from "../repository/closing.ts";
import { dnfRepository } from "../repository/dnf.ts";
import { UploadPlanner } from "./plan.ts";

/** Options of {@linkcode planPackages}. */
export interface PlanPackagesOptions {
  /** The directory of the repository, or of packages; `logs/` in it holds the packaging's logs. */
  readonly packagesDir: string;
  /** The package format. */
  readonly type: NativePackageType;
  /** The type of the job, for the label of an APT repository: `ci`, `nightly`. Default: `ci`. */
  readonly jobType?: string;
  /** Aborts planning. */
  readonly signal?: AbortSignal;
}

/** Build notes and pages of other tools: not part of a repository. */
const NOT_UPLOADED = ["*.txt", "index.html"];

/**
 * Plans the upload of packages. A directory that is a repository is uploaded as it is; its metadata
 * comes after the packages, so that nobody is offered what is not there yet. Loose packages become
 * a repository, or are added to the one that the run has.
 *
 * @param root The run.
 * @param options Where the packages are, and of which kind.
 * @param planner Receives them.
 * @throws {RunOutputsError} `not_found`, if there is no such directory or nothing to upload in it.
 */
export async function planPackages(
  root: RunOutputRoot,
  options: PlanPackagesOptions,
  planner: UploadPlanner = new UploadPlanner(),
): Promise<void> {
  const { packagesDir, type, jobType = "ci", signal } = options;
  const to = root.nativeLinuxPackages(type);
  const exclude = ["logs/", ...NOT_UPLOADED];
  const { files } = await planner.findTree(packagesDir, to, { exclude, signal });
  const packages = files.filter(({ path }) => path.endsWith(`.${type}`));
  if (files.length === 0) throw nothing(packagesDir, "it has no files");
  if (files.some(({ relativePath }) => isMetadata(relativePath))) {
    addRepository(files, to, planner);
    if (packages.length === 0) {
      planner.note(packagesDir, `it has no .${type} file, only other files of a repository`);
    }
  } else {
    if (packages.length === 0) throw nothing(packagesDir, `it has no .${type} file`);
    for (const { path } of files.filter((file) => !packages.includes(file))) {
      planner.note(path, `not a .${type} file`);
    }
    if (type === "deb") addPackages(packages, aptRepository(root, { jobType }), planner);
    else addPackages(packages, dnfRepository(root), planner);
  }
  try {
    const logs = join(packagesDir, "logs");
    await planner.addTree(logs, root.nativeLinuxPackagesLogDir(type), { signal });
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof RunOutputsError) || error.code !== "not_found") throw error;
  }
}

/** Adds a repository as it is. */
function addRepository(
  files: readonly TreeFile[],
  to: OutputLocation,
  planner: UploadPlanner,
): void {
  for (const { relativePath, path, size } of files) {
    addAt(planner, to, path, () => {
      const item = fileItem(to.join(relativePath), path, { size });
      planner.add(item, isMetadata(relativePath) ? "last" : "first");
    });
  }
}

/** Adds packages, whichever directory each is in, and what brings the metadata up to date. */
function addPackages<Entry>(
  packages: readonly TreeFile[],
  repository: Repository<Entry> & {
    readonly place: { readonly dir: OutputLocation; package(fileName: string): OutputLocation };
  },
  planner: UploadPlanner,
): void {
  const { files, place } = repository;
  for (const { relativePath, path, size } of packages) {
    const name = relativePath.slice(relativePath.lastIndexOf("/") + 1);
    addAt(planner, place.dir, path, () => planner.add(files.item(place.package(name), path, size)));
  }
  planner.close(repositoryClosing(repository));
}

/** A file whose name can't be one in storage is a failure. */
function addAt(planner: UploadPlanner, to: OutputLocation, path: string, add: () => void): void {
  try {
    add();
  } catch (error) {
    planner.fail(to, path, error as Error, true);
  }
}

function nothing(dir: string, reason: string): RunOutputsError {
  return new RunOutputsError("not_found", `Cannot upload packages from '${dir}': ${reason}`);
}

/** Whether a file tells of others: an index of an APT or DNF repository, its signature. */
function isMetadata(relativePath: string): boolean {
  return relativePath.startsWith("dists/") || /(?:^|\/)repodata\//.test(relativePath) ||
    /^(?:Packages|Sources|Release|InRelease)(?:\.[a-z0-9]+)?$/.test(relativePath);
}
