/**
 * Plans an upload and executes it. The plan is complete before the first upload; a dry run uses the
 * same code.
 *
 * @module
 */

import { join, resolve } from "node:path";
import { ARTIFACT_MANIFEST } from "../../archive/tar/list_members.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { StorageBackend } from "../../storage/backend.ts";
import {
  type PathFilter,
  pathFilter,
  type PathFilterOptions,
} from "../../storage/transfer/path_filter.ts";
import type { TransferResult } from "../../storage/transfer/transfer.ts";
import { type TreeFile, walkTree } from "../../storage/transfer/tree.ts";
import {
  fileItem,
  upload,
  type UploadItem,
  type UploadOptions,
  uploadThrough,
} from "../../storage/transfer/upload.ts";
import type { Closing } from "../repository/closing.ts";
import type { PlannedTransfers } from "../../storage/transfer/planned_results.ts";
import { PlannedFiles, PlannedTree } from "./planned_files.ts";
import { leavingOut, type LocalOutput, outputWithin } from "./own_output.ts";

export { ARTIFACT_MANIFEST };

/** Something that was skipped on purpose. */
export interface PlanNote {
  /** Its path on disk. */
  readonly path: string;
  /** The reason, to follow the path: `a symbolic link`. */
  readonly reason: string;
}

/** The plan of an upload. */
export interface UploadPlan<Items extends Iterable<UploadItem> = readonly UploadItem[]> {
  /** The files to upload. */
  readonly items: Items;
  /**
   * Files to upload after all `items`, successful or not: those that refer to them, such as a
   * package repository's metadata.
   */
  readonly last?: readonly UploadItem[];
  /** Files to write after all others, generated from what the storage contains by then. */
  readonly closing?: Closing;
  /** What is skipped, and need not be uploaded. */
  readonly notes: readonly PlanNote[];
  /** Possible mistakes; the reason follows the path. */
  readonly warnings?: readonly PlanNote[];
  /** What should be uploaded but cannot be. */
  readonly failures: readonly TransferResult[];
}

/** The result of an upload. */
export interface UploadReport {
  /** The result for each file, including failures of the plan. */
  readonly results: readonly TransferResult[];
  /** Those of `results` that each upload of the run updates. */
  readonly shared: readonly TransferResult[];
  /** What was skipped. */
  readonly notes: readonly PlanNote[];
  /** Possible mistakes; the reason follows the path. */
  readonly warnings: readonly PlanNote[];
}

/**
 * Executes a plan.
 *
 * @param backend The storage.
 * @param plan The plan.
 * @param options What to do with existing files, concurrency, progress, a signal.
 * @returns The result for each file.
 */
export async function executeUpload(
  backend: StorageBackend,
  plan: UploadPlan,
  options: UploadOptions = {},
): Promise<UploadReport> {
  const results: TransferResult[] = [];
  const report = await execute(backend, plan, results, options, async (items) => {
    for (const result of await upload(backend, items, options)) results.push(result);
  });
  return { results, ...report };
}

/** A list that results are added to. */
export interface ResultSink extends Iterable<TransferResult> {
  /** Adds a result. */
  push(result: TransferResult): unknown;
}

/**
 * Executes a plan like {@linkcode executeUpload}, but adds each result to a list when it is known. If
 * plan and list take little memory, so does the upload.
 *
 * @param backend The storage.
 * @param plan The plan. Its items are iterated several times.
 * @param results Receives the results, in the order of completion.
 * @param options What to do with existing files, concurrency, progress, a signal.
 * @returns What else is known of the upload.
 */
export async function executeUploadInto(
  backend: StorageBackend,
  plan: UploadPlan<Iterable<UploadItem>>,
  results: ResultSink,
  options: UploadOptions = {},
): Promise<Omit<UploadReport, "results">> {
  const add = (some: readonly TransferResult[]) => {
    for (const result of some) results.push(result);
  };
  return await execute(
    backend,
    plan,
    results,
    options,
    (items) => uploadThrough(backend, items, add, options),
  );
}

async function execute(
  backend: StorageBackend,
  plan: UploadPlan<Iterable<UploadItem>>,
  results: ResultSink,
  options: UploadOptions,
  send: (items: Iterable<UploadItem>) => Promise<void>,
): Promise<Omit<UploadReport, "results">> {
  for (const failure of plan.failures) results.push(failure);
  await send(plan.items);
  if (plan.last !== undefined) await send(plan.last);
  const { notes, warnings = [] } = plan;
  if (plan.closing === undefined) return { shared: [], notes, warnings };
  const closed = await plan.closing.run(backend, [...results], options);
  const { shared } = closed;
  for (const result of [...closed.results, ...shared]) results.push(result);
  return { shared, notes: [...notes, ...closed.notes], warnings };
}

/**
 * All files of a plan, with those that follow others: the checksum files of archives.
 *
 * @param plan The plan.
 * @returns The files, each followed by its own.
 */
export function* filesOfPlan(
  { items, last = [] }: UploadPlan<Iterable<UploadItem>>,
): Generator<UploadItem> {
  for (const list of [items, last]) {
    for (const item of list) yield* withFollowUps(item);
  }
}

function* withFollowUps(item: UploadItem): Generator<UploadItem> {
  yield item;
  for (const next of item.followUp?.({}) ?? []) yield* withFollowUps(next);
}

/**
 * Checks that the files of a plan fit into a storage, before the first byte. Archives that are not
 * packed yet don't count: their size is unknown.
 *
 * @param backend The storage.
 * @param plan The plan.
 * @throws {RunOutputsError} `failed`, if a disk is too small.
 */
export async function checkUploadSpace(
  backend: StorageBackend,
  plan: UploadPlan<Iterable<UploadItem>>,
): Promise<void> {
  await backend.checkSpace?.({
    *[Symbol.iterator]() {
      for (const { location, size } of filesOfPlan(plan)) {
        if (size !== undefined) yield { location, size };
      }
    },
  });
}

/** Options of {@linkcode UploadPlanner.addTree}. */
export interface AddTreeOptions extends PathFilterOptions {
  /** Whether a file, given by relative path, comes after the others. Default: none. */
  readonly when?: (relativePath: string) => "first" | "last";
  /** Aborts the walk. */
  readonly signal?: AbortSignal;
}

/** Options of {@linkcode UploadPlanner}. */
export interface UploadPlannerOptions {
  /** The local destination of the upload, whose content is not uploaded to itself. */
  readonly output?: LocalOutput;
}

/** Collects the items of a plan, with one item per location. */
export class UploadPlanner {
  readonly #output: LocalOutput | undefined;
  readonly #files = new PlannedFiles();
  readonly #last = new Map<string, UploadItem>();
  readonly #clashes: [UploadItem, UploadItem][] = [];
  readonly #notes: PlanNote[] = [];
  readonly #warnings: PlanNote[] = [];
  readonly #failures: TransferResult[] = [];
  #closing: Closing | undefined;

  /**
   * Creates a planner.
   *
   * @param options The destination of the upload.
   */
  constructor(options: UploadPlannerOptions = {}) {
    this.#output = options.output;
  }

  /**
   * Adds a file. The first one for a location wins.
   *
   * @param item The file.
   * @param when `last` for files that refer to the others and so come after them.
   */
  add(item: UploadItem, when: "first" | "last" = "first"): void {
    const { key } = item.location;
    const first = this.#find(item.location);
    if (first === undefined) {
      if (when === "last") this.#last.set(key, item);
      else this.#files.add(item);
      return;
    }
    this.note(item.path, `'${first.path}' is uploaded to ${key} instead`);
    if (resolve(item.path) !== resolve(first.path)) this.#clashes.push([first, item]);
  }

  #find(location: OutputLocation): UploadItem | undefined {
    return this.#files.find(location) ?? this.#last.get(location.key);
  }

  /**
   * Sets the step after all files.
   *
   * @param closing The step.
   */
  close(closing: Closing): void {
    this.#closing = closing;
  }

  /** Pairs of different files for the same location; the second was skipped. */
  get clashes(): readonly (readonly [UploadItem, UploadItem])[] {
    return this.#clashes;
  }

  /**
   * Notes that something is skipped.
   *
   * @param path The path.
   * @param reason The reason.
   */
  note(path: string, reason: string): void {
    this.#notes.push({ path, reason });
  }

  /**
   * Warns of a possible mistake.
   *
   * @param path The path.
   * @param reason The reason, to follow the path: `is empty`.
   */
  warn(path: string, reason: string): void {
    this.#warnings.push({ path, reason });
  }

  /**
   * Records that something should be uploaded but cannot be. A problem on disk is not invalid
   * input: the rest is uploaded.
   *
   * @param location The intended location.
   * @param path The path.
   * @param error The reason.
   * @param unlisted Whether it may be a directory whose files are unknown.
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
   * @param to The destination of its content.
   * @param options A filter, and a signal.
   * @returns The include patterns that matched nothing.
   * @throws {RunOutputsError} Errors of the disk for the directory; `invalid`, if it is the
   * destination of the upload.
   */
  async addTree(
    dir: string,
    to: OutputLocation,
    options: AddTreeOptions = {},
  ): Promise<string[]> {
    const { files, unmatched } = await this.#walk(dir, to, options);
    const tree = new PlannedTree(dir, to);
    for await (const { relativePath, path, size } of files) {
      let location: OutputLocation;
      try {
        location = to.join(relativePath);
      } catch (error) {
        this.fail(to, path, error as Error, true);
        continue;
      }
      const when = options.when?.(relativePath);
      const isPlain = when !== "last" && path === join(dir, relativePath);
      if (isPlain && this.#find(location) === undefined) tree.push(relativePath, size);
      else this.add(fileItem(location, path, { size }), when);
    }
    this.#files.addTree(tree);
    return unmatched();
  }

  /**
   * Finds the files of a directory without adding them. What is skipped becomes a note, what cannot
   * be read a failure.
   *
   * @param dir The directory on disk.
   * @param to The destination of its content.
   * @param options A filter, and a signal.
   * @returns The files, and the include patterns that matched nothing.
   * @throws {RunOutputsError} As in {@linkcode UploadPlanner.addTree}.
   */
  async findTree(
    dir: string,
    to: OutputLocation,
    options: PathFilterOptions & Pick<AddTreeOptions, "signal"> = {},
  ): Promise<{ readonly files: readonly TreeFile[]; readonly unmatched: string[] }> {
    const { files, unmatched } = await this.#walk(dir, to, options);
    return { files: await Array.fromAsync(files), unmatched: unmatched() };
  }

  /** The files of a directory, and which patterns matched nothing once all files are known. */
  async #walk(
    dir: string,
    to: OutputLocation,
    { signal, ...patterns }: PathFilterOptions & Pick<AddTreeOptions, "signal">,
  ): Promise<{ readonly files: AsyncIterable<TreeFile>; readonly unmatched: () => string[] }> {
    const { filter, own } = await this.#withoutOutput(dir, to, pathFilter(patterns));
    const notes: PlanNote[] = [];
    const walk = async function* (this: UploadPlanner) {
      yield* walkTree(dir, {
        filter,
        signal,
        onSkipped: ({ relativePath, reason }) =>
          void notes.push({ path: join(dir, relativePath), reason }),
        onUnreadable: ({ relativePath, error }) =>
          this.fail(placeOf(to, relativePath), join(dir, relativePath), error, true),
      });
      if (own?.passed) this.note(join(dir, own.path), "the output directory");
      for (const note of notes) this.#notes.push(note);
    };
    return { files: walk.call(this), unmatched: () => filter.unmatched() };
  }

  /** Skips what this upload, or an earlier one, has written into the tree. */
  async #withoutOutput(dir: string, to: OutputLocation, filter: PathFilter) {
    const path = this.#output && await outputWithin(dir, to, this.#output);
    if (path === undefined) return { filter };
    const own = { path, passed: false };
    return { filter: leavingOut(filter, path, () => own.passed = true), own };
  }

  /** The plan so far. */
  plan(): UploadPlan {
    const { items, ...plan } = this.compactPlan();
    return { items: [...items], ...plan };
  }

  /** The plan so far, with the files of directories in little memory. */
  compactPlan(): UploadPlan<Iterable<UploadItem> & PlannedTransfers> {
    return {
      items: this.#files,
      last: [...this.#last.values()],
      ...(this.#closing === undefined ? {} : { closing: this.#closing }),
      notes: [...this.#notes],
      warnings: [...this.#warnings],
      failures: [...this.#failures],
    };
  }
}

/** The destination of a file; the directory, if its name is invalid in storage. */
function placeOf(to: OutputLocation, relativePath: string): OutputLocation {
  try {
    return to.join(relativePath);
  } catch {
    return to;
  }
}
