/**
 * The hashes on index pages: remembered from this upload and from existing pages, and requested
 * only if a page needs them.
 *
 * @module
 */

import pMap from "p-map";
import type { OutputLocation } from "../../layout/output_location.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { CallOptions, ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { sha256Of } from "../../storage/sha256_of.ts";
import { isModifiedAfter } from "../../storage/modified.ts";
import { SMALL_CONCURRENCY, type TransferResult } from "../../storage/transfer/transfer.ts";
import { readSidecar, SIDECAR_SUFFIX } from "../artifacts/sidecar.ts";
import { keyOfLink } from "./links.ts";
import type { IndexEntry, IndexPage } from "./page.ts";

/** What a page says of a file. */
interface PageHash {
  readonly sha256: string;
  readonly size: number;
  /** When the file was written, in milliseconds. */
  readonly modified: number;
  /** When the page was written. */
  readonly at: Date;
}

/** Hashes of files, by key. */
export class Hashes {
  readonly #uploaded = new Map<string, Pick<TransferResult, "sha256" | "size" | "etag">>();
  /** The hashes of uploads that others have replaced, maybe within the second that a page shows. */
  readonly #replaced = new Map<string, string | undefined>();
  readonly #onPages = new Map<string, PageHash>();
  /** The listed checksum files. */
  readonly #sidecars = new Map<string, Pick<ObjectInfo, "etag" | "modified">>();
  /** The results of requests. */
  readonly #asked = new Map<string, string>();
  /** The requests in progress: several pages list the same file. */
  readonly #asking = new Map<string, Promise<string | undefined>>();
  /** Whether to request hashes even if pages have them. */
  readonly #requestsAll: boolean;

  /**
   * Creates the memory.
   *
   * @param results The results of this upload. If missing, hashes on pages are used only if they
   * are not available otherwise.
   */
  constructor(results?: Iterable<TransferResult>) {
    this.#requestsAll = results === undefined;
    for (const { location, outcome, sha256, size, etag } of results ?? []) {
      if (outcome === "failed" || outcome === "planned") continue;
      if (sha256 === undefined || etag === undefined) continue;
      this.#uploaded.set(location.key, { sha256, size, etag });
    }
  }

  /**
   * Forgets the hash of an upload if something else is listed: another job has replaced it, maybe
   * with a file of the same size. Remembers which checksum files exist.
   *
   * @param file The file, as listed by the storage.
   */
  listed({ location: { key }, etag, modified }: Omit<ObjectInfo, "size">): void {
    if (key.endsWith(SIDECAR_SUFFIX)) this.#sidecars.set(key, { etag, modified });
    const uploaded = this.#uploaded.get(key);
    if (uploaded === undefined || uploaded.etag === etag) return;
    this.#uploaded.delete(key);
    this.#replaced.set(key, uploaded.sha256);
    if (this.#onPages.get(key)?.sha256 === uploaded.sha256) this.#onPages.delete(key);
  }

  /**
   * Remembers the hashes on one of our pages.
   *
   * @param page Its location.
   * @param text The page.
   * @param at When it was written.
   */
  learn(page: OutputLocation, text: string, at: Date): void {
    for (const [, sha256, link, size, modified] of text.matchAll(ROW)) {
      const key = keyOfLink(page, link);
      if (key === undefined || this.#replaced.get(key) === sha256) continue;
      this.#onPages.set(key, { sha256, size: Number(size), modified: Number(modified), at });
    }
  }

  /**
   * The hash of a row's file.
   *
   * @param entry The row.
   * @returns The hash, if it is known for this size and time.
   */
  readonly of = (entry: IndexEntry): string | undefined => {
    if (entry.files !== undefined) return undefined;
    return this.#fresh(entry) ?? this.#remembered(entry)?.sha256;
  };

  /**
   * Requests the hashes that a page needs: for an artifact its checksum file, for a file that pip
   * downloads the recorded hash, or the bytes themselves.
   *
   * @param backend The storage.
   * @param page The page.
   * @param options A signal.
   */
  async complete(backend: StorageBackend, page: IndexPage, options: CallOptions): Promise<void> {
    const entries = page.kind === "list"
      ? page.sections.flatMap((section) => section.entries)
      : page.entries;
    const needed = page.kind === "simple" || page.forPip === true;
    const unknown = entries.filter((entry) =>
      entry.files === undefined && (entry.sidecar !== undefined || needed) &&
      this.#fresh(entry) === undefined && !this.#isSettled(entry)
    );
    // A checksum file is one small response; without it, the whole file may have to be read.
    const small = unknown.every(({ sidecar }) => sidecar !== undefined);
    await pMap(unknown, (entry) => this.#ask(backend, entry, options), {
      concurrency: small ? SMALL_CONCURRENCY : HASHED_AT_ONCE,
    });
  }

  async #ask(backend: StorageBackend, entry: IndexEntry, options: CallOptions): Promise<void> {
    const { target, sidecar } = entry;
    const question = this.#question(entry);
    let answer = this.#asking.get(question);
    if (answer === undefined) {
      answer = sidecar === undefined
        ? hashOf(backend, target, options)
        : sidecarHash(backend, sidecar, options);
      this.#asking.set(question, answer);
    }
    const sha256 = await answer;
    if (sha256 !== undefined) this.#asked.set(question, sha256);
  }

  /** Identifies a file and its checksum file, as they are listed. */
  #question({ target, size, modified, sidecar }: IndexEntry): string {
    const version = sidecar && this.#sidecars.get(sidecar.key)?.etag;
    return [target.key, size, modified?.getTime(), version].join("\0");
  }

  /** The hash of a row's file that was uploaded or requested just now. */
  #fresh(entry: IndexEntry): string | undefined {
    const uploaded = this.#uploaded.get(entry.target.key);
    return uploaded?.size === entry.size && uploaded?.sha256 ||
      this.#asked.get(this.#question(entry));
  }

  /** The hash of a row's file on a page, unless its checksum file must be read. */
  #remembered(entry: IndexEntry): PageHash | undefined {
    const { target, size, modified, sidecar } = entry;
    const shown = this.#onPages.get(target.key);
    if (shown === undefined || shown.size !== size || shown.modified !== modified?.getTime()) {
      return;
    }
    return sidecar === undefined || this.#isSettled(entry, shown) ? shown : undefined;
  }

  /** Whether the page with the hash of a file is newer than its source. */
  #isSettled(entry: IndexEntry, shown = this.#remembered(entry)): boolean {
    const { sidecar, modified } = entry;
    const by = sidecar === undefined ? modified : this.#sidecars.get(sidecar.key)?.modified;
    return !this.#requestsAll && shown !== undefined && by !== undefined &&
      isModifiedAfter(shown.at, by);
  }
}

/** The maximum number of concurrent requests for files without a checksum file. */
const HASHED_AT_ONCE = 16;

/** A row with a hash, as it is rendered: hash, link, size, time. */
const ROW =
  /<tr class="f" data-sha256="([0-9a-f]{64})"><td><a href="([^"#]+)[^>]*>[^<]*<\/a><\/td><td class="n" data-v="(\d+)">[^<]*<\/td><td class="t" data-v="(\d+)">/g;

/** The page does not report a checksum file that is broken or gone. */
async function sidecarHash(
  backend: StorageBackend,
  location: OutputLocation,
  { signal }: CallOptions,
): Promise<string | undefined> {
  try {
    return await readSidecar(backend, { location }, String, signal);
  } catch (error) {
    return unlessGone(error);
  }
}

async function hashOf(
  backend: StorageBackend,
  location: OutputLocation,
  { signal }: CallOptions,
): Promise<string | undefined> {
  try {
    const { sha256 } = await backend.stat(location, { signal });
    if (sha256 !== undefined) return sha256;
    await using body = await backend.read(location, { signal });
    return await sha256Of(body);
  } catch (error) {
    return unlessGone(error);
  }
}

function unlessGone(error: unknown): undefined {
  const codes = ["not_found", "conflict", "integrity"];
  if (error instanceof RunOutputsError && codes.includes(error.code)) return undefined;
  throw error;
}
