/**
 * Unpacks archives into a directory: all of them or none, and nothing outside of it.
 *
 * @module
 */

import { basename, dirname, join, resolve } from "node:path";
import { diskError } from "../../errors/disk.ts";
import { quote, RunOutputsError } from "../../errors/error.ts";
import { BadArchive } from "../tar/bad_archive.ts";
import { applySteps, isHalfDone } from "./commit.ts";
import { archiveFormat } from "../compression/decompress.ts";
import { conflictAt, diskPath, type DiskRules, kindOf, makeDirs, ownPlace } from "./disk_view.ts";
import { diskLink, diskName, foldCase } from "../tar/member_path.ts";
import type { Step } from "./journal.ts";
import { mergeTree } from "./merge.ts";
import { compileLzma } from "../compression/liblzma.ts";
import {
  type CommitAmendment,
  type PathRemoval,
  placedArchives,
  type PlacedEntry,
  removalSteps,
  TOP_FILE,
  topFileStep,
} from "./placed.ts";
import { makeLinksInTree } from "./staged_links.ts";
import { Staging } from "./staging.ts";
import { checkSameDisk, checkWritable, missingDirectories, realOutputDir } from "./target.ts";
import { Union } from "./union.ts";
import { UNPACK_LIMITS, type Unpacked, type UnpackJob, type UnpackOptions } from "./options.ts";
import { type TaskResult, WorkerPool } from "./worker_pool.ts";

export {
  UNPACK_LIMITS,
  type Unpacked,
  type UnpackEvent,
  type UnpackJob,
  type UnpackLimits,
  type UnpackMode,
  type UnpackOptions,
} from "./options.ts";

interface Staged extends Unpacked {
  /** Its tree. */
  readonly tree: string;
  readonly relpaths: readonly string[];
  readonly links: readonly string[];
  /** Its files, links and empty directories: paths in its tree. */
  readonly entries: PlacedEntry[];
}

/**
 * Unpacks archives beside a directory, and then moves all of them into it together.
 *
 * Nothing outside of the directory is written or linked to, whatever an archive contains. The
 * directory is not changed before {@linkcode Unpacker.commit}; if that fails, it is as it was
 * before.
 *
 * @example
 * ```ts
 * import { listMembers, pack, Unpacker } from "@therock/run-outputs/archive";
 *
 * const dir = await Deno.makeTempDir();
 * await Deno.mkdir(`${dir}/in/math/stage`, { recursive: true });
 * await Deno.writeTextFile(`${dir}/in/artifact_manifest.txt`, "math/stage\n");
 * await Deno.writeTextFile(`${dir}/in/math/stage/libm.so`, "code");
 * const name = "math_lib_generic.tar.zst";
 * using archive = await Deno.create(`${dir}/${name}`);
 * for await (const bytes of pack(await listMembers(`${dir}/in`), { compression: "zst" })) {
 *   await archive.write(bytes);
 * }
 *
 * await using unpacker = await Unpacker.open({
 *   mode: "flatten",
 *   outputDir: `${dir}/out`,
 *   stagingDir: `${dir}/out.unpacking`,
 * });
 * await unpacker.add({ path: `${dir}/${name}`, name });
 * await unpacker.commit();
 * console.assert(await Deno.readTextFile(`${dir}/out/libm.so`) === "code");
 * ```
 */
export class Unpacker implements AsyncDisposable {
  readonly #options: UnpackOptions;
  readonly #outputDir: string;
  readonly #staging: Staging;
  readonly #pool: WorkerPool;
  readonly #rules: DiskRules;
  readonly #staged = new Map<string, Staged>();
  /** Archives that were added, by what they create in the target. */
  readonly #taken = new Map<string, string>();
  readonly #running = new Set<Promise<unknown>>();
  /** Directories that mode `bootstrap` has emptied. */
  readonly #emptied = new Set<string>();
  readonly #onAbort: () => void;
  #count = 0;

  private constructor(options: UnpackOptions, outputDir: string, staging: Staging) {
    const { style = Deno.build.os === "windows" ? "windows" : "posix", signal } = options;
    this.#options = options;
    this.#outputDir = outputDir;
    this.#staging = staging;
    this.#rules = { style, caseless: staging.caseless || style === "windows" };
    const workers = Math.max(1, options.workers ?? navigator.hardwareConcurrency);
    this.#pool = new WorkerPool(workers, staging.archives, options.narrowWorkers);
    this.#onAbort = () => this.#pool.stop(signal!.reason);
    signal?.addEventListener("abort", this.#onAbort);
  }

  /**
   * Creates the staging directory. If an earlier run was killed while it changed the target, its
   * changes are undone first.
   *
   * @param options The directory, and how to unpack.
   * @returns The unpacker; `await using` ends its workers and deletes what was not committed.
   * @throws {RunOutputsError} `conflict`, if another process unpacks to the same directory, or
   * `outputDir` is a file; `invalid`, if the two directories are on different file systems.
   */
  static async open(options: UnpackOptions): Promise<Unpacker> {
    options.signal?.throwIfAborted();
    const outputDir = await realOutputDir(options.outputDir);
    const staging = await Staging.open(options.stagingDir, outputDir, options);
    try {
      await checkSameDisk(outputDir, staging.path);
      return new Unpacker(options, outputDir, staging);
    } catch (error) {
      await staging[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Starts workers while the first archive is still being downloaded.
   *
   * @param jobs The archives that will be added; they need not exist yet.
   * @throws {RunOutputsError} `conflict`, if a file has the path of an archive's directory;
   * `denied`, if the target cannot be changed.
   */
  prepare(jobs: readonly UnpackJob[]): void {
    const { user } = this.#staging;
    checkWritable(this.#outputDir, user);
    if (this.#options.mode === "extract") {
      for (const { name } of jobs) {
        throwIfFile(this.#directoryOf(name));
        // Moving a directory needs permission to change it.
        checkWritable(this.#directoryOf(name), user);
      }
    }
    if (jobs.length === 0 || this.#options.signal?.aborted) return;
    this.#pool.prepare(jobs.length, dirname(resolve(jobs[0].path)));
    if (jobs.some(({ name }) => archiveFormat(name) === "xz")) {
      compileLzma().catch(() => {/* thrown where it is needed */});
    }
  }

  /**
   * Unpacks an archive, without changing the target. Waits if all workers are busy.
   *
   * @param job The archive.
   * @returns What was unpacked.
   * @throws {RunOutputsError} `integrity`, if it is broken or rejected, with archive, member and
   * reason; `invalid`, if its name is not that of an archive, or is used twice; or errors of the
   * disk.
   */
  async add(job: UnpackJob): Promise<Unpacked> {
    this.#options.signal?.throwIfAborted();
    const work = this.#add(job);
    this.#running.add(work);
    try {
      return await work;
    } finally {
      this.#running.delete(work);
    }
  }

  /**
   * Moves what was unpacked into the target: all of it or, if anything fails, nothing.
   *
   * @param names The archives, of which later ones replace files of earlier ones. Default: all that
   * were added, in that order.
   * @param amendment What else changes in the target, together with the archives.
   * @returns The archives that are now in the target.
   * @throws {RunOutputsError} `conflict`, if a file and a directory have the same name;
   * `integrity`, if links of several archives together lead out of the target; or errors of the
   * disk. The target is then as before, and the archives must be added again. If restoring it fails
   * too, as the message says, the next unpacker with the same staging directory restores it.
   */
  async commit(
    names: readonly string[] = [...this.#taken.values()],
    amendment?: CommitAmendment,
  ): Promise<Unpacked[]> {
    const { mode, signal } = this.#options;
    signal?.throwIfAborted();
    if (await isHalfDone(this.#staging.path)) {
      throw new RunOutputsError(
        "failed",
        `Cannot unpack to '${this.#outputDir}': an earlier failure is not rolled back yet; ` +
          `the next run into the same directory rolls it back`,
      );
    }
    const staged = names.map((name) => {
      const found = this.#staged.get(name);
      if (found !== undefined) return found;
      throw new RunOutputsError("invalid", `Cannot commit ${quote(name)}: it was not unpacked`);
    });
    const saved = join(this.#staging.path, "saved");
    try {
      makeDirs(this.#staging.path, "saved");
      const planned = mode === "extract"
        ? this.#planReplace(staged, saved, amendment)
        : await this.#planMerge(staged, saved, amendment);
      const place = { stagingDir: this.#staging.path, outputDir: this.#outputDir };
      await applySteps(place, [...missingDirectories(this.#outputDir), ...planned], { signal });
    } catch (error) {
      // After an abort, too, incomplete changes must be reported.
      if (!await isHalfDone(this.#staging.path)) signal?.throwIfAborted();
      throw diskError("unpack to", this.#outputDir, error);
    } finally {
      // Also after an error, because merged trees cannot be separated.
      if (!await isHalfDone(this.#staging.path)) await this.#forget(staged);
    }
    for (const { relpaths } of staged) {
      for (const relpath of relpaths) this.#emptied.add(relpath);
    }
    return staged.map(publicPart);
  }

  /** Ends the workers and deletes what was not committed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#pool[Symbol.dispose]();
    await Promise.allSettled(this.#running);
    await this.#staging[Symbol.asyncDispose]();
  }

  async #add({ path, name, verified = false }: UnpackJob): Promise<Unpacked> {
    const { mode, onEvent, limits } = this.#options;
    const { style } = this.#rules;
    const format = archiveFormat(name);
    const short = shortName(name);
    if (format === undefined || short === "" || basename(name) !== name) {
      throw new RunOutputsError(
        "invalid",
        `Cannot unpack ${
          quote(name)
        }: expected a name with .tar.zst, .tar.xz or .tar.gz at its end`,
      );
    }
    const own = diskName(short, style);
    const key = mode !== "extract" ? name : this.#rules.caseless ? foldCase(own) : own;
    const other = this.#taken.get(key);
    if (other !== undefined) {
      throw new RunOutputsError(
        "invalid",
        other === name
          ? `Cannot unpack ${quote(name)}: it was already added`
          : `Cannot unpack ${quote(name)}: ${quote(other)} is unpacked to the same directory`,
      );
    }
    this.#taken.set(key, name);
    const tree = join(this.#staging.archives, String(this.#count++));
    try {
      // Without an `await`, so that workers get archives in the order in which they are added.
      Deno.mkdirSync(tree);
      const { size } = Deno.statSync(path);
      let started = performance.now();
      const made: PlacedEntry[] = [];
      const result = await this.#pool.run({
        type: "unpack",
        path: resolve(path),
        format,
        verified,
        limits: { ...UNPACK_LIMITS, ...limits },
        extractor: { mode, caseless: this.#rules.caseless },
        tree: { root: tree, style, umask: this.#staging.umask, keepMetadata: mode === "extract" },
      }, {
        size,
        onStart: () => started = performance.now(),
        onProgress: (bytes) => onEvent?.({ name, bytes }),
        makeLinks: async (links) => {
          await makeLinksInTree({ root: tree, links, style });
          for (const { path, text } of links) {
            made.push({ path: diskPath(path, style), link: diskLink(text, style) });
          }
        },
      });
      const seconds = (performance.now() - started) / 1000;
      const directory = mode === "extract" ? this.#directoryOf(name) : this.#outputDir;
      made.push(...result.entries);
      const staged = describe(name, tree, directory, seconds, { ...result, entries: made });
      this.#staged.set(name, staged);
      return publicPart(staged);
    } catch (error) {
      this.#taken.delete(key);
      await this.#staging.discard(tree).catch(() => {/* removed in the end, with all */});
      this.#options.signal?.throwIfAborted();
      throw error instanceof BadArchive ? refusal(name, error) : diskError("read", path, error);
    }
  }

  /** The directory of an archive in mode `extract`: its name up to the first dot. */
  #directoryOf(name: string): string {
    return join(this.#outputDir, diskName(shortName(name), this.#rules.style));
  }

  /** Deletes the rest of archives in the staging directory. */
  async #forget(staged: readonly Staged[]): Promise<void> {
    for (const { name } of staged) {
      this.#staged.delete(name);
      for (const [key, taken] of this.#taken) if (taken === name) this.#taken.delete(key);
    }
    const left = ["saved", "merged", TOP_FILE].map((name) => join(this.#staging.path, name));
    for (const path of [...left, ...staged.map(({ tree }) => tree)]) {
      // What cannot be moved aside is reported at the end, or by the next commit.
      await this.#staging.discard(path).catch(() => {});
    }
  }

  #planReplace(staged: readonly Staged[], saved: string, amendment?: CommitAmendment): Step[] {
    const names = new Map(staged.map(({ name, directory }) => [name, basename(directory)]));
    const removals = amendment?.remove(new Set(names.values())) ?? [];
    const steps = removalSteps(removals, this.#outputDir, saved);
    for (const [i, { tree, directory, entries }] of staged.entries()) {
      throwIfFile(directory);
      if (entries.length === 0) entries.push({ path: "" });
      const existing = kindOf(directory) !== undefined;
      const own = existing ? join(saved, String(i)) : undefined;
      steps.push({ from: tree, to: directory, saved: own });
    }
    return [
      ...steps,
      ...this.#planTopFile(staged, (name, path) => `${names.get(name)}/${path}`, saved, amendment),
    ];
  }

  /** Plans the file with which a caller records what the archives put into the target. */
  #planTopFile(
    staged: readonly Staged[],
    placeOf: (archive: string, path: string) => string,
    saved: string,
    amendment: CommitAmendment | undefined,
  ): Step[] {
    if (amendment === undefined) return [];
    const file = amendment.record(placedArchives(staged, placeOf));
    return [topFileStep(file, this.#outputDir, { staging: this.#staging.path, saved })];
  }

  async #planMerge(
    staged: readonly Staged[],
    saved: string,
    amendment?: CommitAmendment,
  ): Promise<Step[]> {
    const { mode, signal } = this.#options;
    const merged = join(this.#staging.path, "merged");
    await Deno.mkdir(merged);
    for (const { tree, name } of staged) {
      mergeTree(tree, merged, name, this.#rules);
      await new Promise((resolve) => setTimeout(resolve, 0));
      signal?.throwIfAborted();
    }
    const removed: PathRemoval[] = [];
    if (mode === "bootstrap") this.#prepareBootstrap(staged, merged, removed);
    removed.push(...amendment?.remove(new Set(removed.map(({ path }) => path))) ?? []);
    const union = new Union(merged, this.#outputDir, removed, this.#rules);
    union.followTargetLinks();
    for (const { name, links } of staged) {
      try {
        union.checkLinks(links.map((link) => diskPath(link, this.#rules.style)));
      } catch (error) {
        throw error instanceof BadArchive ? refusal(name, error) : error;
      }
    }
    const placeOf = (_name: string, path: string) => union.placeOf(path);
    return [...union.plan(saved), ...this.#planTopFile(staged, placeOf, saved, amendment)];
  }

  /** Marks the listed paths as prebuilt, and their existing content for deletion. */
  #prepareBootstrap(staged: readonly Staged[], merged: string, removed: PathRemoval[]): void {
    const { style } = this.#rules;
    const owners = new Map(
      staged.flatMap(({ relpaths, entries }) => relpaths.map((path) => [path, entries] as const)),
    );
    for (const [relpath, entries] of owners) {
      const path = diskPath(relpath, style);
      const inMerged = ownPlace(merged, path, style);
      makeDirs(merged, dirname(inMerged));
      const { size, mtime } = touchNew(join(merged, `${inMerged}.prebuilt`));
      entries.push({ path: `${path}.prebuilt`, size, mtime: mtime?.getTime() });
      if (this.#emptied.has(relpath)) continue;
      const inTarget = ownPlace(this.#outputDir, path, style);
      if (kindOf(join(this.#outputDir, inTarget)) === undefined) continue;
      removed.push({ path: inTarget });
      if (kindOf(join(merged, inMerged)) === undefined) Deno.mkdirSync(join(merged, inMerged));
    }
  }
}

function shortName(name: string): string {
  return name.slice(0, name.indexOf("."));
}

/** Unpacked content replaces a directory of its name, but never a file. */
function throwIfFile(directory: string): void {
  if (kindOf(directory) === "file") {
    throw conflictAt(directory, "a file exists where a directory is needed; move it away");
  }
}

function describe(
  name: string,
  tree: string,
  directory: string,
  seconds: number,
  { extracted, links, entries }: TaskResult & Pick<Staged, "entries">,
): Staged {
  return { name, tree, directory, seconds, links, entries, ...extracted };
}

function publicPart({ name, members, files, bytes, seconds, directory }: Staged): Unpacked {
  return { name, members, files, bytes, seconds, directory };
}

function refusal(name: string, { member, message }: BadArchive): RunOutputsError {
  const where = member === undefined ? "" : ` member ${quote(member)}:`;
  return new RunOutputsError("integrity", `Cannot unpack '${name}':${where} ${message}`);
}

/** Creates an empty file instead of an existing one, and not through a link. */
function touchNew(path: string): Deno.FileInfo {
  if ((kindOf(path) ?? "directory") !== "directory") Deno.removeSync(path);
  using file = Deno.openSync(path, { write: true, createNew: true });
  return file.statSync();
}
