/**
 * A bisect in memory: its store, and a source of artifacts that tells what it was asked.
 *
 * @module
 */

import { RunOutputsError } from "../../../src/errors/error.ts";
import type { BisectSource } from "../../../src/operations/bisect/source.ts";
import { type BisectState, parseBisectState } from "../../../src/operations/bisect/state.ts";
import type { BisectStore } from "../../../src/operations/bisect/store.ts";
import type { BisectCommit } from "../../../src/operations/bisect/suspects.ts";

/** The SHA of a number. */
export const sha = (number: number) => number.toString(16).padStart(40, "0");

/** The number of a SHA. */
export const numberOf = (text: string) => parseInt(text, 16);

/** Commits 1 to `count`, one after the other. */
export function line(count: number): BisectCommit[] {
  return Array.from({ length: count }, (_, i) => ({
    sha: sha(i + 1),
    parents: [sha(i)],
    title: `change ${i + 1}`,
    date: "2026-05-01T00:00:00Z",
  }));
}

/** What a bisect from 0 to `count` begins with. */
export function lineFrom(count: number) {
  return {
    good: { given: "v1", sha: sha(0) },
    bad: { given: "main", sha: sha(count) },
    commits: line(count),
  };
}

/** Keeps the text of a state, as a file does. */
export class MemoryStore implements BisectStore {
  readonly name = "memory";
  text: string | undefined;
  /** How many writes succeed before the process is "killed". */
  writesLeft = Infinity;

  read(): Promise<BisectState | undefined> {
    return Promise.resolve(
      this.text === undefined ? undefined : parseBisectState(this.text, this.name),
    );
  }

  write(state: BisectState): Promise<void> {
    if (this.writesLeft-- <= 0) return Promise.reject(new Error("killed"));
    this.text = JSON.stringify(state);
    return Promise.resolve();
  }

  remove(): Promise<void> {
    this.text = undefined;
    return Promise.resolve();
  }

  [Symbol.dispose](): void {}
}

/** A source whose directories are names in a set. */
export class FakeSource implements BisectSource {
  readonly asked: number[] = [];
  readonly fetched: number[] = [];
  readonly prefetched: number[] = [];
  readonly directories = new Set<string>();
  /** Commits that have no artifacts. */
  lacking: ReadonlySet<number> = new Set();
  /** Commits whose artifacts turn out to be broken. */
  broken: ReadonlySet<number> = new Set();
  /** What the next call does in place of its work. */
  trouble: (() => Promise<never>) | undefined;
  /** Holds transfers of `prefetch` until they are stopped. */
  slow = false;

  async find(commit: BisectCommit) {
    await this.#trouble();
    this.asked.push(numberOf(commit.sha));
    if (this.lacking.has(numberOf(commit.sha))) return { status: "no", reason: "no run" } as const;
    const run = { run_id: "1", url: "", bucket: "b", external_repo: "", groups: [] };
    return { status: "yes", runs: [run] } as const;
  }

  async fetch(commit: BisectCommit): Promise<string> {
    await this.#trouble();
    const number = numberOf(commit.sha);
    this.fetched.push(number);
    if (this.broken.has(number)) throw new RunOutputsError("integrity", "a wrong checksum");
    this.directories.add(`/${commit.sha}`);
    return `/${commit.sha}`;
  }

  async prefetch(
    commit: BisectCommit,
    _runs: unknown,
    { signal }: { readonly signal?: AbortSignal },
  ): Promise<void> {
    if (this.slow) {
      await new Promise((_, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
    }
    this.prefetched.push(numberOf(commit.sha));
  }

  has(directory: string): Promise<boolean> {
    return Promise.resolve(this.directories.has(directory));
  }

  discard(sha: string): Promise<void> {
    this.directories.delete(`/${sha}`);
    return Promise.resolve();
  }

  async #trouble(): Promise<void> {
    const { trouble } = this;
    this.trouble = undefined;
    await trouble?.();
  }
}
