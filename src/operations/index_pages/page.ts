/**
 * The content of index pages, before it is rendered as HTML.
 *
 * @module
 */

import type { OutputLocation } from "../../layout/output_location.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";

/** The information on a file in storage that a page needs. */
export interface IndexedFile {
  /** Its location. */
  readonly location: OutputLocation;
  /** Its size in bytes. Unknown in a dry run for files that are not made yet. */
  readonly size?: number;
  /** When it was last written. Unknown in a dry run. */
  readonly modified?: Date;
}

/** A row of a list: a file, or a directory with a page of its own. */
export interface IndexEntry {
  /** Its name: a file name, or a relative path. */
  readonly name: string;
  /** The file, or a directory's page. */
  readonly target: OutputLocation;
  /** The size of the file, or of all files in the directory, in bytes. */
  readonly size?: number;
  /** When the file, or the newest one in the directory, was last written. */
  readonly modified?: Date;
  /** The number of files in a directory; missing for a file. */
  readonly files?: number;
  /** What else to say about a directory. */
  readonly note?: string;
  /** Its checksum file, if there is one. */
  readonly sidecar?: OutputLocation;
  /** The size of the checksum file in bytes. */
  readonly sidecarSize?: number;
}

/** A list on a page. */
export interface IndexSection {
  /** Its heading; missing if it is the only list. */
  readonly title?: string;
  /** Its rows. */
  readonly entries: readonly IndexEntry[];
}

/** A page that lists files for human readers. */
export interface ListPage {
  /** The kind of page. */
  readonly kind: "list";
  /** Its location. */
  readonly location: OutputLocation;
  /** The directory whose files determine its content. */
  readonly covers: OutputLocation;
  /** Its title, such as `Logs of gfx94X-dcgpu`. */
  readonly title: string;
  /** The pages above it, from the outermost. */
  readonly above: readonly { readonly name: string; readonly target: OutputLocation }[];
  /** Its lists. */
  readonly sections: readonly IndexSection[];
  /** The run, on the page of a run, and whether it has a marker of an upload. */
  readonly about?: { readonly root: RunOutputRoot; readonly uploading: boolean };
  /** Whether pip reads it: links have hashes, and it explains how to install from here. */
  readonly forPip?: boolean;
}

/** A page of pip's simple index: of all projects, or of one project's files. */
export interface SimplePage {
  /** The kind of page. */
  readonly kind: "simple";
  /** Its location. */
  readonly location: OutputLocation;
  /** The directory whose files determine its content. */
  readonly covers: OutputLocation;
  /** Its title. */
  readonly title: string;
  /** Projects, or files. */
  readonly entries: readonly IndexEntry[];
}

/** Any index page. */
export type IndexPage = ListPage | SimplePage;

/** The file name of every index page. */
export const INDEX_NAME = "index.html";

/** The value of `<meta name="generator">` in every page of ours. */
export const GENERATOR = "run-outputs";

/**
 * Whether a page is one of ours, judging by its beginning.
 *
 * @param beginning The page's first bytes, as text.
 * @returns `true` if run-outputs wrote it.
 */
export function isOurs(beginning: string): boolean {
  return beginning.includes(`<meta name="generator" content="${GENERATOR}">`);
}

/** The number of bytes of a page that {@linkcode isOurs} needs. */
export const MARK_WITHIN = 512;
