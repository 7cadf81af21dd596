/**
 * Writes index pages: generated from the files in storage, so that concurrent jobs of a run do not
 * lose each other's rows.
 *
 * A writer reads the existing pages, lists the files, and writes a page only over the version that
 * it has read. Storage that supports this rejects the write if another job was faster; then
 * everything is read again. Not every storage does, so the files are listed again after writing,
 * and the page is written again if they have changed. So the last writer has seen all files.
 *
 * @module
 */

import pMap from "p-map";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { bytesSource } from "../../storage/byte_source.ts";
import { compareKeys } from "../../layout/compare_keys.ts";
import { Contention } from "../../storage/contention.ts";
import { bodyText } from "../../storage/if_there.ts";
import { contentType } from "../../storage/content_type.ts";
import { pause } from "../../storage/pause.ts";
import type { TransferResult } from "../../storage/transfer/transfer.ts";
import { Hashes } from "./hashes.ts";
import { type IndexedFile, type IndexPage, isOurs, MARK_WITHIN } from "./page.ts";
import { renderPage } from "./render.ts";
import type { IndexSubject } from "./subjects.ts";

/** Options of {@linkcode writeIndexPages}. */
export interface WriteIndexOptions {
  /**
   * The results of this upload: only pages that can list them are written, and their hashes are
   * known. If missing, all pages are written, with the current hashes in checksum files and the
   * storage.
   */
  readonly uploaded?: Iterable<TransferResult>;
  /** Whether to replace pages written by something else. Default: they are kept. */
  readonly force?: boolean;
  /** Formats a location for messages. Default: its S3 URI. */
  readonly show?: (location: OutputLocation) => string;
  /** Aborts; each page is complete or unchanged. */
  readonly signal?: AbortSignal;
}

/** The results for index pages. */
export interface IndexReport {
  /** The result for each page, sorted by key. */
  readonly results: readonly TransferResult[];
  /** The pages that were kept because something else wrote them; their results are `skipped`. */
  readonly kept: readonly OutputLocation[];
}

/** The maximum number of times to regenerate a page because others write it too. */
const MAX_ROUNDS = 30;

/** The longest pause after a rejection, in milliseconds; jobs of a matrix often end together. */
const MAX_PAUSE = 2000;

/**
 * The maximum number of bytes of a page to read with one request. Pages of others can have any
 * size.
 */
const AT_ONCE = 1024 * 1024;

/** The number of pages read or written concurrently. */
const CONCURRENCY = 8;

/**
 * Writes the index pages of a run or a directory.
 *
 * @param backend The storage. In a dry run the pages are determined but not written.
 * @param subject What the pages are for.
 * @param options Which pages, whether to replace pages of others, a signal.
 * @returns The result for each page. A page that could not be written is a failed result.
 * @throws {RunOutputsError} Errors of the storage, if the files cannot be listed.
 */
export async function writeIndexPages(
  backend: StorageBackend,
  subject: IndexSubject,
  options: WriteIndexOptions = {},
): Promise<IndexReport> {
  return await new Writer(backend, subject, options).run();
}

/** A page in storage. */
interface Existing {
  readonly etag: string;
  /** Its text, if it is ours. */
  readonly text?: string;
  /** Why it could not be read. */
  readonly error?: Error;
}

/**
 * The result of one attempt at a page: it is finished or impossible; it was written, so it must be
 * checked; or it was rejected, because another writer was faster.
 */
type Step = "settled" | "written" | "refused";

class Writer {
  readonly #backend: StorageBackend;
  readonly #subject: IndexSubject;
  readonly #options: WriteIndexOptions;
  readonly #hashes: Hashes;
  readonly #results = new Map<string, TransferResult>();
  readonly #kept = new Map<string, OutputLocation>();
  /** The last version that was read or written, by key. */
  readonly #existing = new Map<string, string>();
  /** The rejected writes of each page, by key. */
  readonly #contentions = new Map<string, Contention>();
  /** The pages whose writes the storage always rejects, by key. */
  readonly #obstructed = new Set<string>();

  constructor(backend: StorageBackend, subject: IndexSubject, options: WriteIndexOptions) {
    this.#backend = backend;
    this.#subject = subject;
    this.#options = options;
    this.#hashes = new Hashes(options.uploaded);
  }

  async run(): Promise<IndexReport> {
    let pages = await this.#list();
    for (let round = 1; pages.length > 0; round++) {
      const before = new Map(
        await this.#each(pages, async (page) => [page.location.key, await this.#read(page)]),
      );
      pages = await this.#list();
      const steps = await this.#each(pages, (page) => this.#put(page, before));
      // A writer that wrote nothing need not check again, because those that did will.
      if (!this.#backend.writes || steps.every((step) => step === "settled")) break;
      pages = await this.#list();
      const changed = pages.filter((page) => this.#differs(page));
      if (changed.length === 0) break;
      if (round === MAX_ROUNDS) {
        for (const page of changed) this.#fail(page, busy(page, this.#options.show));
        break;
      }
      if (steps.includes("refused")) {
        await pause(Math.random() * Math.min(MAX_PAUSE, 20 * 2 ** round), this.#options.signal);
      }
    }
    const inOrder = [...this.#results.values()]
      .sort((a, b) => compareKeys(a.location.key, b.location.key));
    return { results: inOrder, kept: [...this.#kept.values()] };
  }

  /** The pages for the current files. */
  async #list(): Promise<IndexPage[]> {
    const { prefix } = this.#subject;
    const { uploaded, signal } = this.#options;
    const files = new Map<string, IndexedFile>();
    for await (const file of this.#backend.list(prefix, { signal })) {
      const { location, size, modified } = file;
      this.#hashes.listed(file);
      files.set(location.key, { location, size, modified });
    }
    if (!this.#backend.writes) {
      for (const { location, size, outcome } of uploaded ?? []) {
        if (outcome === "planned") files.set(location.key, { location, size });
      }
    }
    return this.#subject.pages([...files.values()]).filter(({ covers }) =>
      uploaded === undefined ||
      Iterator.from(uploaded).some(({ location, outcome }) =>
        outcome !== "failed" && location.relativeTo(covers) !== undefined
      )
    );
  }

  async #read({ location }: IndexPage): Promise<Existing | undefined> {
    const { signal } = this.#options;
    try {
      const info = await this.#backend.stat(location, { signal });
      const ifMatch = info.etag;
      const end = info.size <= AT_ONCE ? info.size : MARK_WITHIN;
      const start = await this.#text(info, { end, ifMatch });
      if (!isOurs(start.slice(0, MARK_WITHIN))) return { etag: ifMatch };
      const text = end === info.size ? start : await this.#text(info, { end: info.size, ifMatch });
      this.#hashes.learn(location, text, info.modified);
      return { etag: ifMatch, text };
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof RunOutputsError && error.code === "not_found") return undefined;
      // It is being replaced right now: no etag matches, so the write will be rejected.
      if (isConflict(error)) return { etag: "", text: "" };
      return { etag: "", error: error as Error };
    }
  }

  async #text(
    { location }: ObjectInfo,
    { end, ifMatch }: { readonly end: number; readonly ifMatch: string },
  ): Promise<string> {
    if (end === 0) return "";
    const { signal } = this.#options;
    const range = { start: 0, end };
    await using body = await this.#backend.read(location, { range, ifMatch, signal });
    return await bodyText(body);
  }

  /** Writes one page, unless another writer is faster. */
  async #put(
    page: IndexPage,
    before: ReadonlyMap<string, Existing | undefined>,
  ): Promise<Step> {
    const { location } = page;
    const { uploaded, force = false, signal } = this.#options;
    const { writes } = this.#backend;
    const existing = before.get(location.key);
    if (existing?.error !== undefined) {
      this.#fail(page, existing.error);
      return "settled";
    }
    if (existing !== undefined && existing.text === undefined && !force) {
      this.#kept.set(location.key, location);
      this.#result(page, "skipped");
      return "settled";
    }
    try {
      // In a dry run, uploads do not exist and cannot be read.
      if (writes || uploaded === undefined) {
        await this.#hashes.complete(this.#backend, page, { signal });
      }
      const text = renderPage(page, this.#hashes.of, existing?.text);
      const source = bytesSource(text);
      if (existing?.text === text) {
        const outcome = this.#results.get(location.key)?.outcome ?? "failed";
        if (outcome === "failed") this.#result(page, "unchanged", source.size);
        this.#existing.set(location.key, text);
        return "settled";
      }
      const { sha256 } = await this.#backend.write(location, source, {
        contentType: contentType(location.key),
        ifMatch: existing?.etag,
        ifAbsent: existing === undefined && (before.has(location.key) ? "seen" : true),
        signal,
      });
      this.#existing.set(location.key, text);
      this.#result(page, writes ? "written" : "planned", writes ? source.size : undefined, sha256);
      return "written";
    } catch (error) {
      signal?.throwIfAborted();
      this.#fail(page, error as Error);
      if (!isConflict(error)) return "settled";
      // The page of a faster writer exists the next time. If not, something else is the obstacle.
      const contention = this.#contentions.get(location.key) ?? new Contention();
      this.#contentions.set(location.key, contention);
      if (!contention.rejected(existing?.etag)) return "refused";
      this.#obstructed.add(location.key);
      this.#fail(page, contention.describe(error));
      return "settled";
    }
  }

  /** Whether a page must be written again. */
  #differs(page: IndexPage): boolean {
    const { key } = page.location;
    if (this.#kept.has(key)) return false;
    const result = this.#results.get(key);
    if (result?.outcome === "failed") {
      return isConflict(result.error) && !this.#obstructed.has(key);
    }
    const existing = this.#existing.get(key);
    return existing !== renderPage(page, this.#hashes.of, existing);
  }

  #result(
    { location }: IndexPage,
    outcome: TransferResult["outcome"],
    size?: number,
    sha256?: string,
  ): void {
    const path = `index page of ${location.key.split("/").slice(0, -1).join("/") || "."}/`;
    this.#results.set(location.key, { location, path, outcome, size, sha256, warnings: [] });
  }

  #fail(page: IndexPage, error: Error): void {
    this.#result(page, "failed");
    const result = this.#results.get(page.location.key)!;
    this.#results.set(page.location.key, { ...result, error });
  }

  async #each<T>(pages: readonly IndexPage[], run: (page: IndexPage) => Promise<T>): Promise<T[]> {
    const { signal } = this.#options;
    const results = await pMap(pages, run, { concurrency: CONCURRENCY });
    signal?.throwIfAborted();
    return results;
  }
}

function isConflict(error: unknown): error is RunOutputsError {
  return error instanceof RunOutputsError && error.code === "conflict";
}

function busy(
  { location }: IndexPage,
  show: (location: OutputLocation) => string = String,
): RunOutputsError {
  return new RunOutputsError(
    "conflict",
    `Cannot write ${show(location)}: its files changed ${MAX_ROUNDS} times while it was written; ` +
      "'run-outputs index' regenerates it",
  );
}
