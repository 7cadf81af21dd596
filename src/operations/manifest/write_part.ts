/**
 * Writes an upload's part of the outputs manifest, after all its files.
 *
 * It is written only if every file exists, which its presence means to readers. An existing part of
 * the same name is valid until a file in it is replaced. Then the part is deleted first, so that
 * readers never see a wrong one, whatever happens to this upload.
 *
 * Before its first file, an upload writes a marker with the pending files. A successful upload
 * deletes it; one that fails or is killed does not, so that neither the run nor the next upload of
 * the same part looks complete.
 *
 * @module
 */

import type { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { FileHashes } from "../../runs/file_hashes.ts";
import { streamPartText } from "../../runs/format_part.ts";
import type { ManifestHead, OutputFile } from "../../runs/manifest.ts";
import { claimPart } from "../../runs/part_claim.ts";
import { describeUnfinished, howToClear, type PendingContent } from "../../runs/unfinished_part.ts";
import type { ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { type StreamedSource, streamedSource } from "../../storage/streamed_source.ts";
import type { TransferResult } from "../../storage/transfer/transfer.ts";
import {
  type BegunUpload,
  type CopiedContent,
  describePart,
  isSamePart,
  lostFiles,
  mergeExisting,
  ownHead,
  type PartContent,
  type PartToBe,
  type PartUploadOptions,
  type UploadedFiles,
} from "./part_content.ts";
import { pathSet, withMore, withOne } from "./part_files.ts";
import { putContended } from "./put_contended.ts";
import { isBroken, readPart, type StoredPart } from "./read.ts";
import { refuseDeleting } from "./refuse_deleting.ts";
import { dropSuperseded } from "./superseded.ts";
import { UnfinishedMarker } from "./unfinished_marker.ts";
import { watchedPart } from "./watched_part.ts";
import { writeExpected } from "./write_expected.ts";

export type { CopiedContent, PartUploadOptions, UploadedFiles };

/** The maximum size of a part that is kept in memory, in bytes. */
const KEEP_BYTES = 4 * 1024 * 1024;

/** The consequence of a marker that cannot be written. */
const NOT_WRITTEN = "can't be written, so nothing shows that this upload is in progress";

/**
 * The part of one upload, from its beginning to its end.
 *
 * @example
 * ```ts
 * import { executeUpload, MemoryBackend, PartUpload, readOutputs, RunOutputRoot, textItem } from "@therock/run-outputs";
 *
 * const root = RunOutputRoot.forLocal({ platform: "linux" });
 * const storage = new MemoryBackend();
 * const upload = new PartUpload(storage, root, { part: "notes", run: {}, tool: "example" });
 * const items = [textItem(root.file("notes.txt"), "hello\n", "notes")];
 * const plan = { items, notes: [], failures: [] };
 * const { results } = await executeUpload(await upload.begin(), plan);
 * await upload.end({ results });
 * const [{ file }] = await Array.fromAsync((await readOutputs(storage, root)).files());
 * console.assert(file.path === "notes.txt");
 * ```
 */
export class PartUpload {
  readonly #backend: StorageBackend;
  readonly #root: RunOutputRoot;
  readonly #options: PartUploadOptions;
  readonly #location: OutputLocation;
  /**
   * The head of the part that was deleted because files in it were about to change. Its files are
   * in the marker.
   */
  #withdrawn?: ManifestHead;
  /** The marker's content since this upload started to write. */
  #begun?: BegunUpload;
  /** The files that earlier uploads have left unfinished, and those pending in this one. */
  readonly #marker: UnfinishedMarker;
  /** Whether files of other jobs are written, whose part stays theirs. */
  #copies = false;

  /**
   * Creates the part without reading or writing anything.
   *
   * @param backend The storage.
   * @param root The run.
   * @param options The part's name, and what it says of the run.
   * @throws {RunOutputsError} `invalid`, if the name is invalid.
   */
  constructor(backend: StorageBackend, root: RunOutputRoot, options: PartUploadOptions) {
    this.#backend = backend;
    this.#root = root;
    this.#options = options;
    this.#location = root.outputsManifest(options.part);
    this.#marker = new UnfinishedMarker(backend, root, { ...options, isKept: this.#isKept });
  }

  /** The part's name. */
  get name(): string {
    return this.#options.part;
  }

  /** Whether the existing part was deleted. */
  get isWithdrawn(): boolean {
    return this.#withdrawn !== undefined;
  }

  /**
   * Looks for an existing part.
   *
   * @param planned The files that will be uploaded. They are iterated several times.
   * @returns The storage to upload to: before its first write it writes the marker, and before it
   * replaces a file in the existing part, it deletes the part.
   * @throws {RunOutputsError} If the part cannot be read. A broken one is deleted before the first
   * write. `not_found`, if the run is being deleted.
   */
  async begin(planned: Iterable<OutputLocation> = []): Promise<StorageBackend> {
    // A copy has looked for the mark before its first part.
    if (!this.#copies) await refuseDeleting(this.#backend, this.#root, this.#options);
    if (!this.#backend.writes) return this.#backend;
    let existing: StoredPart | undefined;
    let broken: Error | undefined;
    const hashes = new FileHashes();
    try {
      existing = await this.#read(({ path, sha256 }) => hashes.add(path, sha256));
    } catch (error) {
      if (!isBroken(error)) throw error;
      broken = error;
    }
    // It is not known here to which copied part a file belongs.
    const announces = !this.#copies;
    if (!announces && existing === undefined && broken === undefined) return this.#backend;
    return watchedPart(this.#backend, {
      changes: (location, { sha256 }) =>
        broken !== undefined ||
        existing !== undefined && hashes.differs(this.#pathOf(location) ?? "", sha256),
      withdraw: (location) => this.#withdraw(withOne(planned, location), existing, broken),
      ...(announces && {
        announce: (location) => this.#announce(withOne(planned, location), existing),
      }),
    });
  }

  /**
   * Like {@linkcode PartUpload.begin}, for copied files: the writer of the part does not matter.
   *
   * @param planned Its files that will be copied. They are iterated several times.
   * @returns The storage to copy to.
   */
  async beginCopied(planned: Iterable<OutputLocation>): Promise<StorageBackend> {
    this.#copies = true;
    return await this.begin(planned);
  }

  /**
   * Writes the list of the run's expected parts. Call it first, so that a failed upload is noticed.
   *
   * @param parts Their names; those that are listed already stay.
   * @returns The result for the list.
   */
  async expect(parts: readonly string[]): Promise<TransferResult> {
    return await writeExpected(this.#backend, this.#root, parts, this.#options);
  }

  /**
   * Writes the part.
   *
   * @param uploaded The files that exist now.
   * @returns The result for the part: `failed`, with code `conflict`, if another job has written
   * it.
   */
  async end({ results, pages = [] }: UploadedFiles): Promise<TransferResult> {
    const path = "the outputs manifest";
    const location = this.#location;
    const present = pages.filter(({ outcome }) => outcome !== "failed").map((page) =>
      page.location
    );
    // In a dry run, nothing is known of an archive that is not made yet.
    if (!this.#backend.writes && Iterator.from(results).some(isUnmade)) {
      return { location, path, outcome: "planned", warnings: [] };
    }
    const result = await this.#put(path, () => this.#describe(results, present));
    const { error } = result;
    if (result.outcome === "failed") {
      if ((error as RunOutputsError).code !== "conflict") await this.withhold(results);
      else await this.#retract();
    }
    return result;
  }

  /**
   * Writes a marker instead of the part, because the upload has failed or is incomplete. A failure
   * to do so is a note.
   *
   * @param results The result for each file.
   */
  async withhold(results: Iterable<TransferResult>): Promise<void> {
    if (!this.#backend.writes) return;
    try {
      const failed = [...Iterator.from(results).filter(({ outcome }) => outcome === "failed")];
      const ours = await this.#describe(results, []);
      const marker = await this.#marker.read();
      const { part: existing } = await this.#find();
      // The part of another job, and its pending files, are not ours.
      if (existing !== undefined && claimPart(existing.head, ours.head) instanceof Error) {
        return await this.#retract();
      }
      const content = await this.#mergeExisting(undefined, marker, ours);
      if (content instanceof Error) return;
      const lost = lostFiles(this.#root, failed);
      await this.#marker.write(content, {
        pending: [...content.pending, ...lost.pending],
        unlisted: [...content.unlisted, ...lost.unlisted],
      });
    } catch (error) {
      this.#marker.note(NOT_WRITTEN, error);
    }
  }

  /**
   * Writes the part of another run, for files that were copied from there. Other files of an
   * existing part are kept if they still exist: a copy removes nothing.
   *
   * @param copied The files that exist now.
   * @returns The result for the part.
   */
  async endCopied(copied: CopiedContent): Promise<TransferResult> {
    this.#copies = true;
    return await this.#put("the outputs manifest", () => this.#copied(copied), copied.existing);
  }

  /**
   * Writes a marker instead of a copied part, because files are missing. A failure to do so is a
   * note.
   *
   * @param copied The existing files.
   * @param missing The missing files.
   */
  async withholdCopied(copied: CopiedContent, missing: PendingContent): Promise<void> {
    if (!this.#backend.writes) return;
    this.#copies = true;
    try {
      const marker = await this.#marker.read();
      const content = await this.#mergeExisting(
        undefined,
        marker,
        await this.#copied(copied),
      ) as PartToBe;
      const head = { ...content.head, tool: this.#options.tool };
      await this.#marker.write({ ...content, head }, {
        pending: [...content.pending, ...missing.pending],
        unlisted: [...content.unlisted, ...missing.unlisted],
      });
    } catch (error) {
      this.#marker.note(NOT_WRITTEN, error);
    }
  }

  /** The content of a copied part: existing files, including those that no copied part lists. */
  async #copied({ head, files = [], replaced = [] }: CopiedContent): Promise<PartContent> {
    const ours = await this.#describe(replaced, []);
    const isEmpty = Iterator.from(ours.files).next().done;
    return {
      head: head ?? this.#withdrawn ?? ownHead(await this.#marker.read()) ?? ours.head,
      files: isEmpty ? files : withMore(files, ours.files),
    };
  }

  /** The content of this upload's part. */
  async #describe(results: Iterable<TransferResult>, pages: readonly OutputLocation[]) {
    return await describePart(this.#backend, this.#root, results, pages, this.#options);
  }

  /** Adds what is kept of the existing part, and of its marker. */
  async #mergeExisting(
    part: StoredPart | undefined,
    marker: StoredPart | undefined,
    ours: PartContent,
    unitesAll = this.#copies,
  ): Promise<PartToBe | RunOutputsError> {
    const before = {
      part,
      marker,
      withdrawn: this.#withdrawn,
      begun: this.#begun,
      unread: this.#marker.unread,
    };
    const { show, signal } = this.#options;
    const run = { backend: this.#backend, root: this.#root };
    return await mergeExisting(run, before, ours, { unitesAll, show, signal });
  }

  /** Writes the part, with what is kept of the existing one. */
  async #put(
    path: string,
    describe: () => Promise<PartContent>,
    existing: Pick<ReadonlySet<string>, "has"> = new Set(),
  ): Promise<TransferResult> {
    const { signal } = this.#options;
    const location = this.#location;
    let pending: readonly string[] = [];
    let source: StreamedSource | undefined;
    let merged: PartContent | undefined;
    try {
      const result = await putContended(this.#backend, { location, path, signal }, async () => {
        const ours = await describe();
        const marker = await this.#marker.read();
        const { part, info } = await this.#find();
        const content = await this.#mergeExisting(part, marker, ours);
        if (content instanceof Error) return { refusal: content };
        pending = content.pending.filter((path) => !existing.has(path));
        merged = content;
        const isSame = part && await isSamePart(this.#backend, part, content, this.#options);
        if (isSame) return { existing: part.info };
        await source?.[Symbol.asyncDispose]();
        source = await streamedSource(() => streamPartText(content.head, content.files), signal);
        return { existing: info, source };
      });
      if (result.outcome === "failed") return result;
      await this.#settle(pending);
      if (merged !== undefined && !this.#copies) {
        await dropSuperseded(this.#backend, this.#root, merged, this.#options);
      }
      if (pending.length === 0) return result;
      const left = describeUnfinished({ part: this.name, pending, unlisted: [] });
      const warning = `the part is incomplete (${this.#marker}; ${
        howToClear([{ part: this.name }]).join()
      }): ${left}`;
      return { ...result, warnings: [...result.warnings, warning] };
    } finally {
      await source?.[Symbol.asyncDispose]();
    }
  }

  /** The existing part. A broken one can only be replaced. */
  async #find(): Promise<{ readonly part?: StoredPart; readonly info?: ObjectInfo }> {
    const { signal, onNote } = this.#options;
    try {
      const part = await this.#read();
      return { part, info: part?.info };
    } catch (error) {
      if (!isBroken(error)) throw error;
      onNote?.(`${error.message}; replacing it`);
      return { info: await this.#backend.stat(this.#location, { signal }) };
    }
  }

  async #read(onFile?: (file: OutputFile) => void): Promise<StoredPart | undefined> {
    const { show, signal } = this.#options;
    const at = { location: this.#location };
    return await readPart(this.#backend, at, this.#isKept, { show, signal }, onFile);
  }

  async #settle(pending: readonly string[]): Promise<void> {
    if (this.#backend.writes) {
      await this.#marker.settle((await this.#describe([], [])).head, pending);
    }
  }

  /** Deletes this upload's own marker. If it has files of another job's part, it stays. */
  async #retract(): Promise<void> {
    if (this.#begun !== undefined && this.#withdrawn === undefined) await this.#marker.retract();
  }

  /** Whether to keep the files of a part or a marker in memory. */
  readonly #isKept = ({ size }: ObjectInfo): boolean =>
    size <= (this.#options.keepBytes ?? KEEP_BYTES);

  #pathOf(location: OutputLocation): string | undefined {
    return location.relativeTo(this.#root.root());
  }

  /**
   * Writes a marker with the pending files. A failure is a note, and does not stop the upload, which
   * ends with an error anyway if it can't write its part either.
   */
  async #announce(
    planned: Iterable<OutputLocation>,
    existing: StoredPart | undefined,
  ): Promise<void> {
    try {
      const ours = await this.#describe([], []);
      // Files of another job stay that job's: this upload will be rejected.
      if (existing !== undefined && claimPart(existing.head, ours.head) instanceof Error) return;
      const content = await this.#mergeExisting(undefined, await this.#marker.read(), ours);
      if (!(content instanceof Error)) await this.#writeMarker(content, planned);
    } catch (error) {
      this.#marker.note(NOT_WRITTEN, error);
    }
  }

  async #writeMarker(content: PartToBe, planned: Iterable<OutputLocation>): Promise<void> {
    const paths = {
      [Symbol.iterator]: () => Iterator.from(planned).map((location) => this.#pathOf(location)!),
    };
    await this.#marker.write(content, content, paths);
    this.#begun = { planned: pathSet(paths), before: new Set(content.pending) };
  }

  /** Deletes the part; the marker has its files, so that they can be listed again. */
  async #withdraw(
    planned: Iterable<OutputLocation>,
    existing: StoredPart | undefined,
    cause?: Error,
  ): Promise<void> {
    const { show = String, signal, onNote } = this.#options;
    const ours = await this.#describe([], []);
    const marker = await this.#marker.read();
    let content = await this.#mergeExisting(existing, marker, ours);
    if (content instanceof Error) {
      // Files of another job stay that job's.
      const all = await this.#mergeExisting(existing, marker, ours, true) as PartToBe;
      content = { ...all, head: (marker ?? existing)!.head };
    } else if (this.#copies) {
      const { run, writer } = (existing ?? marker ?? ours).head;
      content = { ...content, head: { ...content.head, run, writer } };
    }
    await this.#writeMarker(content, planned);
    this.#withdrawn = (existing ?? content).head;
    if (cause !== undefined) onNote?.(`${cause.message}; replacing it`);
    try {
      await this.#backend.delete(this.#location, { signal });
    } catch (error) {
      signal?.throwIfAborted();
      onNote?.(
        `${show(this.#location)} can't be deleted while its files change: until this upload ` +
          `ends, it lists the earlier files (${(error as Error).message})`,
      );
    }
  }
}

function isUnmade({ outcome, sha256 }: TransferResult): boolean {
  return outcome === "planned" && sha256 === undefined;
}
