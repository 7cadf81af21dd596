/**
 * Unpacking archives into a directory: all of them or none, and nothing outside of it.
 *
 * @module
 */

import { basename, dirname, join, resolve } from "node:path";
import { diskError } from "../layout/disk_error.ts";
import { quote, RunOutputsError } from "../layout/error.ts";
import { BadArchive } from "./bad_archive.ts";
import { applySteps, type Step } from "./commit.ts";
import { archiveFormat } from "./decompress.ts";
import type { UnpackMode } from "./extract.ts";
import { diskName, type PathStyle } from "./member_path.ts";
import { diskPath, type DiskRules, mergeTree, ownPlace, Union } from "./merge.ts";
import { makeLinks } from "./staged_links.ts";
import { Staging } from "./staging.ts";
import { type TaskResult, WorkerPool } from "./worker_pool.ts";

export type { UnpackMode };

/** When an archive is refused because it is too large, each for one archive. */
export interface UnpackLimits {
  /** Members, directories and links included. Default: a million; large real ones have 50,000. */
  readonly maxMembers: number;
  /** Bytes that it unpacks to. Default: 128 GiB; large real ones have 30 GB. */
  readonly maxBytes: number;
  /**
   * Bytes that it unpacks to for each of its own. Default: 500; real ones have 3 to 20, bombs
   * 1,000 and more. Looked at from 64 MiB on, because a few zeros compress as well.
   */
  readonly maxRatio: number;
}

/** The limits that hold unless others are given. */
export const UNPACK_LIMITS: UnpackLimits = {
  maxMembers: 1_000_000,
  maxBytes: 128 * 1024 ** 3,
  maxRatio: 500,
};

const RATIO_FROM = 64 * 1024 ** 2;

/** Progress of an unpacking. */
export interface UnpackEvent {
  /** The archive's file name. */
  readonly name: string;
  /** How many bytes more were unpacked. */
  readonly bytes: number;
}

/** Options of {@linkcode Unpacker.open}. */
export interface UnpackOptions {
  /** How archives are unpacked. */
  readonly mode: UnpackMode;
  /** The directory that they are unpacked to; made if it is not there. */
  readonly outputDir: string;
  /**
   * Where they are unpacked first: on the same file system as `outputDir`, and the same for each
   * run into it, because what a killed one left half done is taken back from there. It is made, and
   * removed in the end.
   */
  readonly stagingDir: string;
  /** When an archive is refused because it is too large. */
  readonly limits?: Partial<UnpackLimits>;
  /** How many archives are unpacked at once. Default: one for each processor. */
  readonly workers?: number;
  /** Whose rules names follow. Default: this system's. */
  readonly style?: PathStyle;
  /** Whether workers get permissions of their own. Default: where that is certain to work. */
  readonly narrowWorkers?: boolean;
  /** Told of progress. */
  readonly onEvent?: (event: UnpackEvent) => void;
  /** Ends the work. */
  readonly signal?: AbortSignal;
}

/** An archive to unpack. */
export interface UnpackJob {
  /** Where it is on disk. */
  readonly path: string;
  /** Its file name as an artifact: it tells the compression, and the directory of mode `extract`. */
  readonly name: string;
}

/** What an archive was unpacked to. */
export interface Unpacked {
  /** Its file name. */
  readonly name: string;
  /** The number of its members. */
  readonly members: number;
  /** How many of them are files, hard links included. */
  readonly files: number;
  /** How many bytes these have. */
  readonly bytes: number;
  /** How long it took, without waiting for a worker. */
  readonly seconds: number;
  /** What appears in the target: its directory or, in the other modes, the target itself. */
  readonly directory: string;
}

interface Staged extends Unpacked {
  /** Its tree. */
  readonly tree: string;
  readonly relpaths: readonly string[];
  readonly links: readonly string[];
}

/**
 * Unpacks archives beside a directory, and then moves all of them into it at once.
 *
 * Nothing outside of the directory is written or linked to, whatever an archive has in it. Until
 * {@linkcode Unpacker.commit} the directory is not touched; if that fails, it is as it was before.
 *
 * @example
 * ```ts
 * import { listMembers, pack, Unpacker } from "@therock/run-outputs";
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
  /** Names that are being unpacked or are unpacked already, by what appears in the target. */
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
    this.#pool = new WorkerPool(workers, staging.path, options.narrowWorkers);
    this.#onAbort = () => this.#pool.stop(signal!.reason);
    signal?.addEventListener("abort", this.#onAbort);
  }

  /**
   * Makes the staging directory. If a run before was killed while it changed the target, that is
   * taken back first.
   *
   * @param options Where to, and how.
   * @returns The unpacker; `await using` ends its workers and removes what was not committed.
   * @throws {RunOutputsError} `conflict`, if another process unpacks to the same place, or
   * `outputDir` is a file; `invalid`, if the two directories are on different file systems.
   */
  static async open(options: UnpackOptions): Promise<Unpacker> {
    options.signal?.throwIfAborted();
    const staging = await Staging.open(options.stagingDir);
    try {
      const outputDir = await realOutputDir(options.outputDir, staging.path);
      return new Unpacker(options, outputDir, staging);
    } catch (error) {
      await staging[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Unpacks an archive, without touching the target. Waits if all workers are busy.
   *
   * @param job The archive.
   * @returns What it has.
   * @throws {RunOutputsError} `integrity`, if it is broken or refused: the message names archive,
   * member and reason; `invalid`, if its name is none of an archive, or another one's; otherwise
   * what the disk says.
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
   * @param names The archives, in the order in which later ones replace files of earlier ones.
   * Default: all that were added, in the order in which they were.
   * @returns The archives that are in the target now.
   * @throws {RunOutputsError} `conflict`, if a file and a directory of the same name meet;
   * `integrity`, if links of several archives together lead out of the target; otherwise what the
   * disk says. The target is as before then, and the archives have to be added anew.
   */
  async commit(names: readonly string[] = [...this.#taken.values()]): Promise<Unpacked[]> {
    const { mode, signal } = this.#options;
    signal?.throwIfAborted();
    const staged = names.map((name) => {
      const found = this.#staged.get(name);
      if (found !== undefined) return found;
      throw new RunOutputsError("invalid", `Cannot commit ${quote(name)}: it was not unpacked`);
    });
    const saved = join(this.#staging.path, "saved");
    try {
      await Deno.mkdir(saved, { recursive: true });
      const planned = mode === "extract"
        ? this.#planReplace(staged, saved)
        : await this.#planMerge(staged, saved);
      await applySteps(this.#staging.path, [...missingDirectories(this.#outputDir), ...planned], {
        signal,
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw diskError("unpack to", this.#outputDir, error);
    } finally {
      // Also after an error: what was merged can't be taken apart.
      await this.#forget(staged);
    }
    for (const { relpaths } of staged) {
      for (const relpath of relpaths) this.#emptied.add(relpath);
    }
    return staged.map(publicPart);
  }

  /** Ends the workers and removes what was not committed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#pool[Symbol.dispose]();
    await Promise.allSettled(this.#running);
    await this.#staging[Symbol.asyncDispose]();
  }

  async #add({ path, name }: UnpackJob): Promise<Unpacked> {
    const { mode, onEvent, limits } = this.#options;
    const { style } = this.#rules;
    const format = archiveFormat(name);
    const short = name.slice(0, name.indexOf("."));
    if (format === undefined || short === "" || basename(name) !== name) {
      throw new RunOutputsError(
        "invalid",
        `Cannot unpack ${
          quote(name)
        }: expected a name with .tar.zst, .tar.xz or .tar.gz at its end`,
      );
    }
    const key = mode === "extract" ? diskName(short, style) : name;
    const other = this.#taken.get(key);
    if (other !== undefined) {
      throw new RunOutputsError(
        "invalid",
        other === name
          ? `Cannot unpack ${quote(name)}: it was added before`
          : `Cannot unpack ${quote(name)}: ${quote(other)} is unpacked to the same directory`,
      );
    }
    this.#taken.set(key, name);
    const tree = join(this.#staging.path, "archives", String(this.#count++));
    try {
      await Deno.mkdir(tree, { recursive: true });
      let started = performance.now();
      const result = await this.#pool.run({
        type: "unpack",
        path: resolve(path),
        format,
        limits: { ...UNPACK_LIMITS, ...limits, ratioFrom: RATIO_FROM },
        extractor: {
          root: tree,
          mode,
          style,
          caseless: this.#rules.caseless,
          umask: this.#staging.umask,
        },
      }, {
        onStart: () => started = performance.now(),
        onProgress: (bytes) => onEvent?.({ name, bytes }),
        makeLinks: (links) => makeLinks(tree, links, style),
      });
      const seconds = (performance.now() - started) / 1000;
      const directory = mode === "extract" ? join(this.#outputDir, key) : this.#outputDir;
      const staged = describe(name, tree, directory, seconds, result);
      this.#staged.set(name, staged);
      return publicPart(staged);
    } catch (error) {
      this.#taken.delete(key);
      await Deno.remove(tree, { recursive: true }).catch(
        () => {/* removed in the end, with all */},
      );
      this.#options.signal?.throwIfAborted();
      throw error instanceof BadArchive ? refusal(name, error) : diskError("read", path, error);
    }
  }

  /** Removes what is left of archives in the staging directory. */
  async #forget(staged: readonly Staged[]): Promise<void> {
    for (const { name } of staged) {
      this.#staged.delete(name);
      for (const [key, taken] of this.#taken) if (taken === name) this.#taken.delete(key);
    }
    const left = ["saved", "merged"].map((name) => join(this.#staging.path, name));
    for (const path of [...left, ...staged.map(({ tree }) => tree)]) {
      await Deno.remove(path, { recursive: true }).catch(() => {/* mostly it is not there */});
    }
  }

  #planReplace(staged: readonly Staged[], saved: string): Step[] {
    return staged.map(({ tree, directory }, i) => {
      const there = exists(directory);
      return { from: tree, to: directory, saved: there ? join(saved, String(i)) : undefined };
    });
  }

  async #planMerge(staged: readonly Staged[], saved: string): Promise<Step[]> {
    const { mode, signal } = this.#options;
    const merged = join(this.#staging.path, "merged");
    await Deno.mkdir(merged);
    for (const { tree, name } of staged) {
      mergeTree(tree, merged, name, this.#rules);
      await new Promise((resolve) => setTimeout(resolve, 0));
      signal?.throwIfAborted();
    }
    const removed = new Set<string>();
    if (mode === "bootstrap") this.#prepareBootstrap(staged, merged, removed);
    const union = new Union(merged, this.#outputDir, removed, this.#rules);
    union.followTargetLinks();
    for (const { name, links } of staged) {
      try {
        union.checkLinks(links.map((link) => diskPath(link, this.#rules.style)));
      } catch (error) {
        throw error instanceof BadArchive ? refusal(name, error) : error;
      }
    }
    return union.plan(saved);
  }

  /** Marks the listed paths as prebuilt, and for removal what is there now. */
  #prepareBootstrap(staged: readonly Staged[], merged: string, removed: Set<string>): void {
    const { style } = this.#rules;
    for (const relpath of new Set(staged.flatMap(({ relpaths }) => relpaths))) {
      const path = diskPath(relpath, style);
      const inMerged = ownPlace(merged, path, style);
      Deno.mkdirSync(dirname(join(merged, inMerged)), { recursive: true });
      Deno.writeTextFileSync(join(merged, `${inMerged}.prebuilt`), "");
      if (this.#emptied.has(relpath)) continue;
      const inTarget = ownPlace(this.#outputDir, path, style);
      if (!exists(join(this.#outputDir, inTarget))) continue;
      removed.add(inTarget);
      if (!exists(join(merged, inMerged))) Deno.mkdirSync(join(merged, inMerged));
    }
  }
}

function describe(
  name: string,
  tree: string,
  directory: string,
  seconds: number,
  { extracted, links }: TaskResult,
): Staged {
  return { name, tree, directory, seconds, links, ...extracted };
}

function publicPart({ name, members, files, bytes, seconds, directory }: Staged): Unpacked {
  return { name, members, files, bytes, seconds, directory };
}

function refusal(name: string, { member, message }: BadArchive): RunOutputsError {
  const where = member === undefined ? "" : ` member ${quote(member)}:`;
  return new RunOutputsError("integrity", `Cannot unpack '${name}':${where} ${message}`);
}

/** The target's real path. It need not exist; what is above it decides where it will be. */
async function realOutputDir(outputDir: string, stagingDir: string): Promise<string> {
  let existing = resolve(outputDir);
  const missing: string[] = [];
  while (!exists(existing) && dirname(existing) !== existing) {
    missing.unshift(basename(existing));
    existing = dirname(existing);
  }
  try {
    existing = await Deno.realPath(existing);
    const [target, staging] = [await Deno.stat(existing), await Deno.stat(stagingDir)];
    if (!target.isDirectory) {
      throw new RunOutputsError(
        "conflict",
        `Cannot unpack to '${outputDir}': '${existing}' is not a directory`,
      );
    }
    if (target.dev !== staging.dev) {
      throw new RunOutputsError(
        "invalid",
        `Cannot unpack to '${outputDir}' by way of '${stagingDir}': expected two directories of ` +
          `one file system`,
      );
    }
  } catch (error) {
    throw diskError("read", existing, error);
  }
  return join(existing, ...missing);
}

/** Steps that make a directory and what is missing above it. */
function missingDirectories(directory: string): Step[] {
  const steps: Step[] = [];
  for (let path = directory; !exists(path); path = dirname(path)) {
    steps.unshift({ to: path, directory: true });
  }
  return steps;
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw diskError("read", path, error);
  }
}
