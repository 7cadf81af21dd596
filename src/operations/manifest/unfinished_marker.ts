/**
 * The marker of an unfinished upload in storage: see `runs/unfinished_part.ts`.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { OutputPaths } from "../../layout/output_paths.ts";
import { partText, streamPartText } from "../../runs/format_part.ts";
import { sortedTexts } from "../../runs/sorted_texts.ts";
import type { ManifestHead } from "../../runs/manifest.ts";
import {
  finishedMarker,
  isFinished,
  type PendingContent,
  pendingOf,
  unfinishedName,
  unlistedOf,
} from "../../runs/unfinished_part.ts";
import type { ByteSource, ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { bytesSource } from "../../storage/byte_source.ts";
import { statIfThere } from "../../storage/if_there.ts";
import { streamedSource } from "../../storage/streamed_source.ts";
import type { PartContent } from "./part_content.ts";
import { pathSet, without } from "./part_files.ts";
import { readPart, type StoredPart } from "./read.ts";

/** Options of {@linkcode UnfinishedMarker}. */
export interface UnfinishedMarkerOptions {
  /** The part's name. */
  readonly part: string;
  /** Formats a location for messages. Default: its S3 URI. */
  readonly show?: (location: OutputLocation) => string;
  /** Called with one-line notes for the user. */
  readonly onNote?: (note: string) => void;
  /** Whether to keep the files of a marker in memory, given its size. */
  readonly isKept: (info: ObjectInfo) => boolean;
  /** Aborts operations in progress. */
  readonly signal?: AbortSignal;
}

/** The consequence of a marker that cannot be deleted. */
const NOT_DELETED = "can't be deleted: the part may count as incomplete until it is";

/** The marker of one part, as one upload uses it. */
export class UnfinishedMarker {
  readonly #backend: StorageBackend;
  readonly #location: OutputLocation;
  readonly #options: UnfinishedMarkerOptions;
  /** Its path in the run. */
  readonly #path: string;
  #found?: Promise<StoredPart | undefined>;
  /** The etag of the marker that this upload has written. */
  #written?: string;
  /** What is in that, without the files that this upload will write. */
  #own?: { readonly head: ManifestHead; readonly count: number };
  #isThere = false;
  #isBroken = false;

  /**
   * Creates the marker without reading or writing it.
   *
   * @param backend The storage.
   * @param root The run.
   * @param options The part.
   */
  constructor(backend: StorageBackend, root: OutputPaths, options: UnfinishedMarkerOptions) {
    this.#backend = backend;
    this.#location = root.outputsManifestDir().join(unfinishedName(options.part));
    this.#path = this.#location.relativeTo(root.root())!;
    this.#options = options;
  }

  /** Its location, for messages. */
  toString(): string {
    const { show = String } = this.#options;
    return show(this.#location);
  }

  /**
   * The pending content of an unreadable marker, once it was read: its own path, which no upload
   * writes. So the part stays incomplete until a later attempt starts again.
   */
  get unread(): readonly string[] {
    return this.#isBroken ? [this.#path] : [];
  }

  /**
   * Reads what earlier uploads have left unfinished. The planned files of this one may be missing.
   *
   * @returns The marker; `undefined`, if there is none, or it cannot be read, which is a note.
   */
  read(): Promise<StoredPart | undefined> {
    return this.#found ??= this.#read();
  }

  /**
   * What earlier uploads have left unfinished, and this one except for its planned files.
   *
   * @returns The pending files; `undefined`, if there is no marker.
   */
  async pending(): Promise<PendingContent | undefined> {
    const marker = await this.read();
    if (marker === undefined) {
      return this.#isBroken ? { pending: this.unread, unlisted: [] } : undefined;
    }
    return { pending: pendingOf(marker.head), unlisted: unlistedOf(marker.head) };
  }

  /**
   * Writes the marker.
   *
   * @param content The existing files that no part lists.
   * @param pending The files that are pending already: only their paths are in the marker.
   * @param planned The paths of the files that this upload will write. They are iterated several
   * times.
   */
  async write(
    { head, files }: PartContent,
    { pending, unlisted }: PendingContent,
    planned: Iterable<string> = [],
  ): Promise<void> {
    const { signal } = this.#options;
    const all = sortedTexts({
      *[Symbol.iterator]() {
        yield* pending;
        yield* planned;
      },
    });
    const marked = {
      ...head,
      ...(unlisted.length === 0 ? {} : { unlisted: [...new Set(unlisted)].sort() }),
    };
    const uploaded = without(files, pathSet(all));
    let seen = 0;
    const text = () => {
      seen = 0;
      return streamPartText({ ...marked, pending: all }, counted(uploaded, () => seen++));
    };
    await using source = await streamedSource(text, signal);
    const count = seen;
    await this.#put(source);
    this.#isThere = true;
    this.#isBroken = false;
    this.#found = undefined;
    this.#own = { head: { ...marked, pending: [...pending] }, count };
  }

  /**
   * After the part was written: deletes the marker, unless files are pending. A failure is a note,
   * and the marker stays.
   *
   * @param head All members of the marker but its files, which the part has.
   * @param pending The pending files.
   */
  async settle(head: ManifestHead, pending: readonly string[]): Promise<void> {
    if (!this.#isThere) return;
    try {
      if (pending.length > 0) await this.write({ head, files: [] }, { pending, unlisted: [] });
      else await this.#delete(head);
    } catch (error) {
      this.note(NOT_DELETED, error);
    }
  }

  /**
   * Deletes the marker if only this upload has written it: its content must not come from another
   * job. A failure is a note.
   */
  async retract(): Promise<void> {
    try {
      this.#found = undefined;
      const marker = await this.read();
      if (marker !== undefined && marker.info.etag === this.#written) {
        await this.#delete(marker.head);
      }
    } catch (error) {
      this.note(NOT_DELETED, error);
    }
  }

  /**
   * Deletes the marker, whoever has written it, because a user says that nothing is missing. One that
   * cannot be read is deleted too.
   *
   * @throws {RunOutputsError} If it can be neither deleted nor overwritten.
   */
  async drop(): Promise<void> {
    const { signal } = this.#options;
    const marker = await this.read();
    if (marker !== undefined) await this.#delete(marker.head);
    else if (this.#isBroken) await this.#backend.delete(this.#location, { signal });
  }

  /** Deletes the marker. Without delete permission, it is overwritten and ignored. */
  async #delete(head: ManifestHead): Promise<void> {
    const { signal } = this.#options;
    try {
      await this.#backend.delete(this.#location, { signal });
    } catch (error) {
      signal?.throwIfAborted();
      try {
        await this.#put(bytesSource([...partText(finishedMarker(head), [])].join("")));
      } catch {
        signal?.throwIfAborted();
        throw error;
      }
    }
    this.#isThere = false;
    this.#found = undefined;
  }

  async #put(source: ByteSource): Promise<void> {
    const { signal } = this.#options;
    const contentType = "application/json; charset=utf-8";
    this.#own = undefined;
    const { etag } = await this.#backend.write(this.#location, source, { contentType, signal });
    this.#written = etag;
  }

  /**
   * Notes a failure of the marker.
   *
   * @param failure What failed, as the rest of a sentence.
   * @param error The reason.
   * @throws The signal's reason.
   */
  note(failure: string, error: unknown): void {
    const { onNote, signal } = this.#options;
    signal?.throwIfAborted();
    onNote?.(`${this} ${failure} (${(error as Error).message})`);
  }

  async #read(): Promise<StoredPart | undefined> {
    const { show, isKept, signal } = this.#options;
    try {
      if (this.#own !== undefined) {
        // The list of a million planned files is not read again.
        const info = await statIfThere(this.#backend, this.#location, signal);
        if (info !== undefined && info.etag === this.#written) {
          const { head, count } = this.#own;
          return { head, info, count, files: count === 0 ? [] : undefined };
        }
      }
      const marker = await readPart(this.#backend, { location: this.#location }, isKept, {
        show,
        signal,
      });
      if (marker === undefined || isFinished(marker.head)) return undefined;
      this.#isThere = true;
      return marker;
    } catch (error) {
      if (!(error instanceof RunOutputsError) || error.code !== "integrity") {
        this.#found = undefined;
        throw error;
      }
      this.#isThere = this.#isBroken = true;
      this.note("can't be read: the pending files of an earlier upload are unknown", error);
      return undefined;
    }
  }
}

async function* counted<T>(
  items: Iterable<T> | AsyncIterable<T>,
  count: () => void,
): AsyncGenerator<T> {
  for await (const item of items) {
    count();
    yield item;
  }
}
