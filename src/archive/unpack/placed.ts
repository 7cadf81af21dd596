/**
 * What archives put into a target, and what a caller changes there in the same commit.
 *
 * @module
 */

import { join } from "node:path";
import { conflictAt, kindOf } from "./disk_view.ts";
import type { Step } from "./journal.ts";
import type { PlacedEntry } from "./tree_writer.ts";

export type { PlacedEntry };

/** What one archive puts into the target. */
export interface PlacedArchive {
  /** Its file name. */
  readonly name: string;
  /** Its files, links and empty directories: paths in the target, without links in them. */
  readonly entries: readonly PlacedEntry[];
}

/** A path that is removed from the target, with `/` between names. */
export interface PathRemoval {
  /** The path. */
  readonly path: string;
  /** Whether it is a directory, which stays if it is not empty then. */
  readonly directory?: boolean;
}

/** A small file at the top of the target. */
export interface TopFile {
  /** Its name. */
  readonly name: string;
  /** Its content. */
  readonly text: string;
}

/** What a caller of `Unpacker.commit` adds to it. All of it happens, or nothing. */
export interface CommitAmendment {
  /**
   * Called before the commit is planned.
   *
   * @param replaced The directories that the commit replaces as a whole, as paths in the target.
   * @returns What to remove before new content is moved in, each directory after its content.
   */
  remove(replaced: ReadonlySet<string>): readonly PathRemoval[];
  /**
   * Called when the final paths are known.
   *
   * @param placed What each archive puts into the target. Each path is in one archive.
   * @returns A file that is written in the same commit.
   */
  record(placed: readonly PlacedArchive[]): TopFile;
}

/**
 * Which archive each path comes from: the last one that has it.
 *
 * @param archives The archives in their order.
 * @param placeOf The final path of an archive's entry.
 * @returns The archives with final paths.
 */
export function placedArchives(
  archives: readonly PlacedArchive[],
  placeOf: (archive: string, path: string) => string,
): PlacedArchive[] {
  const owners = new Map<string, { readonly archive: number; readonly entry: PlacedEntry }>();
  archives.forEach(({ name, entries }, archive) => {
    for (const entry of entries) {
      const path = placeOf(name, entry.path);
      owners.set(path, { archive, entry: path === entry.path ? entry : { ...entry, path } });
    }
  });
  const hasDirectories = archives.some(({ entries }) => entries.some(isDirectory));
  const above = new Set(hasDirectories ? Array.from(owners.keys(), parentOf) : []);
  const placed = archives.map(({ name }) => ({ name, entries: [] as PlacedEntry[] }));
  for (const [path, { archive, entry }] of owners) {
    // Another archive has put something into this directory.
    if (hasDirectories && isDirectory(entry) && above.has(path.slice(0, -1))) continue;
    placed[archive].entries.push(entry);
  }
  return placed;
}

function isDirectory({ path }: PlacedEntry): boolean {
  return path === "" || path.endsWith("/");
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/", path.length - 2)));
}

/**
 * The steps that remove paths.
 *
 * @param removals The paths.
 * @param outputDir The target.
 * @param saved The directory for what is removed.
 * @returns The steps.
 */
export function removalSteps(
  removals: readonly PathRemoval[],
  outputDir: string,
  saved: string,
): Step[] {
  return removals.map(({ path, directory }, i) => ({
    to: join(outputDir, path),
    saved: join(saved, `removed-${i}`),
    ifEmpty: directory,
  }));
}

/**
 * The step that puts a file at the top of the target.
 *
 * @param file The file, which is written into the staging directory.
 * @param outputDir The target.
 * @param place The staging directory, and that for replaced files in it.
 * @returns The step.
 * @throws {RunOutputsError} `conflict`, if a directory has this name; or errors of the disk.
 */
export function topFileStep(
  { name, text }: TopFile,
  outputDir: string,
  place: { readonly staging: string; readonly saved: string },
): Step {
  const [from, to] = [join(place.staging, TOP_FILE), join(outputDir, name)];
  const existing = kindOf(to);
  if (existing === "directory") throw conflictAt(to, "a directory has this name; move it away");
  Deno.writeTextFileSync(from, text);
  return { from, to, saved: existing === undefined ? undefined : join(place.saved, TOP_FILE) };
}

/** The name of the file in a staging directory. */
export const TOP_FILE = "top-file";
