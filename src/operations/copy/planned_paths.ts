/**
 * The paths of a copy by their index, so that a list of some of them takes little memory.
 *
 * @module
 */

import { compareKeys } from "../../layout/compare_keys.ts";
import type { CopyPlan } from "./plan.ts";

/** The paths of the files of a plan, and of what cannot be copied. */
export class PlannedPaths implements Iterable<string> {
  readonly #files: CopyPlan["files"];
  /** What cannot be copied, sorted. Its indexes follow those of the files. */
  readonly #obstacles: readonly string[];
  readonly #obstacleIndexes: ReadonlyMap<string, number>;

  /**
   * Reads the paths of a plan.
   *
   * @param plan The plan.
   */
  constructor({ files, obstacles }: Pick<CopyPlan, "files" | "obstacles">) {
    this.#files = files;
    this.#obstacles = [...new Set(obstacles.map(({ path }) => path))].sort(compareKeys);
    this.#obstacleIndexes = new Map(this.#obstacles.map((path, i) => [path, files.length + i]));
  }

  /**
   * A path.
   *
   * @param index Its index. That of a file is its index in the plan.
   * @returns The path.
   */
  at(index: number): string {
    const { length } = this.#files;
    return index < length ? this.#files.pathAt(index) : this.#obstacles[index - length];
  }

  /**
   * Finds a path.
   *
   * @param path The path.
   * @returns Its index; `-1`, if it is not planned.
   */
  indexOf(path: string): number {
    return this.#obstacleIndexes.get(path) ?? this.#files.indexOf(path);
  }

  /** All paths, sorted. */
  *[Symbol.iterator](): Generator<string> {
    let next = 0;
    for (let i = 0; i < this.#files.length; i++) {
      const path = this.#files.pathAt(i);
      for (; next < this.#obstacles.length; next++) {
        if (compareKeys(this.#obstacles[next], path) > 0) break;
        yield this.#obstacles[next];
      }
      yield path;
    }
    yield* this.#obstacles.slice(next);
  }
}

/**
 * All indexes in at least one of two lists.
 *
 * @param a A list.
 * @param b Another list.
 * @returns The indexes, sorted, each once.
 */
export function union(a: readonly number[], b: readonly number[]): Uint32Array {
  const all = new Uint32Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all.sort().filter((index, i) => i === 0 || index !== all[i - 1]);
}
