/**
 * The hashes that index pages tell: remembered from this upload and from the pages that are there,
 * asked for only where a page can't do without.
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

/** What a page tells of a file. */
interface Told {
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
  /** Those of uploads that others have replaced: maybe within the second that a page tells. */
  readonly #replaced = new Map<string, string | undefined>();
  readonly #told = new Map<string, Told>();
  /** The checksums that were listed. */
  readonly #sidecars = new Map<string, Pick<ObjectInfo, "etag" | "modified">>();
  /** Answers, by question. */
  readonly #asked = new Map<string, string>();
  /** Questions under way: several pages list the same file. */
  readonly #asking = new Map<string, Promise<string | undefined>>();
  /** Whether what can be asked is asked, whatever pages tell. */
  readonly #isAnew: boolean;

  /**
   * Creates the memory.
   *
   * @param results What was just uploaded. If not given, what pages tell counts only where nothing
   * else tells the hash.
   */
  constructor(results?: readonly TransferResult[]) {
    this.#isAnew = results === undefined;
    for (const { location, outcome, sha256, size, etag } of results ?? []) {
      if (outcome === "failed" || outcome === "planned") continue;
      if (sha256 === undefined || etag === undefined) continue;
      this.#uploaded.set(location.key, { sha256, size, etag });
    }
  }

  /**
   * Forgets what was uploaded where something else is listed: another job has replaced it, and its
   * file can be of the same size. Remembers which checksums there are.
   *
   * @param file The file, as storage lists it.
   */
  listed({ location: { key }, etag, modified }: Omit<ObjectInfo, "size">): void {
    if (key.endsWith(SIDECAR_SUFFIX)) this.#sidecars.set(key, { etag, modified });
    const uploaded = this.#uploaded.get(key);
    if (uploaded === undefined || uploaded.etag === etag) return;
    this.#uploaded.delete(key);
    this.#replaced.set(key, uploaded.sha256);
    if (this.#told.get(key)?.sha256 === uploaded.sha256) this.#told.delete(key);
  }

  /**
   * Remembers what a page of ours tells.
   *
   * @param page Its location.
   * @param text The page.
   * @param at When it was written.
   */
  learn(page: OutputLocation, text: string, at: Date): void {
    for (const [, sha256, link, size, modified] of text.matchAll(ROW)) {
      const key = keyOfLink(page, link);
      if (key === undefined || this.#replaced.get(key) === sha256) continue;
      this.#told.set(key, { sha256, size: Number(size), modified: Number(modified), at });
    }
  }

  /**
   * The hash of a row's file.
   *
   * @param entry The row.
   * @returns The hash, if what is known is of this size and time.
   */
  readonly of = (entry: IndexEntry): string | undefined => {
    if (entry.files !== undefined) return undefined;
    return this.#fresh(entry) ?? this.#remembered(entry)?.sha256;
  };

  /**
   * Asks for the hashes that a page can't do without: for an artifact its checksum file, for what
   * pip downloads the storage, or the bytes themselves.
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
    // A checksum is one small answer; without one, all of the file may have to be read.
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

  /** What stands for a file, and the checksum beside it, as they are listed. */
  #question({ target, size, modified, sidecar }: IndexEntry): string {
    const version = sidecar && this.#sidecars.get(sidecar.key)?.etag;
    return [target.key, size, modified?.getTime(), version].join("\0");
  }

  /** The hash of a row's file as it was uploaded or asked for just now. */
  #fresh(entry: IndexEntry): string | undefined {
    const uploaded = this.#uploaded.get(entry.target.key);
    return uploaded?.size === entry.size && uploaded?.sha256 ||
      this.#asked.get(this.#question(entry));
  }

  /** What a page tells of a row's file, unless the checksum beside it has to be asked. */
  #remembered(entry: IndexEntry): Told | undefined {
    const { target, size, modified, sidecar } = entry;
    const told = this.#told.get(target.key);
    if (told === undefined || told.size !== size || told.modified !== modified?.getTime()) return;
    return sidecar === undefined || this.#isSettled(entry, told) ? told : undefined;
  }

  /** Whether the page that tells of a file is younger than what it tells it by. */
  #isSettled(entry: IndexEntry, told = this.#remembered(entry)): boolean {
    const { sidecar, modified } = entry;
    const by = sidecar === undefined ? modified : this.#sidecars.get(sidecar.key)?.modified;
    return !this.#isAnew && told !== undefined && by !== undefined && isModifiedAfter(told.at, by);
  }
}

/** How many files without a checksum are asked for at once. */
const HASHED_AT_ONCE = 16;

/** A row with a hash, as it is rendered: hash, link, size, time. */
const ROW =
  /<tr class="f" data-sha256="([0-9a-f]{64})"><td><a href="([^"#]+)[^>]*>[^<]*<\/a><\/td><td class="n" data-v="(\d+)">[^<]*<\/td><td class="t" data-v="(\d+)">/g;

/** A checksum that is broken or gone is not the page's to tell. */
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
