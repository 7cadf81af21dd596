/**
 * The hashes that index pages tell: remembered from this upload and from the pages that are there,
 * asked for only where a page can't do without.
 *
 * @module
 */

import { createHash } from "node:crypto";
import pMap from "p-map";
import type { OutputLocation } from "../../layout/output_location.ts";
import { RunOutputsError } from "../../layout/error.ts";
import type { CallOptions, ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import {
  DEFAULT_CONCURRENCY,
  SMALL_CONCURRENCY,
  type TransferResult,
} from "../../storage/transfer.ts";
import { readSidecar } from "../sidecar.ts";
import { keyOfLink } from "./links.ts";
import type { IndexEntry, IndexPage } from "./page.ts";

/** What is remembered of a file. */
interface Known {
  readonly sha256: string;
  readonly size: number | undefined;
  /** In milliseconds, where the page told it. */
  readonly modified?: number;
}

/** Hashes of files, by key. */
export class Hashes {
  readonly #uploaded = new Map<string, Known & { readonly etag: string }>();
  /** Those of uploads that others have replaced: maybe within the second that a page tells. */
  readonly #replaced = new Map<string, string>();
  readonly #told = new Map<string, Known>();
  readonly #asked = new Map<string, Known>();
  /** Questions under way: several pages list the same file. */
  readonly #asking = new Map<string, Promise<string | undefined>>();

  /**
   * Creates the memory.
   *
   * @param results What was just uploaded.
   */
  constructor(results: readonly TransferResult[] = []) {
    for (const { location, outcome, sha256, size, etag } of results) {
      if (outcome === "failed" || outcome === "planned") continue;
      if (sha256 === undefined || etag === undefined) continue;
      this.#uploaded.set(location.key, { sha256, size, etag });
    }
  }

  /**
   * Forgets what was uploaded where something else is listed: another job has replaced it, and its
   * file can be of the same size.
   *
   * @param file The file, as storage lists it.
   */
  listed({ location: { key }, etag }: Pick<ObjectInfo, "location" | "etag">): void {
    const uploaded = this.#uploaded.get(key);
    if (uploaded === undefined || uploaded.etag === etag) return;
    this.#uploaded.delete(key);
    this.#replaced.set(key, uploaded.sha256);
    if (this.#told.get(key)?.sha256 === uploaded.sha256) this.#told.delete(key);
  }

  /**
   * Remembers what a page of ours tells.
   *
   * @param page Where it is.
   * @param text The page.
   */
  learn(page: OutputLocation, text: string): void {
    for (const [, sha256, link, size, modified] of text.matchAll(ROW)) {
      const key = keyOfLink(page, link);
      if (key === undefined || this.#replaced.get(key) === sha256) continue;
      this.#told.set(key, { sha256, size: Number(size), modified: Number(modified) });
    }
  }

  /**
   * The hash of a row's file.
   *
   * @param entry The row.
   * @returns The hash, if what is remembered is of this size and time.
   */
  readonly of = ({ target, size, modified, files }: IndexEntry): string | undefined => {
    if (files !== undefined) return undefined;
    const isIt = (known: Known | undefined) =>
      known !== undefined && known.size === size &&
      (known.modified === undefined || known.modified === modified?.getTime());
    return [this.#uploaded, this.#asked, this.#told]
      .map((hashes) => hashes.get(target.key)).find(isIt)?.sha256;
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
      entry.files === undefined && this.of(entry) === undefined &&
      (entry.sidecar !== undefined || needed)
    );
    // A checksum is one small answer; without one, all of the file may have to be read.
    const small = unknown.every(({ sidecar }) => sidecar !== undefined);
    await pMap(unknown, (entry) => this.#ask(backend, entry, options), {
      concurrency: small ? SMALL_CONCURRENCY : DEFAULT_CONCURRENCY,
    });
  }

  async #ask(backend: StorageBackend, entry: IndexEntry, options: CallOptions): Promise<void> {
    const { target, sidecar, size, modified } = entry;
    const question = `${target.key}\0${size}\0${modified?.getTime()}`;
    let answer = this.#asking.get(question);
    if (answer === undefined) {
      answer = sidecar === undefined
        ? hashOf(backend, target, options)
        : sidecarHash(backend, sidecar, options);
      this.#asking.set(question, answer);
    }
    const sha256 = await answer;
    if (sha256 === undefined) return;
    this.#asked.set(target.key, { sha256, size, modified: modified?.getTime() });
  }
}

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
    const hash = createHash("sha256");
    for await (const chunk of body) hash.update(chunk);
    return hash.digest("hex");
  } catch (error) {
    return unlessGone(error);
  }
}

function unlessGone(error: unknown): undefined {
  const codes = ["not_found", "conflict", "integrity"];
  if (error instanceof RunOutputsError && codes.includes(error.code)) return undefined;
  throw error;
}
