/**
 * The part of the outputs manifest that an upload writes, last of all.
 *
 * It is written only if every file is there: readers take its presence for that. If a part of the
 * same name is there from before, it is believed until a file it names gets other content. Then it
 * is taken away first, so that no reader is told what is no longer so, whatever becomes of this
 * upload.
 *
 * Before its first file an upload leaves a mark of what is to come. One that ends well takes it
 * away; one that fails or is killed does not, so that neither the run nor the next upload of the
 * same part passes for all there is.
 *
 * @module
 */

import type { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { FileHashes } from "../../runs/file_hashes.ts";
import { inOrder, streamPartText } from "../../runs/format_part.ts";
import type { ManifestHead, OutputFile } from "../../runs/manifest.ts";
import { claimPart } from "../../runs/part_claim.ts";
import { describeUnfinished, type StillToCome } from "../../runs/unfinished_part.ts";
import type { ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { type StreamedSource, streamedSource } from "../../storage/streamed_source.ts";
import type { TransferResult } from "../../storage/transfer/transfer.ts";
import {
  type BegunUpload,
  type CopiedContent,
  describePart,
  isSamePart,
  lostFiles,
  ownHead,
  type PartContent,
  type PartToBe,
  type PartUploadOptions,
  takeOver,
  type UploadedFiles,
} from "./part_content.ts";
import { putContended } from "./put_contended.ts";
import { isBroken, readPart, type StoredPart } from "./read.ts";
import { UnfinishedMark } from "./unfinished_mark.ts";
import { watchedPart } from "./watched_part.ts";
import { writeExpected } from "./write_expected.ts";

export type { CopiedContent, PartUploadOptions, UploadedFiles };

/** Up to how many bytes of a part are kept. */
const KEEP_BYTES = 4 * 1024 * 1024;

/** What follows from a mark that can't be written. */
const NOTHING_TELLS = "can't be written, so nothing shows that this upload is in progress";

/**
 * The part of one upload, from before its first file to after its last.
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
   * The head of the part that was taken away because what it tells was going to change. Its files
   * are in the mark.
   */
  #withdrawn?: ManifestHead;
  /** What the mark tells since this upload has begun to write. */
  #begun?: BegunUpload;
  /** What earlier uploads have left undone, and what this one has yet to do. */
  readonly #mark: UnfinishedMark;
  /** Whether it is files of other jobs that are written: their part stays theirs. */
  #copies = false;

  /**
   * Names the part. Nothing is read or written yet.
   *
   * @param backend The storage.
   * @param root The run.
   * @param options What the part is called, and what it tells of the run.
   * @throws {RunOutputsError} `invalid`, if the part can't be called so.
   */
  constructor(backend: StorageBackend, root: RunOutputRoot, options: PartUploadOptions) {
    this.#backend = backend;
    this.#root = root;
    this.#options = options;
    this.#location = root.outputsManifest(options.part);
    this.#mark = new UnfinishedMark(backend, root, { ...options, isKept: this.#isKept });
  }

  /** The part's name. */
  get name(): string {
    return this.#options.part;
  }

  /** Whether the part that was there has been taken away. */
  get isWithdrawn(): boolean {
    return this.#withdrawn !== undefined;
  }

  /**
   * Looks whether the part is there from before.
   *
   * @param planned What is going to be uploaded.
   * @returns The storage to upload to: before its first write it leaves a mark of what is to come,
   * and before it replaces what the part from before tells of, it takes that away.
   * @throws {RunOutputsError} If the part can't be read. One that is broken is taken away before
   * the first write.
   */
  async begin(planned: readonly OutputLocation[] = []): Promise<StorageBackend> {
    if (!this.#backend.writes) return this.#backend;
    let there: StoredPart | undefined;
    let broken: Error | undefined;
    const hashes = new FileHashes();
    try {
      there = await this.#read(({ path, sha256 }) => hashes.add(path, sha256));
    } catch (error) {
      if (!isBroken(error)) throw error;
      broken = error;
    }
    // Which of the parts of a copy a file belongs to is not known here.
    const announces = !this.#copies;
    if (!announces && there === undefined && broken === undefined) return this.#backend;
    return watchedPart(this.#backend, {
      changes: (location, { sha256 }) =>
        broken !== undefined ||
        there !== undefined && hashes.differs(this.#pathOf(location) ?? "", sha256),
      withdraw: (location) => this.#withdraw([...planned, location], there, broken),
      ...(announces && {
        announce: (location) => this.#announce([...planned, location], there),
      }),
    });
  }

  /**
   * As {@linkcode PartUpload.begin}, for files that are copied: whose part it is does not matter.
   *
   * @param planned What of it is going to be copied.
   * @returns The storage to copy to.
   */
  async beginCopied(planned: readonly OutputLocation[]): Promise<StorageBackend> {
    this.#copies = true;
    return await this.begin(planned);
  }

  /**
   * Writes the list of the parts that the run has when it is complete. Best before everything else,
   * so that an upload that fails is missed.
   *
   * @param parts Their names; those that are listed already stay.
   * @returns What became of the list.
   */
  async expect(parts: readonly string[]): Promise<TransferResult> {
    return await writeExpected(this.#backend, this.#root, parts, this.#options);
  }

  /**
   * Writes the part.
   *
   * @param uploaded What is there now.
   * @returns What became of the part: `failed`, with code `conflict`, if another job has written it.
   */
  async end({ results, pages = [] }: UploadedFiles): Promise<TransferResult> {
    const path = "the outputs manifest";
    const location = this.#location;
    const present = pages.filter(({ outcome }) => outcome !== "failed").map((page) =>
      page.location
    );
    // Of an archive that is still to be made nothing is known that could be written.
    if (!this.#backend.writes && results.some(isUnmade)) {
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
   * Leaves a mark instead of the part, because the upload has failed or is not all there is.
   * Trouble with it is a note.
   *
   * @param results What became of each file.
   */
  async withhold(results: readonly TransferResult[]): Promise<void> {
    if (!this.#backend.writes) return;
    try {
      const failed = results.filter(({ outcome }) => outcome === "failed");
      const ours = await this.#describe(results.filter((result) => !failed.includes(result)), []);
      const mark = await this.#mark.read();
      const { part: there } = await this.#find();
      // Another job's part is none of ours, and what that job has left undone neither.
      if (there !== undefined && claimPart(there.head, ours.head) instanceof Error) {
        return await this.#retract();
      }
      const content = await this.#goOn(undefined, mark, ours);
      if (content instanceof Error) return;
      const lost = lostFiles(this.#root, failed);
      await this.#mark.write(content, {
        pending: [...content.pending, ...lost.pending],
        unlisted: [...content.unlisted, ...lost.unlisted],
      });
    } catch (error) {
      this.#mark.note(NOTHING_TELLS, error);
    }
  }

  /**
   * Writes the part as another run has it, for files that were copied from there. What else a part
   * of this name has told of is kept, as far as it is still there: a copy removes nothing.
   *
   * @param copied What is there now.
   * @returns What became of the part.
   */
  async endCopied(copied: CopiedContent): Promise<TransferResult> {
    this.#copies = true;
    return await this.#put("the outputs manifest", () => this.#copied(copied), copied.there);
  }

  /**
   * Leaves a mark instead of a copied part, because not all of it is there. Trouble with it is a
   * note.
   *
   * @param copied What is there.
   * @param toCome What is not.
   */
  async withholdCopied(copied: CopiedContent, toCome: StillToCome): Promise<void> {
    if (!this.#backend.writes) return;
    this.#copies = true;
    try {
      const mark = await this.#mark.read();
      const content = await this.#goOn(undefined, mark, await this.#copied(copied)) as PartToBe;
      const head = { ...content.head, tool: this.#options.tool };
      await this.#mark.write({ ...content, head }, {
        pending: [...content.pending, ...toCome.pending],
        unlisted: [...content.unlisted, ...toCome.unlisted],
      });
    } catch (error) {
      this.#mark.note(NOTHING_TELLS, error);
    }
  }

  /** What a copy has to tell: of files that no copied part tells of, what is there now. */
  async #copied({ head, files = [], replaced = [] }: CopiedContent): Promise<PartContent> {
    const ours = await this.#describe(replaced, []);
    const told = new Set(files.map(({ path }) => path));
    return {
      head: head ?? this.#withdrawn ?? ownHead(await this.#mark.read()) ?? ours.head,
      files: inOrder([...files, ...ours.files.filter(({ path }) => !told.has(path))]),
    };
  }

  /** What this upload has to tell. */
  async #describe(results: readonly TransferResult[], pages: readonly OutputLocation[]) {
    return await describePart(this.#backend, this.#root, results, pages, this.#options);
  }

  /** Takes over what stays from the part from before, and from the mark of what was left undone. */
  async #goOn(
    part: StoredPart | undefined,
    mark: StoredPart | undefined,
    ours: PartContent,
    unitesAll = this.#copies,
  ): Promise<PartToBe | RunOutputsError> {
    const before = {
      part,
      mark,
      withdrawn: this.#withdrawn,
      begun: this.#begun,
      unread: this.#mark.unread,
    };
    const { show, signal } = this.#options;
    const run = { backend: this.#backend, root: this.#root };
    return await takeOver(run, before, ours, { unitesAll, show, signal });
  }

  /** Writes the part, with what stays of the one from before. */
  async #put(
    path: string,
    describe: () => Promise<PartContent>,
    there: ReadonlySet<string> = new Set(),
  ): Promise<TransferResult> {
    const { signal } = this.#options;
    const location = this.#location;
    let pending: readonly string[] = [];
    let source: StreamedSource | undefined;
    try {
      const result = await putContended(this.#backend, { location, path, signal }, async () => {
        const ours = await describe();
        const mark = await this.#mark.read();
        const { part, info } = await this.#find();
        const content = await this.#goOn(part, mark, ours);
        if (content instanceof Error) return { refusal: content };
        pending = content.pending.filter((path) => !there.has(path));
        const isSame = part && await isSamePart(this.#backend, part, content, this.#options);
        if (isSame) return { there: part.info };
        await source?.[Symbol.asyncDispose]();
        source = await streamedSource(() => streamPartText(content.head, content.files), signal);
        return { there: info, source };
      });
      if (result.outcome === "failed") return result;
      await this.#settle(pending);
      if (pending.length === 0) return result;
      const left = describeUnfinished({ part: this.name, pending, unlisted: [] });
      const warning =
        `the part is incomplete (delete ${this.#mark} if nothing is missing): ${left}`;
      return { ...result, warnings: [...result.warnings, warning] };
    } finally {
      await source?.[Symbol.asyncDispose]();
    }
  }

  /** The part that is there. One that is broken can only be written over. */
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
    if (this.#backend.writes) await this.#mark.settle((await this.#describe([], [])).head, pending);
  }

  /** Takes this upload's own mark away; one that has the files of another's part stays. */
  async #retract(): Promise<void> {
    if (this.#begun !== undefined && this.#withdrawn === undefined) await this.#mark.retract();
  }

  /** Whether the files of a part, or of a mark, are kept in memory. */
  readonly #isKept = ({ size }: ObjectInfo): boolean =>
    size <= (this.#options.keepBytes ?? KEEP_BYTES);

  #pathOf(location: OutputLocation): string | undefined {
    return location.relativeTo(this.#root.root());
  }

  /**
   * Leaves a mark of what is to come. Trouble with it is none of the upload's: only if that is killed
   * is there less to be seen.
   */
  async #announce(
    planned: readonly OutputLocation[],
    there: StoredPart | undefined,
  ): Promise<void> {
    try {
      const ours = await this.#describe([], []);
      // What is another job's stays that job's: this upload will be refused.
      if (there !== undefined && claimPart(there.head, ours.head) instanceof Error) return;
      const content = await this.#goOn(undefined, await this.#mark.read(), ours);
      if (!(content instanceof Error)) await this.#markBegun(content, planned);
    } catch {
      this.#options.signal?.throwIfAborted();
    }
  }

  async #markBegun(content: PartToBe, planned: readonly OutputLocation[]): Promise<void> {
    const paths = planned.map((location) => this.#pathOf(location)!);
    const { pending, unlisted } = content;
    await this.#mark.write(content, { pending: [...pending, ...paths], unlisted });
    this.#begun = { planned: new Set(paths), before: new Set(pending) };
  }

  /** Takes the part away; a mark has its files, so that they are told again. */
  async #withdraw(
    planned: readonly OutputLocation[],
    there: StoredPart | undefined,
    cause?: Error,
  ): Promise<void> {
    const { show = String, signal, onNote } = this.#options;
    const ours = await this.#describe([], []);
    const mark = await this.#mark.read();
    let content = await this.#goOn(there, mark, ours);
    if (content instanceof Error) {
      // What is another job's stays that job's.
      const all = await this.#goOn(there, mark, ours, true) as PartToBe;
      content = { ...all, head: (mark ?? there)!.head };
    } else if (this.#copies) {
      const { run, writer } = (there ?? mark ?? ours).head;
      content = { ...content, head: { ...content.head, run, writer } };
    }
    await this.#markBegun(content, planned);
    this.#withdrawn = (there ?? content).head;
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
