/**
 * Listings in pages: the next page continues where the last one ended, and reads nothing again.
 *
 * @module
 */

import type { Entry } from "./entries.ts";

/** How many listings are kept for their next page. */
const MAX_KEPT = 32;

/** How long one is kept, in milliseconds. */
const MAX_AGE = 60_000;

interface Kept {
  readonly rest: AsyncGenerator<Entry>;
  /** The first entry of the next page. */
  readonly first: Entry;
  readonly until: number;
}

/** Listings between two pages. What they hold is a cache: without it, a page lists again. */
export class OpenListings {
  readonly #kept = new Map<string, Kept>();
  readonly #now: () => number;

  /**
   * Starts without any.
   *
   * @param now The current time in milliseconds.
   */
  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * Reads one page.
   *
   * @param name What is listed, and from which key on.
   * @param maxKeys The most entries.
   * @param open Begins the listing, if none is kept.
   * @param next The name under which the rest is kept, made from the last entry.
   * @returns The entries, and whether there are more.
   */
  async page(
    name: string,
    maxKeys: number,
    open: () => AsyncGenerator<Entry>,
    next: (last: Entry) => string,
  ): Promise<{ readonly entries: readonly Entry[]; readonly isTruncated: boolean }> {
    const kept = this.#take(name);
    const rest = kept?.rest ?? open();
    const entries: Entry[] = kept === undefined ? [] : [kept.first];
    try {
      while (entries.length < maxKeys) {
        const { value, done } = await rest.next();
        if (done) return { entries, isTruncated: false };
        entries.push(value);
      }
      const { value: first, done } = await rest.next();
      if (done) return { entries, isTruncated: false };
      this.#keep(next(entries.at(-1)!), { rest, first, until: this.#now() + MAX_AGE });
      return { entries, isTruncated: true };
    } catch (error) {
      await rest.return(undefined);
      throw error;
    }
  }

  #take(name: string): Kept | undefined {
    const kept = this.#kept.get(name);
    this.#kept.delete(name);
    if (kept === undefined || kept.until >= this.#now()) return kept;
    this.#drop(kept);
    return undefined;
  }

  #keep(name: string, kept: Kept): void {
    for (const [other, old] of this.#kept) {
      if (this.#kept.size < MAX_KEPT && old.until >= this.#now() && other !== name) break;
      this.#kept.delete(other);
      this.#drop(old);
    }
    this.#kept.set(name, kept);
  }

  #drop({ rest }: Kept): void {
    // It waits between two entries, so this ends at once.
    rest.return(undefined).catch(() => {});
  }
}
