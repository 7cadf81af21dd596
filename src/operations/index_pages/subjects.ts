/**
 * The subjects of index pages: a run, a run with a test's report, a directory.
 *
 * @module
 */

import type { OutputLocation } from "../../layout/output_location.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { directoryPages } from "./directory_pages.ts";
import type { IndexedFile, IndexPage } from "./page.ts";
import { reportPage, runPages, runTree } from "./run_pages.ts";
import { stagingPage } from "./staging_pages.ts";

/** What index pages are made for. */
export interface IndexSubject {
  /** The prefix of the files. */
  readonly prefix: OutputLocation;
  /**
   * Determines the pages.
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
 * A page under its own name that lists a test's report, in the report's directory, because reports
 * of several jobs can share a directory.
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
 * A directory as the subject of index pages: one page for everything below it, and the pages for
 * pip if it contains Python packages. The page of a staging directory lists its runs.
 *
 * @param dir The directory.
 * @param notes What to say about its runs, by their prefix.
 * @returns The subject.
 */
export function directorySubject(
  dir: OutputLocation,
  notes: ReadonlyMap<string, string> = new Map(),
): IndexSubject {
  return {
    prefix: dir,
    pages: (files) => {
      if (files.length === 0) return [];
      const runs = stagingPage(dir, files, notes);
      return runs === undefined ? directoryPages(dir, files) : [runs];
    },
  };
}
