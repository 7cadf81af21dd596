/**
 * The part of the outputs manifest that an upload writes, last of all.
 *
 * It is written only if every file is there: readers take its presence for that. If a part of the
 * same name is there from before, it is believed until a file it names gets other content. Then it
 * is taken away first, so that no reader is told what is no longer so, whatever becomes of this
 * upload.
 *
 * An upload that fails leaves a mark instead, so that the next one of the same part does not pass
 * for all there is.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { classify } from "../layout/classify.ts";
import { RunOutputsError } from "../layout/error.ts";
import type { OutputLocation } from "../layout/output_location.ts";
import type { RunOutputRoot } from "../layout/run_output_root.ts";
import { addExpected, formatExpected } from "../runs/expected_parts.ts";
import { FileHashes } from "../runs/file_hashes.ts";
import { inOrder, streamPartText } from "../runs/format_part.ts";
import {
  MANIFEST_SCHEMA,
  type ManifestHead,
  type ManifestRun,
  type ManifestWriter,
  type OutputFile,
} from "../runs/manifest.ts";
import { claimPart } from "../runs/part_claim.ts";
import type { ObjectInfo, StorageBackend } from "../storage/backend.ts";
import { bytesSource } from "../storage/byte_source.ts";
import { contentType } from "../storage/content_type.ts";
import { type StreamedSource, streamedSource } from "../storage/streamed_source.ts";
import type { TransferResult } from "../storage/transfer.ts";
import { WatchedWrites } from "../storage/watched_writes.ts";
import {
  goOnFrom,
  isSamePart,
  type PartContent,
  type PartToBe,
  type WithdrawnPart,
} from "./part_content.ts";
import type { RunIn } from "./part_files.ts";
import { putContended } from "./put_contended.ts";
import { readExpected, readPart, type StoredPart } from "./read_manifest.ts";
import { UnfinishedMark } from "./unfinished_mark.ts";

/** Options of {@linkcode PartUpload}. */
export interface PartUploadOptions {
  /** The part's name. */
  readonly part: string;
  /** Which run it is, as far as it is known. */
  readonly run: Omit<ManifestRun, "run_id" | "platform">;
  /** What writes it, such as `run-outputs/1.0.0`. */
  readonly tool: string;
  /** Which job writes it. */
  readonly writer?: ManifestWriter;
  /** What time it is. Default: now. */
  readonly now?: () => Date;
  /** Where a location is, for messages. Default: its S3 URI. */
  readonly show?: (location: OutputLocation) => string;
  /** Told, in one line, what a person should know. */
  readonly onNote?: (note: string) => void;
  /**
   * Up to how many bytes of a part from before are kept in memory; the files of a larger one are
   * read anew each time they are needed. Default: 4 MiB.
   */
  readonly keepBytes?: number;
  /** Stops what is under way. */
  readonly signal?: AbortSignal;
}

/** Up to how many bytes of a part are kept. */
const KEEP_BYTES = 4 * 1024 * 1024;

/** What an upload has put there, and the pages that tell of it. */
export interface UploadedFiles {
  /** What became of each file; none has failed. */
  readonly results: readonly TransferResult[];
  /** What became of each index page. */
  readonly pages?: readonly TransferResult[];
}

/**
 * The part of one upload, from before its first file to after its last.
 *
 * @example
 * ```ts
 * import {
 *   executeUpload,
 *   MemoryBackend,
 *   PartUpload,
 *   readOutputs,
 *   RunOutputRoot,
 *   textItem,
 * } from "@therock/run-outputs";
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
  /** The part that was taken away because what it tells was going to change. */
  #withdrawn?: WithdrawnPart;
  /** What earlier uploads have left undone. */
  readonly #mark: UnfinishedMark;

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

  /**
   * Looks whether the part is there from before.
   *
   * @param planned What is going to be uploaded.
   * @returns The storage to upload to: before it replaces what that part tells of, it takes the
   * part away.
   * @throws {RunOutputsError} If the part can't be read. One that is broken is taken away before
   * the first write.
   */
  async begin(planned: readonly OutputLocation[] = []): Promise<StorageBackend> {
    if (!this.#backend.writes) return this.#backend;
    let withdrawing: Promise<void> | undefined;
    let there: StoredPart | undefined;
    const hashes = new FileHashes();
    try {
      there = await this.#read(({ path, sha256 }) => hashes.add(path, sha256));
      if (there === undefined) return this.#backend;
    } catch (error) {
      if (!isBroken(error)) throw error;
      return new WatchedWrites(this.#backend, async (location) => {
        await (withdrawing ??= this.#withdraw([...planned, location], undefined, error));
      });
    }
    return new WatchedWrites(this.#backend, async (location, { sha256 }) => {
      if (!hashes.differs(this.#pathOf(location) ?? "", sha256)) return;
      await (withdrawing ??= this.#withdraw([...planned, location], there));
    });
  }

  /**
   * Writes the list of the parts that the run has when it is complete. Best before everything else,
   * so that an upload that fails is missed.
   *
   * @param parts Their names; those that are listed already stay.
   * @returns What became of the list.
   */
  async expect(parts: readonly string[]): Promise<TransferResult> {
    const { show, signal } = this.#options;
    const location = this.#root.expectedParts();
    const path = "the list of expected parts";
    return await putContended(this.#backend, { location, path, signal }, async () => {
      const there = await readExpected(this.#backend, this.#root, { show, signal });
      const list = addExpected(there?.list, parts);
      if (there?.list.parts.length === list.parts.length) return { there: there.info };
      return { there: there?.info, source: bytesSource(formatExpected(list)) };
    });
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
    if (result.outcome === "failed" && (error as RunOutputsError).code !== "conflict") {
      await this.withhold(results);
    }
    return result;
  }

  /**
   * Leaves a mark in place of the part, because the upload has failed or is not all there is.
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
      if (there !== undefined && claimPart(there.head, ours.head) instanceof Error) return;
      const content = await this.#goOn(undefined, mark, ours);
      if (content instanceof Error) return;
      // What is nowhere in the run, nothing in this attempt makes up for.
      const paths = failed.map(({ location, path }) => this.#pathOf(location) || path);
      await this.#mark.write(content, [...content.pending, ...paths]);
    } catch (error) {
      this.#mark.note("can't be written: later uploads of this part pass for all of it", error);
    }
  }

  /**
   * Writes the part as another run has it, for files that were copied from there. What else a part
   * of this name has told of is kept, as far as it is still there: a copy removes nothing.
   *
   * @param head All but the files; its `run` and `writer` go on telling who made them.
   * @param files What is there now, in the order of the paths.
   * @returns What became of the part.
   */
  async endCopied(head: ManifestHead, files: readonly OutputFile[]): Promise<TransferResult> {
    return await this.#put("the outputs manifest", () => Promise.resolve({ head, files }), true);
  }

  /** Writes the part, with what stays of the one from before. */
  async #put(
    path: string,
    describe: () => Promise<PartContent>,
    unitesAll = false,
  ): Promise<TransferResult> {
    const { signal } = this.#options;
    const location = this.#location;
    let pending: readonly string[] = [];
    let source: StreamedSource | undefined;
    try {
      const result = await putContended(this.#backend, { location, path, signal }, async () => {
        const ours = await describe();
        const mark = await this.#mark.read();
        const { part: there, info } = await this.#find();
        const content = await this.#goOn(there, mark, ours, unitesAll);
        if (content instanceof Error) return { refusal: content };
        pending = content.pending;
        if (there && await isSamePart(this.#run, there, content, this.#options)) {
          return { there: there.info };
        }
        await source?.[Symbol.asyncDispose]();
        source = await streamedSource(() => streamPartText(content.head, content.files), signal);
        return { there: info, source };
      });
      if (result.outcome !== "failed") await this.#settle(pending);
      return result;
    } finally {
      await source?.[Symbol.asyncDispose]();
    }
  }

  /** What this upload has to tell. */
  async #describe(
    results: readonly TransferResult[],
    pages: readonly OutputLocation[],
  ): Promise<PartContent> {
    const { part, run, tool, writer, now = () => new Date() } = this.#options;
    const { runId: run_id, platform, layout } = this.#root;
    const pathOf = (location: OutputLocation) => this.#pathOf(location)!;
    const paths = new Set(pages.map(pathOf));
    const files: OutputFile[] = [];
    for (const result of results) {
      const path = pathOf(result.location);
      if (paths.has(path)) continue;
      const { size, sha256 } = await this.#content(result);
      const { name } = result.location;
      files.push({ path, kind: classify(path), size, sha256, content_type: contentType(name) });
    }
    const head: ManifestHead = {
      schema: MANIFEST_SCHEMA,
      layout,
      run: { ...run, run_id, platform },
      part,
      created_at: now().toISOString(),
      tool,
      ...(writer === undefined ? {} : { writer }),
      ...(paths.size === 0 ? {} : { pages: [...paths].sort() }),
    };
    return { head, files: inOrder(files) };
  }

  /** Size and hash of what is there; of a file that was left alone they need not be known. */
  async #content({ location, size, sha256 }: TransferResult) {
    if (size !== undefined && sha256 !== undefined) return { size, sha256 };
    await using body = await this.#backend.read(location, { signal: this.#options.signal });
    const hash = createHash("sha256");
    let bytes = 0;
    for await (const chunk of body) {
      hash.update(chunk);
      bytes += chunk.length;
    }
    return { size: bytes, sha256: hash.digest("hex") };
  }

  /** Takes over what stays from the part from before, and from the mark of what was left undone. */
  async #goOn(
    there: StoredPart | undefined,
    mark: StoredPart | undefined,
    ours: PartContent,
    unitesAll = false,
  ): Promise<PartToBe | RunOutputsError> {
    const before = { there, mark, withdrawn: this.#withdrawn, unitesAll };
    return await goOnFrom(this.#run, before, ours, this.#options);
  }

  /** The part that is there. One that is broken can only be written over. */
  async #find(): Promise<{ readonly part?: StoredPart; readonly info?: ObjectInfo }> {
    const { signal, onNote } = this.#options;
    try {
      const part = await this.#read();
      return { part, info: part?.info };
    } catch (error) {
      if (!isBroken(error)) throw error;
      onNote?.(`${error.message}: it is replaced`);
      return { info: await this.#backend.stat(this.#location, { signal }) };
    }
  }

  async #read(onFile?: (file: OutputFile) => void): Promise<StoredPart | undefined> {
    const { show, signal } = this.#options;
    const options = { show, signal };
    return await readPart(
      this.#backend,
      { location: this.#location },
      this.#isKept,
      options,
      onFile,
    );
  }

  async #settle(pending: readonly string[]): Promise<void> {
    if (this.#backend.writes) await this.#mark.settle((await this.#describe([], [])).head, pending);
  }

  get #run(): RunIn {
    return { backend: this.#backend, root: this.#root };
  }

  /** Whether the files of a part, or of a mark, are kept in memory. */
  readonly #isKept = ({ size }: ObjectInfo): boolean =>
    size <= (this.#options.keepBytes ?? KEEP_BYTES);

  #pathOf(location: OutputLocation): string | undefined {
    return location.relativeTo(this.#root.root());
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
    }
    const paths = planned.map((location) => this.#pathOf(location)!);
    await this.#mark.write(content, [...content.pending, ...paths]);
    this.#withdrawn = { head: (there ?? content).head, pending: content.pending };
    if (cause !== undefined) onNote?.(`${cause.message}: it is replaced`);
    try {
      await this.#backend.delete(this.#location, { signal });
    } catch (error) {
      signal?.throwIfAborted();
      onNote?.(
        `${show(this.#location)} can't be taken away while its files change: until this upload ` +
          `has ended it tells of those from before (${(error as Error).message})`,
      );
    }
  }
}

function isBroken(error: unknown): error is RunOutputsError {
  return error instanceof RunOutputsError && error.code === "integrity";
}

function isUnmade({ outcome, sha256 }: TransferResult): boolean {
  return outcome === "planned" && sha256 === undefined;
}
