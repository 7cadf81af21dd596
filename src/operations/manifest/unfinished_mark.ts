/**
 * The mark of an upload that has not put everything there, in storage: see
 * `runs/unfinished_part.ts`.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { partText, streamPartText } from "../../runs/format_part.ts";
import type { ManifestHead } from "../../runs/manifest.ts";
import {
  finishedMark,
  isFinished,
  pendingOf,
  type StillToCome,
  unfinishedName,
  unlistedOf,
} from "../../runs/unfinished_part.ts";
import type { ByteSource, ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { bytesSource } from "../../storage/byte_source.ts";
import { streamedSource } from "../../storage/streamed_source.ts";
import type { PartContent } from "./part_content.ts";
import { without } from "./part_files.ts";
import { readPart, type StoredPart } from "./read.ts";

/** Options of {@linkcode UnfinishedMark}. */
export interface UnfinishedMarkOptions {
  /** The part's name. */
  readonly part: string;
  /** Formats a location for messages. Default: its S3 URI. */
  readonly show?: (location: OutputLocation) => string;
  /** Called with one-line notes for the user. */
  readonly onNote?: (note: string) => void;
  /** Whether the files of a mark are kept in memory, by its size. */
  readonly isKept: (info: ObjectInfo) => boolean;
  /** Aborts operations in progress. */
  readonly signal?: AbortSignal;
}

/** What becomes of a part whose mark can't be taken away. */
const STAYS = "can't be deleted: the part is incomplete until it is";

/** The mark beside one part, as one upload sees it. */
export class UnfinishedMark {
  readonly #backend: StorageBackend;
  readonly #location: OutputLocation;
  readonly #options: UnfinishedMarkOptions;
  /** Its path in the run. */
  readonly #path: string;
  #found?: Promise<StoredPart | undefined>;
  /** The etag of the mark that this upload has written. */
  #written?: string;
  #isThere = false;
  #isBroken = false;

  /**
   * Names the mark. Nothing is read or written yet.
   *
   * @param backend The storage.
   * @param root The run.
   * @param options Which part's.
   */
  constructor(backend: StorageBackend, root: RunOutputRoot, options: UnfinishedMarkOptions) {
    this.#backend = backend;
    this.#location = root.outputsManifestDir().join(unfinishedName(options.part));
    this.#path = this.#location.relativeTo(root.root())!;
    this.#options = options;
  }

  /** Where it is, for messages. */
  toString(): string {
    const { show = String } = this.#options;
    return show(this.#location);
  }

  /**
   * What a mark that can't be read stands for, once it was looked for: its own path, which no upload
   * puts there. So something is still to come until a later attempt starts anew.
   */
  get unread(): readonly string[] {
    return this.#isBroken ? [this.#path] : [];
  }

  /**
   * Reads what earlier uploads have left undone.
   *
   * @returns The mark; nothing, if there is none, or one that can't be read, which is a note.
   */
  read(): Promise<StoredPart | undefined> {
    return this.#found ??= this.#read();
  }

  /**
   * What earlier uploads have left undone.
   *
   * @returns What is still to come; nothing, if there is no mark.
   */
  async stillToCome(): Promise<StillToCome | undefined> {
    const mark = await this.read();
    if (mark === undefined) {
      return this.#isBroken ? { pending: this.unread, unlisted: [] } : undefined;
    }
    return { pending: pendingOf(mark.head), unlisted: unlistedOf(mark.head) };
  }

  /**
   * Leaves a mark.
   *
   * @param content What is there, and no part tells of.
   * @param toCome What is still to come: the mark does not tell what these files are.
   */
  async write(
    { head, files }: PartContent,
    { pending: paths, unlisted }: StillToCome,
  ): Promise<void> {
    const { signal } = this.#options;
    const pending = new Set(paths);
    const marked = {
      ...head,
      pending: [...pending].sort(),
      ...(unlisted.length === 0 ? {} : { unlisted: [...new Set(unlisted)].sort() }),
    };
    const told = without(files, pending);
    await using source = await streamedSource(() => streamPartText(marked, told), signal);
    await this.#put(source);
    this.#isThere = true;
    this.#isBroken = false;
    this.#found = undefined;
  }

  /**
   * After the part was written: takes the mark away, unless something is still to come. Trouble with
   * it is a note, and the mark goes on counting.
   *
   * @param head All of the mark but its files: those the part has.
   * @param pending What is still to come.
   */
  async settle(head: ManifestHead, pending: readonly string[]): Promise<void> {
    if (!this.#isThere) return;
    try {
      if (pending.length > 0) await this.write({ head, files: [] }, { pending, unlisted: [] });
      else await this.#takeAway(head);
    } catch (error) {
      this.note(STAYS, error);
    }
  }

  /**
   * Takes the mark away if nobody but this upload has written it: what it tells is another job's to
   * tell. Trouble with it is a note.
   */
  async retract(): Promise<void> {
    try {
      this.#found = undefined;
      const mark = await this.read();
      if (mark !== undefined && mark.info.etag === this.#written) await this.#takeAway(mark.head);
    } catch (error) {
      this.note(STAYS, error);
    }
  }

  /** Deletes the mark; where that is not allowed, one that says so stands in its place. */
  async #takeAway(head: ManifestHead): Promise<void> {
    const { signal } = this.#options;
    try {
      await this.#backend.delete(this.#location, { signal });
    } catch (error) {
      signal?.throwIfAborted();
      try {
        await this.#put(bytesSource([...partText(finishedMark(head), [])].join("")));
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
    const { etag } = await this.#backend.write(this.#location, source, { contentType, signal });
    this.#written = etag;
  }

  /**
   * Notes trouble with the mark.
   *
   * @param trouble What, as the rest of a sentence.
   * @param error Why.
   * @throws The signal's reason.
   */
  note(trouble: string, error: unknown): void {
    const { onNote, signal } = this.#options;
    signal?.throwIfAborted();
    onNote?.(`${this} ${trouble} (${(error as Error).message})`);
  }

  async #read(): Promise<StoredPart | undefined> {
    const { show, isKept, signal } = this.#options;
    try {
      const mark = await readPart(this.#backend, { location: this.#location }, isKept, {
        show,
        signal,
      });
      if (mark === undefined || isFinished(mark.head)) return undefined;
      this.#isThere = true;
      return mark;
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
