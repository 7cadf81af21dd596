/**
 * Uploads native Linux packages: a whole APT or DNF repository unchanged, or loose packages that
 * become one; and the packaging logs.
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
  /** The directory of the repository, or of packages; `logs/` in it has the packaging logs. */
  readonly packagesDir: string;
  /** The package format. */
  readonly type: NativePackageType;
  /** The job type, for the label of an APT repository: `ci`, `nightly`. Default: `ci`. */
  readonly jobType?: string;
  /** Aborts planning. */
  readonly signal?: AbortSignal;
}

/** Build notes and pages of other tools, which are not part of a repository. */
const NOT_UPLOADED = ["*.txt", "index.html"];

/**
 * Plans the upload of packages. A repository is uploaded unchanged; its metadata comes after the
 * packages, so that it never lists missing ones. Loose packages become a repository, or are added
 * to that of the run.
 *
 * @param root The run.
 * @param options The directory and the package format.
 * @param planner Receives them.
 * @throws {RunOutputsError} `not_found`, if the directory does not exist or contains nothing to
 * upload.
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

/** Adds a repository unchanged. */
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

/** Adds packages from all directories, and the step that updates the metadata. */
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

/** A file whose name is invalid in storage is a failure. */
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

/** Whether a file lists others: an index of an APT or DNF repository, or its signature. */
function isMetadata(relativePath: string): boolean {
  return relativePath.startsWith("dists/") || /(?:^|\/)repodata\//.test(relativePath) ||
    /^(?:Packages|Sources|Release|InRelease)(?:\.[a-z0-9]+)?$/.test(relativePath);
}
