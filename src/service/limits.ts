/**
 * How many requests are answered at once. Others wait for a moment; then the
 * answer is that they must try again.
 *
 * @module
 */

import { isLoopback } from "./hosts.ts";
import { httpError } from "./problem.ts";

/** Limits, and how long to wait for a place. */
export interface LimitOptions {
  /** How many answers are sent at once. Default: 64. */
  readonly answers?: number;
  /** How many of them to one address, except to this machine's own, such as a proxy's. Default: 16. */
  readonly answersPerPeer?: number;
  /** How many searches run at once. Default: 2. */
  readonly searches?: number;
  /** How many requests wait at most. Default: 1024. */
  readonly waiting?: number;
  /** How long a request waits at most, in milliseconds. Default: 10,000. */
  readonly patience?: number;
}

interface Waiting {
  readonly peer: string;
  readonly isSearch: boolean;
  readonly start: () => void;
}

/** Gives places to requests, in the order in which they came. */
export class Limits {
  readonly #options: Required<LimitOptions>;
  readonly #peers = new Map<string, number>();
  readonly #queue: Waiting[] = [];
  #answers = 0;
  #searches = 0;

  /**
   * Creates limits.
   *
   * @param options The numbers.
   */
  constructor(options: LimitOptions = {}) {
    const defaults = { answers: 64, answersPerPeer: 16, searches: 2, waiting: 1024 };
    this.#options = { ...defaults, patience: 10_000, ...options };
  }

  /**
   * Waits for a place.
   *
   * @param peer The address of the client.
   * @param isSearch Whether the request is a search.
   * @returns A function that gives the place back.
   * @throws {RunOutputsError} With the status 503, if there is none in time.
   */
  async enter(peer: string, isSearch: boolean): Promise<() => void> {
    if (this.#fits(peer, isSearch)) return this.#take(peer, isSearch);
    if (this.#queue.length >= this.#options.waiting) throw this.#busy();
    const { promise, resolve, reject } = Promise.withResolvers<() => void>();
    const entry: Waiting = { peer, isSearch, start: () => resolve(this.#take(peer, isSearch)) };
    this.#queue.push(entry);
    const timer = setTimeout(() => {
      this.#queue.splice(this.#queue.indexOf(entry), 1);
      reject(this.#busy());
    }, this.#options.patience);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  #fits(peer: string, isSearch: boolean): boolean {
    const { answers, answersPerPeer, searches } = this.#options;
    return this.#answers < answers && (!isSearch || this.#searches < searches) &&
      (isLoopback(peer) || (this.#peers.get(peer) ?? 0) < answersPerPeer);
  }

  #take(peer: string, isSearch: boolean): () => void {
    this.#answers++;
    if (isSearch) this.#searches++;
    this.#peers.set(peer, (this.#peers.get(peer) ?? 0) + 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#answers--;
      if (isSearch) this.#searches--;
      const left = this.#peers.get(peer)! - 1;
      if (left === 0) this.#peers.delete(peer);
      else this.#peers.set(peer, left);
      this.#startNext();
    };
  }

  #startNext(): void {
    const at = this.#queue.findIndex(({ peer, isSearch }) => this.#fits(peer, isSearch));
    if (at >= 0) this.#queue.splice(at, 1)[0].start();
  }

  #busy() {
    return httpError(503, "busy", "Too many requests at once: try again later", {
      headers: { "retry-after": "5" },
    });
  }
}
