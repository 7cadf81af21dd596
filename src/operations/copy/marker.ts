/**
 * The marker of an unfinished copy, so that a run whose copy or import was killed does not look
 * complete, whether or not parts of a manifest list its files.
 *
 * It is beside the markers of uploads, has their format, and is deleted last.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { RunOutputsError } from "../../errors/error.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import type { ManifestHead } from "../../runs/manifest.ts";
import { copyMarkerName, isCopyMarker } from "../../runs/unfinished_part.ts";
import type { StorageBackend } from "../../storage/backend.ts";
import { WatchedWrites } from "../../storage/watched_writes.ts";
import { describePart } from "../manifest/part_content.ts";
import type { RunManifest } from "../manifest/read.ts";
import { UnfinishedMarker } from "../manifest/unfinished_marker.ts";
import type { CopyPartsOptions } from "./parts.ts";
import type { CopyPlan, RunPlace } from "./plan.ts";
import { PlannedPaths } from "./planned_paths.ts";
import type { CopyResults } from "./results.ts";

/** Options of {@linkcode CopyMarker}. */
export interface CopyMarkerOptions extends CopyPartsOptions {
  /** Called if the marker can't be written. The write that waits for it fails too. */
  readonly onFailure: (error: RunOutputsError) => void;
}

/** The marker of one copy. */
export class CopyMarker {
  /** The storage to copy to, which writes the marker before its first write. */
  readonly backend: StorageBackend;
  readonly #to: RunPlace;
  readonly #name: string;
  readonly #planned: PlannedPaths;
  readonly #manifest: RunManifest;
  readonly #options: CopyMarkerOptions;
  readonly #marker: UnfinishedMarker;
  #announcing?: Promise<void>;

  /**
   * Creates the marker, without writing it yet.
   *
   * @param plan The plan: copies of the same files have the same marker.
   * @param to The destination.
   * @param options The program; a signal; what ends the copy without its marker.
   */
  constructor(plan: CopyPlan, to: RunPlace, options: CopyMarkerOptions) {
    this.#to = to;
    this.#planned = new PlannedPaths(plan);
    const hash = createHash("sha256").update(`${to.root.root()}`);
    for (const path of this.#planned) hash.update(`\n${path}`);
    this.#name = copyMarkerName(hash.digest("hex"));
    this.#manifest = plan.manifest;
    this.#options = options;
    this.#marker = this.#open(this.#name);
    this.backend = to.backend.writes
      ? new WatchedWrites(to.backend, () => this.#announcing ??= this.#announce())
      : to.backend;
  }

  /**
   * After everything else is written, deletes the marker, unless files are missing, and markers of
   * earlier copies that are complete by now. A failure is a note, and the marker stays.
   *
   * @param results The results of the planned files.
   * @param before The names of the markers that existed before the copy.
   */
  async settle(results: CopyResults, before: readonly string[]): Promise<void> {
    if (!this.#to.backend.writes) return;
    for (const name of before) {
      // What is incomplete at the source is incomplete here too.
      if (name === this.#name || !isCopyMarker(name)) continue;
      if (this.#manifest.unfinished.includes(name)) continue;
      const marker = this.#open(name);
      await this.#trying(marker, async () => {
        const left = await marker.pending();
        if (left === undefined || left.pending.some((path) => !results.has(path))) return;
        await marker.settle(await this.#head(name), []);
      });
    }
    await this.#trying(this.#marker, async () => {
      const left = await this.#unlisted(results.failed());
      const head = await this.#head(this.#name);
      if (left.length > 0) {
        await this.#marker.write({ head, files: [] }, { ...NOTHING, pending: left });
      } else if (await this.#marker.read() !== undefined) await this.#marker.settle(head, []);
    });
  }

  /** The paths that no part lists; the marker of a part has the others. */
  async #unlisted(paths: Set<string>): Promise<readonly string[]> {
    if (paths.size > 0) {
      for await (const { file } of this.#manifest.files()) paths.delete(file.path);
    }
    return [...paths];
  }

  /** Without the marker, a copy that is killed would look complete, so nothing is written. */
  async #announce(): Promise<void> {
    try {
      const head = await this.#head(this.#name);
      await this.#marker.write({ head, files: [] }, NOTHING, this.#planned);
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      const { code, message } = error as RunOutputsError;
      const failure = new RunOutputsError(
        code ?? "failed",
        `Cannot write the marker of an unfinished copy, ${this.#marker} (${message}); nothing was ` +
          "copied; allow writing there, and copy again",
        { cause: error },
      );
      this.#options.onFailure(failure);
      throw failure;
    }
  }

  async #trying(marker: UnfinishedMarker, settle: () => Promise<void>): Promise<void> {
    try {
      await settle();
    } catch (error) {
      marker.note("could not be written", error);
    }
  }

  #open(part: string): UnfinishedMarker {
    const { backend, root } = this.#to;
    const { show, onNote, signal } = this.#options;
    return new UnfinishedMarker(backend, root, { part, show, onNote, isKept: () => false, signal });
  }

  async #head(part: string): Promise<ManifestHead> {
    const { backend, root }: { backend: StorageBackend; root: RunOutputRoot } = this.#to;
    const { tool, now } = this.#options;
    return (await describePart(backend, root, [], [], { part, run: {}, tool, now })).head;
  }
}

const NOTHING = { pending: [], unlisted: [] };
