/**
 * The mark that stands beside the parts of the outputs manifest while an upload has not put
 * everything there, be it under way, killed or failed: `manifests/outputs/{part}.incomplete`.
 *
 * It is written like a part: its `files` are those that are there and that no part tells of, its
 * `pending` the paths of those that are still to come, its `unlisted` what could not be read and so
 * has no paths in the run. One that is `finished` stands for none, where nothing may be deleted.
 *
 * @module
 */

import type { ManifestHead } from "./manifest.ts";

/** What has not come yet. */
export interface StillToCome {
  /** Paths in the run. */
  readonly pending: readonly string[];
  /** What could not be read where the upload ran, so that it has no paths in the run. */
  readonly unlisted: readonly string[];
}

/** A part of which an upload has not finished, and none has made up for that. */
export interface UnfinishedPart extends StillToCome {
  /** The part's name. */
  readonly part: string;
  /** Why the mark can't be read: then nobody knows what is still to come. */
  readonly unread?: string;
}

const SUFFIX = ".incomplete";

/** The name of the mark of a copy, which is of files and not of a part. */
const COPY_MARK = /^copy\.[0-9a-f]{12}$/;

/** What the mark of an upload means to who reads the run, behind the upload's name. */
export const NOT_FINISHED =
  "is incomplete (in progress, killed or failed): files can be missing or " +
  "from two uploads until it is run again";

/** How many paths a message tells. */
const NAMED = 5;

/**
 * The name of a part's mark.
 *
 * @param part The part's name.
 * @returns The name of a file, which is no part's.
 */
export function unfinishedName(part: string): string {
  return `${part}${SUFFIX}`;
}

/**
 * Which part a mark is of.
 *
 * @param name The name of a file.
 * @returns The part's name; nothing, if the file is no mark.
 */
export function unfinishedPartOf(name: string): string | undefined {
  return name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : undefined;
}

/**
 * The name that the mark of a copy has in place of a part's.
 *
 * @param hash The hash of the paths that are copied, in hex digits.
 * @returns The name.
 */
export function copyMarkName(hash: string): string {
  return `copy.${hash.slice(0, 12)}`;
}

/**
 * Whether a mark is that of a copy.
 *
 * @param part The name in it.
 * @returns `false`, if it is the mark of a part.
 */
export function isCopyMark(part: string): boolean {
  return COPY_MARK.test(part);
}

/**
 * What has not finished, for messages.
 *
 * @param part The name in a mark.
 * @returns `the upload of part p`, or `a copy to this run`.
 */
export function unfinishedWork(part: string): string {
  return isCopyMark(part) ? "a copy to this run" : `the upload of part ${part}`;
}

/**
 * What is still to come.
 *
 * @param head All of a mark but its files.
 * @returns Paths relative to the run's prefix.
 */
export function pendingOf(head: ManifestHead): readonly string[] {
  return strings(head.pending);
}

/**
 * What could not be read: nobody knows which files it stands for.
 *
 * @param head All of a mark but its files.
 * @returns Paths where the upload ran.
 */
export function unlistedOf(head: ManifestHead): readonly string[] {
  return strings(head.unlisted);
}

/**
 * What stands in place of a mark that can't be deleted.
 *
 * @param head All of the mark but its files.
 * @returns The head of one without files.
 */
export function finishedMark(head: ManifestHead): ManifestHead {
  const { pending: _1, unlisted: _2, pages: _3, ...rest } = head;
  return { ...rest, finished: true } as ManifestHead;
}

/**
 * Whether what a mark was of is there by now.
 *
 * @param head All of the mark but its files.
 * @returns Whether it counts as none.
 */
export function isFinished(head: ManifestHead): boolean {
  return head.finished === true;
}

/** What was read is a list of texts, if it is there: `checkHead` has seen to that. */
function strings(list: unknown): readonly string[] {
  return Array.isArray(list) ? list : [];
}

/**
 * What a mark tells, for a message.
 *
 * @param mark The mark.
 * @returns `an upload of the part p is not finished (…): …; still to come: a, b, …, and 3 more`
 */
export function describeUnfinished({ part, pending, unlisted, unread }: UnfinishedPart): string {
  return [
    `${unfinishedWork(part)} ${NOT_FINISHED}`,
    ...(unread === undefined ? [] : [`its pending files are unknown: ${unread}`]),
    ...(pending.length === 0 ? [] : [`pending: ${namedPaths(pending)}`]),
    ...(unlisted.length === 0 ? [] : [`it could not read ${namedPaths(unlisted)}`]),
  ].join("; ");
}

/**
 * Paths for a message: the first few.
 *
 * @param paths The paths.
 * @returns `a, b, …, and 3 more`.
 */
export function namedPaths(paths: readonly string[]): string {
  const more = paths.length > NAMED ? `, and ${paths.length - NAMED} more` : "";
  return `${paths.slice(0, NAMED).join(", ")}${more}`;
}
