/**
 * The merge of a run's parts into one list of files.
 *
 * Two parts may name the same file: two jobs wrote the same bytes, or one replaced what the other
 * had written. The last one to write is believed, and that they differ is told. When a part was
 * written its `created_at` tells, but not later than the storage's own time of it: a part is made
 * before it is stored, so a later time is that of a clock which is ahead.
 *
 * @module
 */

import { compareKeys } from "../layout/compare_keys.ts";
import type { ManifestPart, OutputFile } from "./manifest.ts";

/** What a part says of a file. */
export interface FileClaim {
  /** The part's name. */
  readonly part: string;
  /** When it was written, in milliseconds since 1970. */
  readonly written: number;
  /** What it says. */
  readonly file: OutputFile;
}

/** A file of a run, as its parts tell of it. */
export interface MergedFile {
  /** The file, as the part tells that was written last. */
  readonly file: OutputFile;
  /** The parts that name it so, that one first. */
  readonly parts: readonly string[];
  /** When that one was written, as far as it can be believed, in milliseconds since 1970. */
  readonly written: number;
  /** What other parts say, of another hash or size; empty where all agree. */
  readonly conflicts: readonly FileClaim[];
}

/** Files of one part, in the order of their paths. */
export interface PartFiles {
  /** The part's name. */
  readonly part: string;
  /** When it was written, in ISO 8601. */
  readonly created_at: string;
  /** When it was stored, by the storage's clock, where that is known. */
  readonly modified?: Date;
  /** Its files. */
  readonly files: AsyncIterable<OutputFile> | Iterable<OutputFile>;
}

/**
 * Merges parts that are in memory.
 *
 * @param parts The parts, in any order.
 * @returns The files, in the order of their paths.
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
 * Merges parts that come as streams: one file of each is in memory.
 *
 * @param parts The parts, in any order; the files of each are sorted.
 * @returns The files, in the order of their paths.
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

/** Puts parts in the order in which they are believed: the last written first. */
function newestFirst<P extends Pick<PartFiles, "part" | "created_at" | "modified">>(
  parts: readonly P[],
): (P & { readonly written: number })[] {
  return parts.map((part) => ({ ...part, ...writtenAt(part) }))
    .sort((a, b) =>
      b.written - a.written || Number(a.isAhead) - Number(b.isAhead) || b.created - a.created ||
      compareKeys(a.part, b.part)
    );
}

/** When a part was written; of one whose clock was ahead, the time by which it was stored. */
function writtenAt({ created_at, modified }: Pick<PartFiles, "created_at" | "modified">) {
  const created = Date.parse(created_at);
  const stored = modified?.getTime() ?? created;
  // Some storages tell whole seconds only: the part was stored at some time in that one.
  const isAhead = created > (stored % 1000 === 0 ? stored + 999 : stored);
  return { created, isAhead, written: isAhead ? stored : created };
}

/** What is said of one path, by the part that is believed first. */
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

/** A part that is being read. */
interface Cursor {
  readonly part: string;
  readonly written: number;
  /** Its place among the parts: 0 is believed first. */
  readonly rank: number;
  readonly files: AsyncIterator<OutputFile> | Iterator<OutputFile>;
  /** The file that is next. */
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

/** The cursors by path, then rank; the least is on top. */
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

  /** Takes the top away. */
  pop(): void {
    const last = this.#cursors.pop()!;
    if (this.#cursors.length === 0) return;
    this.#cursors[0] = last;
    this.sink();
  }

  /** Puts the top, which has become greater, where it belongs. */
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
