/**
 * The marker of an upload that is in progress, killed or failed:
 * `manifests/outputs/{part}.incomplete`, beside the parts of the outputs manifest.
 *
 * It has the format of a part. `files` are uploaded files that no part lists yet, `pending` the
 * paths of files not uploaded yet, `unlisted` what could not be read locally and so has no paths in
 * the run. Without delete permission, a marker is overwritten as `finished` and ignored.
 *
 * @module
 */

import type { ManifestHead } from "./manifest.ts";

/** What is not uploaded yet. */
export interface PendingContent {
  /** Paths in the run. */
  readonly pending: readonly string[];
  /** What could not be read on the uploading machine, so that its paths in the run are unknown. */
  readonly unlisted: readonly string[];
}

/** A part with a marker. */
export interface UnfinishedPart extends PendingContent {
  /** The part's name. */
  readonly part: string;
  /** Why the marker cannot be read. Then the pending files are unknown. */
  readonly unread?: string;
}

const SUFFIX = ".incomplete";

/** The part name in the marker of a copy, which is for files and not for a part. */
const COPY_MARKER = /^copy\.[0-9a-f]{12}$/;

/** What a marker means for readers of the run, to follow the upload's name. */
export const NOT_FINISHED =
  "is incomplete (in progress, killed or failed): files can be missing or " +
  "from two uploads until it is run again";

/** The maximum number of paths in a message. */
const NAMED = 5;

/**
 * The file name of a part's marker.
 *
 * @param part The part's name.
 * @returns The file name.
 */
export function unfinishedName(part: string): string {
  return `${part}${SUFFIX}`;
}

/**
 * The part that a marker belongs to.
 *
 * @param name The file name.
 * @returns The part's name; `undefined`, if the file is not a marker.
 */
export function unfinishedPartOf(name: string): string | undefined {
  return name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : undefined;
}

/**
 * The name in the marker of a copy, instead of a part's name.
 *
 * @param hash The hash of the copied paths, in hex digits.
 * @returns The name.
 */
export function copyMarkerName(hash: string): string {
  return `copy.${hash.slice(0, 12)}`;
}

/**
 * Whether a marker is for a copy.
 *
 * @param part The part name in the marker.
 * @returns `false`, if it is for a part.
 */
export function isCopyMarker(part: string): boolean {
  return COPY_MARKER.test(part);
}

/**
 * What is incomplete, for messages.
 *
 * @param part The part name in a marker.
 * @returns `the upload of part p`, or `a copy to this run`.
 */
export function unfinishedWork(part: string): string {
  return isCopyMarker(part) ? "a copy to this run" : `the upload of part ${part}`;
}

/**
 * The pending files of a marker.
 *
 * @param head All members of a marker but its files.
 * @returns Paths relative to the run's prefix.
 */
export function pendingOf(head: ManifestHead): readonly string[] {
  return strings(head.pending);
}

/**
 * What could not be read, so that its paths in the run are unknown.
 *
 * @param head All members of a marker but its files.
 * @returns Paths on the uploading machine.
 */
export function unlistedOf(head: ManifestHead): readonly string[] {
  return strings(head.unlisted);
}

/**
 * The content that overwrites a marker that cannot be deleted.
 *
 * @param head All members of the marker but its files.
 * @returns The members, without files.
 */
export function finishedMarker(head: ManifestHead): ManifestHead {
  const { pending: _1, unlisted: _2, pages: _3, ...rest } = head;
  return { ...rest, finished: true } as ManifestHead;
}

/**
 * Whether the upload of a marker finished later.
 *
 * @param head All members of the marker but its files.
 * @returns Whether to ignore the marker.
 */
export function isFinished(head: ManifestHead): boolean {
  return head.finished === true;
}

/** A list of strings or `undefined`: `checkHead` has checked it. */
function strings(list: unknown): readonly string[] {
  return Array.isArray(list) ? list : [];
}

/**
 * Describes a marker in a message.
 *
 * @param marker The marker.
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
 * How to clear markers of uploads that nobody will run again, for messages.
 *
 * @param markers The markers. One that cannot be read can't be cleared.
 * @returns The command, and when to use it; empty, if there is nothing to clear.
 */
export function howToClear(markers: readonly Pick<UnfinishedPart, "part" | "unread">[]): string[] {
  const parts = markers.filter(({ unread }) => unread === undefined).map(({ part }) => part);
  if (parts.length === 0) return [];
  return [
    `if nothing is missing, 'run-outputs verify --drop-incomplete ${parts.join(",")}' deletes ` +
    (parts.length === 1 ? "the marker" : "the markers"),
  ];
}

/**
 * The first few paths, for a message.
 *
 * @param paths The paths.
 * @returns `a, b, …, and 3 more`.
 */
export function namedPaths(paths: readonly string[]): string {
  const more = paths.length > NAMED ? `, and ${paths.length - NAMED} more` : "";
  return `${paths.slice(0, NAMED).join(", ")}${more}`;
}
