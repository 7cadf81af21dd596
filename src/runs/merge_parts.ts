/**
 * Merges a run's parts into one list of files.
 *
 * Two parts may list the same file: two jobs wrote the same bytes, or one replaced the file of the
 * other. The later part wins, and a difference is reported as a conflict. A part's time is its
 * `created_at`, limited by the time when it was stored: a part is created before it is stored, so a
 * later time comes from a clock that is ahead.
 *
 * @module
 */

import { compareKeys } from "../layout/compare_keys.ts";
import type { ManifestPart, OutputFile } from "./manifest.ts";
import type { Removal } from "./removed.ts";

/** A file as one part lists it. */
export interface FileClaim {
  /** The part's name. */
  readonly part: string;
  /** When the part was written, in milliseconds since 1970. */
  readonly written: number;
  /** The file. */
  readonly file: OutputFile;
}

/** A file of a run, merged from its parts. */
export interface MergedFile {
  /** The file, as the latest part lists it. */
  readonly file: OutputFile;
  /** The parts that agree on it, the latest first. */
  readonly parts: readonly string[];
  /** When the latest part was written, in milliseconds since 1970, corrected as described above. */
  readonly written: number;
  /** Entries of other parts with a different hash or size; empty if all agree. */
  readonly conflicts: readonly FileClaim[];
  /**
   * Why the file does not exist, if it does not: retention has removed it. Only in the manifest of a
   * run that is read from storage.
   */
  readonly removal?: Removal;
}

/** Files of one part, sorted by path. */
export interface PartFiles {
  /** The part's name. */
  readonly part: string;
  /** When it was written, in ISO 8601. */
  readonly created_at: string;
  /** When it was stored, by the storage's clock, if known. */
  readonly modified?: Date;
  /** Its files. */
  readonly files: AsyncIterable<OutputFile> | Iterable<OutputFile>;
}

/**
 * Merges parts that are in memory.
 *
 * @param parts The parts, in any order.
 * @returns The files, sorted by path.
 *
 * @example
 * ```ts
 * import { mergeParts, parsePart } from "@therock/run-outputs/runs";
 *
 * const part = (name: string, created_at: string, sha256: string) =>
 *   parsePart(JSON.stringify({
 *     schema: "run-outputs.manifest/1",
 *     layout: "flat",
 *     run: { run_id: "123", platform: "linux" },
 *     part: name,
 *     created_at,
 *     tool: "example",
 *     files: [{ path: "a.txt", kind: "other", size: 1, sha256, content_type: "text/plain" }],
 *   }), name);
 * const [merged] = mergeParts([
 *   part("one", "2026-11-20T12:00:00Z", "0".repeat(64)),
 *   part("two", "2026-11-20T12:05:00Z", "1".repeat(64)),
 * ]);
 * console.assert(merged.parts[0] === "two" && merged.conflicts[0].part === "one");
 * ```
 */
export function mergeParts(parts: readonly ManifestPart[]): MergedFile[] {
  const claims = new Map<string, FileClaim[]>();
  for (const { part, written, files } of newestFirst(parts)) {
    for (const file of files) {
      const known = claims.get(file.path);
      if (known === undefined) claims.set(file.path, [{ part, written, file }]);
      else known.push({ part, written, file });
    }
  }
  return [...claims.values()].map(mergeClaims)
    .sort((a, b) => compareKeys(a.file.path, b.file.path));
}

/**
 * Merges parts that come as streams, with one file of each part in memory.
 *
 * @param parts The parts, in any order; the files of each are sorted by path.
 * @returns The files, sorted by path.
 */
export async function* mergeSorted(parts: readonly PartFiles[]): AsyncGenerator<MergedFile> {
  const cursors = newestFirst(parts).map(({ part, written, files }, rank): Cursor => ({
    part,
    written,
    rank,
    files: iterate(files),
  }));
  const heap = new Heap();
  try {
    for (const cursor of cursors) {
      if (await advance(cursor)) heap.push(cursor);
    }
    for (let top = heap.top; top !== undefined; top = heap.top) {
      const { path } = top.file!;
      const claims: FileClaim[] = [];
      for (; top?.file?.path === path; top = heap.top) {
        claims.push({ part: top.part, written: top.written, file: top.file });
        if (await advance(top)) heap.sink();
        else heap.pop();
      }
      yield mergeClaims(claims);
    }
  } finally {
    for (const { files } of cursors) await files.return?.();
  }
}

/** Sorts parts by the time they were written, the latest first. */
function newestFirst<P extends Pick<PartFiles, "part" | "created_at" | "modified">>(
  parts: readonly P[],
): (P & { readonly written: number })[] {
  return parts.map((part) => ({ ...part, ...writtenAt(part) }))
    .sort((a, b) =>
      b.written - a.written || Number(a.isAhead) - Number(b.isAhead) || b.created - a.created ||
      compareKeys(a.part, b.part)
    );
}

/** When a part was written, at the latest when it was stored: its clock may be ahead. */
function writtenAt({ created_at, modified }: Pick<PartFiles, "created_at" | "modified">) {
  const created = Date.parse(created_at);
  const stored = modified?.getTime() ?? created;
  // Some storages round times to seconds, so the part was stored at some time within that second.
  const isAhead = created > (stored % 1000 === 0 ? stored + 999 : stored);
  return { created, isAhead, written: isAhead ? stored : created };
}

/** Merges the entries for one path; the latest part wins. */
function mergeClaims([first, ...others]: readonly FileClaim[]): MergedFile {
  const { file, written } = first;
  if (others.length === 0) return { file, written, parts: [first.part], conflicts: [] };
  const agrees = (claim: FileClaim) =>
    claim.file.sha256 === file.sha256 && claim.file.size === file.size;
  return {
    file,
    written,
    parts: [first, ...others.filter(agrees)].map(({ part }) => part),
    conflicts: others.filter((claim) => !agrees(claim)),
  };
}

/** A position in one part. */
interface Cursor {
  readonly part: string;
  readonly written: number;
  /** Its rank among the parts: 0 is the latest. */
  readonly rank: number;
  readonly files: AsyncIterator<OutputFile> | Iterator<OutputFile>;
  /** The next file. */
  file?: OutputFile;
}

function iterate(files: PartFiles["files"]): Cursor["files"] {
  return Symbol.asyncIterator in files ? files[Symbol.asyncIterator]() : files[Symbol.iterator]();
}

async function advance(cursor: Cursor): Promise<boolean> {
  const next = cursor.files.next();
  const { done, value } = next instanceof Promise ? await next : next;
  cursor.file = done ? undefined : value;
  return !done;
}

/** A heap of cursors by path, then rank; the smallest is on top. */
class Heap {
  readonly #cursors: Cursor[] = [];

  get top(): Cursor | undefined {
    return this.#cursors[0];
  }

  push(cursor: Cursor): void {
    let at = this.#cursors.push(cursor) - 1;
    for (let up = (at - 1) >> 1; at > 0 && this.#isLess(at, up); at = up, up = (at - 1) >> 1) {
      this.#swap(at, up);
    }
  }

  /** Removes the top. */
  pop(): void {
    const last = this.#cursors.pop()!;
    if (this.#cursors.length === 0) return;
    this.#cursors[0] = last;
    this.sink();
  }

  /** Moves the top, which has become larger, to its place. */
  sink(): void {
    const { length } = this.#cursors;
    for (let at = 0;;) {
      const left = 2 * at + 1;
      let least = at;
      if (left < length && this.#isLess(left, least)) least = left;
      if (left + 1 < length && this.#isLess(left + 1, least)) least = left + 1;
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #isLess(a: number, b: number): boolean {
    const [x, y] = [this.#cursors[a], this.#cursors[b]];
    return (compareKeys(x.file!.path, y.file!.path) || x.rank - y.rank) < 0;
  }

  #swap(a: number, b: number): void {
    [this.#cursors[a], this.#cursors[b]] = [this.#cursors[b], this.#cursors[a]];
  }
}
