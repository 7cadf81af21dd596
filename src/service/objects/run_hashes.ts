/**
 * The hashes of files from the manifests of their runs, in memory.
 *
 * @module
 */

import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import {
  isUnusable,
  NO_MANIFEST,
  readOutputs,
  type RunManifest,
} from "../../operations/manifest/read.ts";
import { isCurrent } from "../../operations/manifest/list_outputs.ts";
import type { MergedFile } from "../../runs/merge_parts.ts";
import type { CallOptions, ObjectInfo, StorageBackend } from "../../storage/backend.ts";

/** How many files of all runs are kept: about 60 MB. */
const MAX_FILES = 200_000;

/** What a run takes beside its files, as a number of files. */
const OVERHEAD = 100;

/** For how many milliseconds a manifest is used without a look whether it has changed. */
const FRESH = 2000;

/** The files of a run. */
interface Known {
  /** The objects that the manifest was read from. */
  readonly inputs: string;
  readonly manifest: RunManifest;
  readonly files: ReadonlyMap<string, MergedFile>;
}

interface Entry {
  readonly known: Promise<Known>;
  /** When it was last compared with the storage. */
  checked: number;
  /** The number of files, once it is known, and {@linkcode OVERHEAD}. */
  count: number;
}

/** Options of {@linkcode RunHashes}. */
export interface RunHashesOptions {
  /** How many files of all runs are kept. A run with more has no hashes. Default: 200,000. */
  readonly maxFiles?: number;
  /** The current time. */
  readonly now: () => Date;
}

/**
 * Knows the hashes of the files of the runs that were used last.
 *
 * A manifest that was read some time ago does no harm: it is not used for a file that was written
 * after it.
 */
export class RunHashes {
  readonly #backend: StorageBackend;
  readonly #maxFiles: number;
  readonly #now: () => Date;
  /** By the run's prefix; the one that was used last is the last one. */
  readonly #entries = new Map<string, Entry>();

  /**
   * Creates the memory. Nothing is read.
   *
   * @param backend The storage.
   * @param options Its limits.
   */
  constructor(backend: StorageBackend, { maxFiles = MAX_FILES, now }: RunHashesOptions) {
    this.#backend = backend;
    this.#maxFiles = maxFiles;
    this.#now = now;
  }

  /**
   * The hash of a file.
   *
   * @param root The run.
   * @param info The file as it is now.
   * @param options A signal.
   * @returns Its SHA-256, 64 hex digits; `undefined`, if neither the storage nor a current entry of the
   * manifest has it.
   */
  async hashOf(
    root: RunOutputRoot,
    info: ObjectInfo,
    options: CallOptions = {},
  ): Promise<string | undefined> {
    if (info.sha256 !== undefined) return info.sha256;
    const { manifest, files } = await this.#known(root, options);
    const listed = files.get(info.location.relativeTo(root.root())!);
    return listed !== undefined && isCurrent(manifest, listed, info)
      ? listed.file.sha256
      : undefined;
  }

  async #known(root: RunOutputRoot, options: CallOptions): Promise<Known> {
    const { prefix } = root;
    const old = this.#entries.get(prefix);
    const now = this.#now().getTime();
    if (old !== undefined) {
      // The one that was used last is dropped last.
      this.#entries.delete(prefix);
      this.#entries.set(prefix, old);
      if (now - old.checked < FRESH) return await old.known;
      // Others use what is known meanwhile.
      old.checked = now;
      const [known, inputs] = [await old.known, await this.#inputs(root, options)];
      if (known.inputs === inputs) return known;
    }
    // Not aborted with this request, because others wait for it too.
    const entry: Entry = { known: this.#read(root), checked: now, count: 0 };
    this.#entries.set(prefix, entry);
    try {
      const known = await entry.known;
      entry.count = known.files.size + OVERHEAD;
      this.#limit();
      return known;
    } catch (error) {
      if (this.#entries.get(prefix) === entry) this.#entries.delete(prefix);
      throw error;
    }
  }

  async #read(root: RunOutputRoot): Promise<Known> {
    const inputs = await this.#inputs(root);
    const files = new Map<string, MergedFile>();
    const nothing = { inputs, manifest: NO_MANIFEST, files };
    if (inputs === "") return nothing;
    try {
      const manifest = await readOutputs(this.#backend, root, { keepBytes: 0 });
      for await (const merged of manifest.files()) {
        if (files.size === this.#maxFiles) return { ...nothing, files: new Map() };
        files.set(merged.file.path, { ...merged, conflicts: [] });
      }
      return { inputs, manifest, files };
    } catch (error) {
      // Files can be read without it; other requests report what is wrong with it.
      if (isUnusable(error)) return nothing;
      throw error;
    }
  }

  /** What the manifest is read from: the names and versions of its parts. */
  async #inputs(root: RunOutputRoot, options?: CallOptions): Promise<string> {
    const inputs = this.#backend.list(root.outputsManifestDir(), options);
    return (await Array.fromAsync(inputs, ({ location, etag }) => `${location.name} ${etag}`))
      .join("\n");
  }

  /** Forgets the runs that were not used for the longest time. */
  #limit(): void {
    let count = [...this.#entries.values()].reduce((sum, entry) => sum + entry.count, 0);
    for (const [prefix, entry] of this.#entries) {
      if (count <= this.#maxFiles) return;
      count -= entry.count;
      this.#entries.delete(prefix);
    }
  }
}
