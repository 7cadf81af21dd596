/**
 * The plan of an upload, and its execution. What there is to upload is decided first, completely;
 * a dry run takes the same way.
 *
 * @module
 */

import { join, resolve } from "node:path";
import { type ArchiveMember, ARTIFACT_MANIFEST } from "../../archive/tar/list_members.ts";
import { pack, packedLength, type PackOptions } from "../../archive/pack/pack.ts";
import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { StorageBackend } from "../../storage/backend.ts";
import {
  type PathFilter,
  pathFilter,
  type PathFilterOptions,
} from "../../storage/transfer/path_filter.ts";
import { spool } from "../../storage/local/spool.ts";
import type { TransferResult } from "../../storage/transfer/transfer.ts";
import { listTree, type TreeFile } from "../../storage/transfer/tree.ts";
import {
  fileItem,
  upload,
  type UploadItem,
  type UploadOptions,
} from "../../storage/transfer/upload.ts";
import type { Closing } from "../repository/closing.ts";
import { leavingOut, type LocalOutput, outputWithin } from "./own_output.ts";

export { ARTIFACT_MANIFEST };

/** Something that was passed over on purpose. */
export interface PlanNote {
  /** What: a path on disk. */
  readonly path: string;
  /** Why, so that it reads after the path: `a symbolic link`. */
  readonly reason: string;
}

/** What an upload will do. */
export interface UploadPlan {
  /** What will be uploaded. */
  readonly items: readonly UploadItem[];
  /**
   * What will be uploaded once all `items` have ended, well or not: what refers to them, such as
   * a package repository's metadata.
   */
  readonly last?: readonly UploadItem[];
  /** What will be written when all that is there: it is made by what storage has by then. */
  readonly closing?: Closing;
  /** What will not, and need not. */
  readonly notes: readonly PlanNote[];
  /** What may not be as it was meant; the reason reads after the path. */
  readonly warnings?: readonly PlanNote[];
  /** What should be, and can't. */
  readonly failures: readonly TransferResult[];
}

/** What an upload did. */
export interface UploadReport {
  /** What became of each file, failures of the plan included. */
  readonly results: readonly TransferResult[];
  /** Those of `results` that each upload of the run brings up to date. */
  readonly shared: readonly TransferResult[];
  /** What was passed over. */
  readonly notes: readonly PlanNote[];
  /** What may not be as it was meant; the reason reads after the path. */
  readonly warnings: readonly PlanNote[];
}

/**
 * Carries a plan out.
 *
 * @param backend The storage.
 * @param plan The plan.
 * @param options What to do with existing files, concurrency, progress, a signal.
 * @returns What became of each file.
 */
export async function executeUpload(
  backend: StorageBackend,
  plan: UploadPlan,
  options: UploadOptions = {},
): Promise<UploadReport> {
  const results = await upload(backend, plan.items, options);
  const last = plan.last === undefined ? [] : await upload(backend, plan.last, options);
  const uploaded = [...plan.failures, ...results, ...last];
  const closed = await plan.closing?.run(backend, uploaded, options);
  const { notes, warnings = [] } = plan;
  if (closed === undefined) return { results: uploaded, shared: [], notes, warnings };
  const { shared } = closed;
  return {
    results: [...uploaded, ...closed.results, ...shared],
    shared,
    notes: [...notes, ...closed.notes],
    warnings,
  };
}

/** Options of {@linkcode UploadPlanner.addTree}. */
export interface AddTreeOptions extends PathFilterOptions {
  /** Whether a file, named by its relative path, comes after the others. Default: none does. */
  readonly when?: (relativePath: string) => "first" | "last";
  /** Aborts the walk. */
  readonly signal?: AbortSignal;
}

/** Options of {@linkcode UploadPlanner}. */
export interface UploadPlannerOptions {
  /** Where the upload writes, if that is on a disk: what is there is not uploaded to itself. */
  readonly output?: LocalOutput;
}

/** Collects the items of a plan; each place in storage gets one item. */
export class UploadPlanner {
  readonly #output: LocalOutput | undefined;
  readonly #items = new Map<string, UploadItem>();
  readonly #last = new Set<UploadItem>();
  readonly #clashes: [UploadItem, UploadItem][] = [];
  readonly #notes: PlanNote[] = [];
  readonly #warnings: PlanNote[] = [];
  readonly #failures: TransferResult[] = [];
  #closing: Closing | undefined;

  /**
   * Creates a planner.
   *
   * @param options Where the upload writes.
   */
  constructor(options: UploadPlannerOptions = {}) {
    this.#output = options.output;
  }

  /**
   * Adds a file. What was added first for a place stays.
   *
   * @param item The file.
   * @param when `last` for what refers to the others and so comes after them.
   */
  add(item: UploadItem, when: "first" | "last" = "first"): void {
    const { key } = item.location;
    const first = this.#items.get(key);
    if (first === undefined) {
      this.#items.set(key, item);
      if (when === "last") this.#last.add(item);
      return;
    }
    this.note(item.path, `'${first.path}' is uploaded to ${key} instead`);
    if (resolve(item.path) !== resolve(first.path)) this.#clashes.push([first, item]);
  }

  /**
   * Says what comes after all files.
   *
   * @param closing What is written then.
   */
  close(closing: Closing): void {
    this.#closing = closing;
  }

  /** Files of different paths that were added for one place, in pairs; the second was left out. */
  get clashes(): readonly (readonly [UploadItem, UploadItem])[] {
    return this.#clashes;
  }

  /**
   * Tells that something is passed over.
   *
   * @param path What.
   * @param reason Why.
   */
  note(path: string, reason: string): void {
    this.#notes.push({ path, reason });
  }

  /**
   * Tells what may not be as it was meant.
   *
   * @param path What.
   * @param reason What of it, so that it reads after the path: `is empty`.
   */
  warn(path: string, reason: string): void {
    this.#warnings.push({ path, reason });
  }

  /**
   * Tells that something should be uploaded and can't be. That what is on disk is wrong is no wrong
   * input of the caller: the rest is uploaded.
   *
   * @param location Where it should go.
   * @param path What.
   * @param error Why not.
   * @param unlisted Whether it can be a directory, of which files nobody knows.
   */
  fail(location: OutputLocation, path: string, error: Error, unlisted = false): void {
    const isInput = error instanceof RunOutputsError && error.code === "invalid";
    const failed = isInput ? new RunOutputsError("failed", error.message, { cause: error }) : error;
    const failure = { location, path, outcome: "failed", warnings: [], error: failed } as const;
    this.#failures.push(unlisted ? { ...failure, unlisted } : failure);
  }

  /**
   * Adds the files of a directory.
   *
   * @param dir The directory on disk.
   * @param to Where its content goes.
   * @param options Which files, and a signal.
   * @returns The include patterns that matched nothing.
   * @throws {RunOutputsError} What the disk says of the directory; `invalid`, if it is where the
   * upload writes.
   */
  async addTree(
    dir: string,
    to: OutputLocation,
    options: AddTreeOptions = {},
  ): Promise<string[]> {
    const { files, unmatched } = await this.findTree(dir, to, options);
    for (const { relativePath, path, size } of files) {
      let location: OutputLocation;
      try {
        location = to.join(relativePath);
      } catch (error) {
        this.fail(to, path, error as Error, true);
        continue;
      }
      this.add(fileItem(location, path, { size }), options.when?.(relativePath));
    }
    return unmatched;
  }

  /**
   * Finds the files of a directory, and adds none: notes tell what is skipped, failures what can't be
   * read.
   *
   * @param dir The directory on disk.
   * @param to Where its content goes.
   * @param options Which files, and a signal.
   * @returns The files, and the include patterns that matched nothing.
   * @throws {RunOutputsError} As {@linkcode UploadPlanner.addTree}.
   */
  async findTree(
    dir: string,
    to: OutputLocation,
    options: PathFilterOptions & Pick<AddTreeOptions, "signal"> = {},
  ): Promise<{ readonly files: readonly TreeFile[]; readonly unmatched: string[] }> {
    const chosen = pathFilter(options);
    const { filter, own } = await this.#withoutOutput(dir, to, chosen);
    const tree = await listTree(dir, { filter, signal: options.signal });
    if (own?.passed) this.note(join(dir, own.path), "the output directory");
    for (const { relativePath, reason } of tree.skipped) {
      this.note(join(dir, relativePath), reason);
    }
    for (const { relativePath, error } of tree.unreadable) {
      this.fail(placeOf(to, relativePath), join(dir, relativePath), error, true);
    }
    return { files: tree.files, unmatched: filter.unmatched() };
  }

  /** Leaves out what this upload, or one before it, has written inside of the tree. */
  async #withoutOutput(dir: string, to: OutputLocation, filter: PathFilter) {
    const path = this.#output && await outputWithin(dir, to, this.#output);
    if (path === undefined) return { filter };
    const own = { path, passed: false };
    return { filter: leavingOut(filter, path, () => own.passed = true), own };
  }

  /** The plan so far. */
  plan(): UploadPlan {
    return {
      items: [...this.#items.values()].filter((item) => !this.#last.has(item)),
      last: [...this.#last],
      ...(this.#closing === undefined ? {} : { closing: this.#closing }),
      notes: [...this.#notes],
      warnings: [...this.#warnings],
      failures: [...this.#failures],
    };
  }
}

/** Where a file would go; the directory, if its name can't be one in storage. */
function placeOf(to: OutputLocation, relativePath: string): OutputLocation {
  try {
    return to.join(relativePath);
  } catch {
    return to;
  }
}

/** Options of {@linkcode packItem}. */
export interface PackItemOptions extends Omit<PackOptions, "signal" | "onPacked"> {
  /** Where it goes. */
  readonly location: OutputLocation;
  /** What it is made from, for people: a directory. */
  readonly path: string;
  /** What goes in. */
  readonly members: readonly ArchiveMember[];
  /** Where the archive waits until it is uploaded. */
  readonly workDir: string;
  /** What follows. */
  readonly followUp?: UploadItem["followUp"];
}

/**
 * An archive that is made when its turn comes, and lives in a temporary file until it is uploaded.
 *
 * @param options What goes in and where to.
 * @returns The item.
 */
export function packItem(options: PackItemOptions): UploadItem {
  const { location, path, members, workDir, followUp, ...packing } = options;
  return {
    location,
    path,
    followUp,
    madeFrom: packedLength(members, packing),
    open: (signal, onPacked) =>
      spool(workDir, pack(members, { ...packing, onPacked, signal }), signal),
    check: async (signal) => {
      for (const member of members) {
        signal?.throwIfAborted();
        if (member.type !== "file") continue;
        const file = await Deno.open(member.path).catch((error) => {
          throw diskError("read", member.path, error);
        });
        file.close();
      }
    },
  };
}
