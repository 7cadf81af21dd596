/**
 * How far a copy is.
 *
 * @module
 */

import type { TransferEvent } from "../../storage/transfer/transfer.ts";
import type { FileCount } from "../mirror_jobs.ts";

/** The progress of a copy. */
export class CopyProgress {
  /** All files to copy. */
  readonly total: FileCount;
  readonly #files: ReadonlySet<string>;
  /** The bytes of files that are being copied, by path. */
  readonly #begun = new Map<string, number>();
  #done: FileCount = { files: 0, bytes: 0 };

  /**
   * Creates the progress of a copy that has not begun.
   *
   * @param files The paths of the files, as events name them.
   * @param total All files to copy.
   */
  constructor(files: readonly string[], total: FileCount) {
    this.#files = new Set(files);
    this.total = total;
  }

  /**
   * Adds an event. Those of other files, such as parts of the manifest, do not count.
   *
   * @param event The event.
   */
  add(event: TransferEvent): void {
    if (event.type === "finish") {
      const { path, outcome, size = 0 } = event.result;
      this.#begun.delete(path);
      if (!this.#files.has(path) || outcome === "failed") return;
      const { files, bytes } = this.#done;
      this.#done = { files: files + 1, bytes: bytes + size };
    } else if (event.type === "start") this.#begun.set(event.path, 0);
    else if (event.type === "bytes" && this.#files.has(event.path)) {
      this.#begun.set(event.path, (this.#begun.get(event.path) ?? 0) + event.bytes);
    }
  }

  /** What has been copied, or was there. */
  get done(): FileCount {
    const { files, bytes } = this.#done;
    const begun = [...this.#begun.values()].reduce((sum, one) => sum + one, 0);
    return { files, bytes: bytes + begun };
  }
}
