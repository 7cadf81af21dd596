/**
 * The part of the outputs manifest that an upload writes, last of all.
 *
 * It is written only if every file is there: readers take its presence for that. If a part of the
 * same name is there from before, it is believed until a file it names gets other content. Then it
 * is taken away first, so that no reader is told what is no longer so, whatever becomes of this
 * upload.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { classify } from "../layout/classify.ts";
import { RunOutputsError } from "../layout/error.ts";
import type { OutputLocation } from "../layout/output_location.ts";
import type { RunOutputRoot } from "../layout/run_output_root.ts";
import { addExpected, formatExpected } from "../runs/expected_parts.ts";
import { inOrder, partText } from "../runs/format_part.ts";
import {
  MANIFEST_SCHEMA,
  type ManifestHead,
  type ManifestRun,
  type ManifestWriter,
  type OutputFile,
} from "../runs/manifest.ts";
import { claimPart } from "../runs/part_claim.ts";
import type { ObjectInfo, StorageBackend } from "../storage/backend.ts";
import { bytesSource, piecesSource } from "../storage/byte_source.ts";
import { contentType } from "../storage/content_type.ts";
import { isModifiedAfter } from "../storage/modified.ts";
import type { TransferResult } from "../storage/transfer.ts";
import { WatchedWrites } from "../storage/watched_writes.ts";
import { putContended } from "./put_contended.ts";
import { readExpected, readPart, type StoredPart } from "./read_manifest.ts";

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
  /** Stops what is under way. */
  readonly signal?: AbortSignal;
}

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
  #withdrawn?: StoredPart;

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
  }

  /** The part's name. */
  get name(): string {
    return this.#options.part;
  }

  /**
   * Looks whether the part is there from before.
   *
   * @returns The storage to upload to: before it replaces what that part tells of, it takes the
   * part away.
   */
  async begin(): Promise<StorageBackend> {
    if (!this.#backend.writes) return this.#backend;
    // Trouble with reading it comes again when it is to be written, and is told then.
    const there = await this.#read().catch(() => {
      this.#options.signal?.throwIfAborted();
    });
    if (there?.files === undefined) return this.#backend;
    const hashes = new Map(there.files.map(({ path, sha256 }) => [path, sha256]));
    let withdrawing: Promise<void> | undefined;
    return new WatchedWrites(this.#backend, async (location, { sha256 }) => {
      const known = hashes.get(location.relativeTo(this.#root.root()) ?? "");
      if (known !== undefined && known !== sha256) await (withdrawing ??= this.#withdraw(there));
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
    const { signal } = this.#options;
    const path = "the outputs manifest";
    const location = this.#location;
    const present = pages.filter(({ outcome }) => outcome !== "failed").map((page) =>
      page.location
    );
    // Of an archive that is still to be made nothing is known that could be written.
    if (!this.#backend.writes && results.some(isUnmade)) {
      return { location, path, outcome: "planned", warnings: [] };
    }
    return await putContended(this.#backend, { location, path, signal }, async () => {
      const ours = await this.#describe(results, present);
      const { part: there, info } = await this.#find();
      const before = there ?? this.#withdrawn;
      const claim = before && claimPart(before.head, ours.head);
      if (claim instanceof Error) return { refusal: claim };
      const { head, files } = before === undefined
        ? ours
        : await this.#goOn(before, ours, claim === "unite");
      if (there !== undefined && isSame(there, { head, files })) return { there: there.info };
      return { there: info, source: piecesSource(() => partText(head, files)) };
    });
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
    const { signal } = this.#options;
    const [path, location] = ["the outputs manifest", this.#location];
    return await putContended(this.#backend, { location, path, signal }, async () => {
      const { part: there, info } = await this.#find();
      const before = there ?? this.#withdrawn;
      const ours = { head, files };
      const content = before === undefined ? ours : await this.#goOn(before, ours, true);
      if (there !== undefined && isSame(there, content)) return { there: there.info };
      return { there: info, source: piecesSource(() => partText(content.head, content.files)) };
    });
  }

  /** What this upload has to tell. */
  async #describe(
    results: readonly TransferResult[],
    pages: readonly OutputLocation[],
  ): Promise<PartContent> {
    const { part, run, tool, writer, now = () => new Date() } = this.#options;
    const { runId: run_id, platform, layout } = this.#root;
    const pathOf = (location: OutputLocation) => location.relativeTo(this.#root.root())!;
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

  /** Takes over from the part from before what stays. */
  async #goOn(before: StoredPart, ours: PartContent, unite: boolean): Promise<PartContent> {
    const head = { ...ours.head, ...unknownOf(before.head) };
    if (!unite) return { head, files: ours.files };
    const pages = new Set([...before.head.pages ?? [], ...ours.head.pages ?? []]);
    const files = await this.#unite(before, ours.files);
    return { head: pages.size === 0 ? head : { ...head, pages: [...pages].sort() }, files };
  }

  /** Adds files that only the part from before names, those that are still as it says. */
  async #unite(before: StoredPart, files: readonly OutputFile[]): Promise<readonly OutputFile[]> {
    const { signal } = this.#options;
    const ours = new Set(files.map(({ path }) => path));
    const theirs = new Map(
      before.files!.filter(({ path }) => !ours.has(path)).map((file) => [file.path, file]),
    );
    if (theirs.size === 0) return files;
    const united = [...files];
    const prefix = this.#root.root();
    for await (const { location, size, modified } of this.#backend.list(prefix, { signal })) {
      const file = theirs.get(location.relativeTo(prefix) ?? "");
      if (file?.size !== size || isModifiedAfter(modified, before.info.modified)) continue;
      united.push(file);
    }
    return inOrder(united);
  }

  /** The part that is there. One that is broken can only be written over. */
  async #find(): Promise<{ readonly part?: StoredPart; readonly info?: ObjectInfo }> {
    const { signal, onNote } = this.#options;
    try {
      const part = await this.#read();
      return { part, info: part?.info };
    } catch (error) {
      if (!(error instanceof RunOutputsError) || error.code !== "integrity") throw error;
      onNote?.(`${error.message}: it is replaced`);
      return { info: await this.#backend.stat(this.#location, { signal }) };
    }
  }

  async #read(): Promise<StoredPart | undefined> {
    const { show, signal } = this.#options;
    return await readPart(this.#backend, { location: this.#location }, true, { show, signal });
  }

  async #withdraw(there: StoredPart): Promise<void> {
    const { show = String, signal, onNote } = this.#options;
    this.#withdrawn = there;
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

function isUnmade({ outcome, sha256 }: TransferResult): boolean {
  return outcome === "planned" && sha256 === undefined;
}

/** What a part tells. */
interface PartContent {
  readonly head: ManifestHead;
  readonly files: readonly OutputFile[];
}

/** Members of a part that this version does not know. */
function unknownOf(head: ManifestHead): Partial<ManifestHead> {
  const { schema: _1, layout: _2, run: _3, part: _4, created_at: _5, tool: _6, ...more } = head;
  const { writer: _7, pages: _8, ...unknown } = more;
  return unknown;
}

/** Whether a part tells what is to be told, if not at the same time. */
function isSame(
  there: StoredPart,
  ours: PartContent,
): boolean {
  const text = (head: ManifestHead, files: Iterable<OutputFile>) => {
    const hash = createHash("sha256");
    for (const piece of partText({ ...head, created_at: "" }, files)) hash.update(piece);
    return hash.digest("hex");
  };
  return text(there.head, there.files!) === text(ours.head, ours.files);
}
