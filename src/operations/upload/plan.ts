/**
 * Plans an upload and executes it. The plan is complete before the first upload; a dry run uses the
 * same code.
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
import { withAdvice } from "./work_dir.ts";

export { ARTIFACT_MANIFEST };

/** Something that was skipped on purpose. */
export interface PlanNote {
  /** Its path on disk. */
  readonly path: string;
  /** The reason, to follow the path: `a symbolic link`. */
  readonly reason: string;
}

/** The plan of an upload. */
export interface UploadPlan {
  /** The files to upload. */
  readonly items: readonly UploadItem[];
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

/**
 * All files of a plan, with those that follow others: the checksum files of archives.
 *
 * @param plan The plan.
 * @returns The files, each followed by its own.
 */
export function filesOfPlan({ items, last = [] }: UploadPlan): UploadItem[] {
  const withFollowUps = (item: UploadItem): UploadItem[] => [
    item,
    ...(item.followUp?.({}) ?? []).flatMap(withFollowUps),
  ];
  return [...items, ...last].flatMap(withFollowUps);
}

/**
 * Checks that the files of a plan fit into a storage, before the first byte. Archives that are not
 * packed yet don't count: their size is unknown.
 *
 * @param backend The storage.
 * @param plan The plan.
 * @throws {RunOutputsError} `failed`, if a disk is too small.
 */
export async function checkUploadSpace(backend: StorageBackend, plan: UploadPlan): Promise<void> {
  const known = filesOfPlan(plan).flatMap(({ location, size }) =>
    size === undefined ? [] : [{ location, size }]
  );
  await backend.checkSpace?.(known);
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

  /** Skips what this upload, or an earlier one, has written into the tree. */
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

/** The destination of a file; the directory, if its name is invalid in storage. */
function placeOf(to: OutputLocation, relativePath: string): OutputLocation {
  try {
    return to.join(relativePath);
  } catch {
    return to;
  }
}

/** Options of {@linkcode packItem}. */
export interface PackItemOptions extends Omit<PackOptions, "signal" | "onPacked"> {
  /** Its destination. */
  readonly location: OutputLocation;
  /** Its origin, as text: a directory. */
  readonly path: string;
  /** Its members. */
  readonly members: readonly ArchiveMember[];
  /** The directory for the archive until it is uploaded. */
  readonly workDir: string;
  /** Follow-ups. */
  readonly followUp?: UploadItem["followUp"];
}

/**
 * An archive that is packed on demand, to a temporary file until it is uploaded.
 *
 * @param options Members and destination.
 * @returns The item.
 */
export function packItem(options: PackItemOptions): UploadItem {
  const { location, path, members, workDir, followUp, ...packing } = options;
  return {
    location,
    path,
    followUp,
    madeFrom: packedLength(members, packing),
    open: async (signal, onPacked) => {
      try {
        return await spool(workDir, pack(members, { ...packing, onPacked, signal }), signal);
      } catch (error) {
        throw withAdvice(error);
      }
    },
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
