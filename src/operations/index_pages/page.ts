/**
 * Index pages as values: what a page shows, before it is HTML.
 *
 * @module
 */

import type { OutputLocation } from "../../layout/output_location.ts";

/** A file in storage, as far as a page needs to know it. */
export interface IndexedFile {
  /** Its location. */
  readonly location: OutputLocation;
  /** Its size in bytes. Not known of what a dry run would write and has yet to make. */
  readonly size?: number;
  /** When it was last written. Not known in a dry run. */
  readonly modified?: Date;
}

/** A row of a list: a file, or a directory with a page of its own. */
export interface IndexEntry {
  /** What the row is called: a file name, or a relative path. */
  readonly name: string;
  /** The file, or a directory's page. */
  readonly target: OutputLocation;
  /** The file's size, or that of all files in the directory, in bytes. */
  readonly size?: number;
  /** When the file, or the newest of them, was last written. */
  readonly modified?: Date;
  /** How many files a directory has; a file has none. */
  readonly files?: number;
  /** The file that holds this one's checksum, if there is one. */
  readonly sidecar?: OutputLocation;
}

/** A list on a page. */
export interface IndexSection {
  /** Its heading; none where it is the only one. */
  readonly title?: string;
  /** Its rows. */
  readonly entries: readonly IndexEntry[];
}

/** A page for people that lists files. */
export interface ListPage {
  /** What kind of page this is. */
  readonly kind: "list";
  /** Its location. */
  readonly location: OutputLocation;
  /** The directory whose files decide what it says. */
  readonly covers: OutputLocation;
  /** What it lists: `Logs of gfx94X-dcgpu`. */
  readonly title: string;
  /** The way up: the pages above, from the outermost. */
  readonly above: readonly { readonly name: string; readonly target: OutputLocation }[];
  /** What it lists. */
  readonly sections: readonly IndexSection[];
  /** Whether pip reads it: links carry hashes, and it tells how to install from here. */
  readonly forPip?: boolean;
}

/** A page of pip's simple index: of all projects, or of one project's files. */
export interface SimplePage {
  /** What kind of page this is. */
  readonly kind: "simple";
  /** Its location. */
  readonly location: OutputLocation;
  /** The directory whose files decide what it says. */
  readonly covers: OutputLocation;
  /** What it lists. */
  readonly title: string;
  /** Projects, or files. */
  readonly entries: readonly IndexEntry[];
}

/** Any index page. */
export type IndexPage = ListPage | SimplePage;

/** What the name of an index page is, wherever it is. */
export const INDEX_NAME = "index.html";

/** The value of `<meta name="generator">` in every page of ours. */
export const GENERATOR = "run-outputs";

/**
 * Whether a page is one of ours, by its beginning.
 *
 * @param beginning The page's first bytes, as text.
 * @returns `true` if we made it.
 */
export function isOurs(beginning: string): boolean {
  return beginning.includes(`<meta name="generator" content="${GENERATOR}">`);
}

/**
 * How many bytes of a page are enough for {@linkcode isOurs}.
 */
export const MARK_WITHIN = 512;
