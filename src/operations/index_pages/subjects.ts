/**
 * What index pages are made for: a run, a run with a test's report, a directory.
 *
 * @module
 */

import type { OutputLocation } from "../../layout/output_location.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { directoryPages } from "./directory_pages.ts";
import type { IndexedFile, IndexPage } from "./page.ts";
import { reportPage, runPages, runTree } from "./run_pages.ts";

/** What index pages are made for. */
export interface IndexSubject {
  /** Below this are the files. */
  readonly prefix: OutputLocation;
  /**
   * Decides which pages there are.
   *
   * @param files The files.
   * @returns The pages.
   */
  pages(files: readonly IndexedFile[]): readonly IndexPage[];
}

/**
 * A run as the subject of index pages.
 *
 * @param root The run.
 * @returns The subject.
 */
export function runSubject(root: RunOutputRoot): IndexSubject {
  return {
    prefix: root.root(),
    pages: (files) => files.length === 0 ? [] : runPages(root, runTree(root, files)),
  };
}

/**
 * A page in the directory of a test's report that lists it, under a name of its own: reports of
 * several jobs can share a directory.
 *
 * @param root The run.
 * @param subfolder The directory, relative to the run's logs.
 * @param fileName The page's name.
 * @returns The run's pages and this one.
 */
export function reportSubject(
  root: RunOutputRoot,
  subfolder: string,
  fileName: string,
): IndexSubject {
  const run = runSubject(root);
  return {
    prefix: run.prefix,
    pages: (files) => {
      const pages = run.pages(files);
      const own = reportPage(root, subfolder, fileName, runTree(root, files));
      return pages.some(({ location }) => location.equals(own.location)) ? pages : [...pages, own];
    },
  };
}

/**
 * A directory as the subject of index pages: one page for all below it, and for packages of Python
 * in it what pip reads.
 *
 * @param dir The directory.
 * @returns The subject.
 */
export function directorySubject(dir: OutputLocation): IndexSubject {
  return {
    prefix: dir,
    pages: (files) => files.length === 0 ? [] : directoryPages(dir, files),
  };
}
