/**
 * Workers that unpack. Each is started when it is needed, and has access only to the directory of
 * its archive and the one it writes to.
 *
 * @module
 */

import { dirname } from "node:path";
import { RunOutputsError } from "../../errors/error.ts";
import { BadArchive } from "../tar/bad_archive.ts";
import type { Extracted, ExtractedLink } from "./extract.ts";
import { compileLzma } from "../compression/liblzma.ts";
import type { PlacedEntry } from "./tree_writer.ts";
import { areWorkersNarrowed } from "../../threads/permissions.ts";
import { startThread, type Thread } from "../../threads/start.ts";
import { shareBlocks, type SharedBlocks } from "../compression/parallel_xz.ts";
import type { FromWorker, HelpTask, ToWorker, UnpackTask } from "./worker_messages.ts";
import { readXzIndex } from "../compression/xz_index.ts";

/** Callbacks of a task. */
export interface TaskOptions {
  /** The archive's size in bytes. The largest waiting archive is next. */
  readonly size: number;
  /** Creates the links of the archive. */
  readonly makeLinks: (links: readonly ExtractedLink[]) => Promise<void>;
  /** Called when a worker starts the task. */
  readonly onStart?: () => void;
  /** Called with the number of unpacked bytes. */
  readonly onProgress?: (bytes: number) => void;
}

/** The result of a task. */
export interface TaskResult {
  /** What was unpacked. */
  readonly extracted: Extracted;
  /** The paths of its symbolic links. */
  readonly links: readonly string[];
  /** Its files and empty directories, with names as on disk. */
  readonly entries: readonly PlacedEntry[];
}

interface PooledWorker {
  readonly worker: Thread;
  /** The directory it may read; `undefined` if it has the permissions of this thread. */
  readonly readable: string | undefined;
}

/** Workers and their queue. */
export class WorkerPool implements Disposable {
  readonly #size: number;
  readonly #writable: string;
  readonly #narrow: boolean;
  readonly #idle: PooledWorker[] = [];
  readonly #busy = new Map<PooledWorker, (error: unknown) => void>();
  readonly #waiting: { readonly size: number; readonly start: () => void }[] = [];
  #running = 0;
  #stopped: { readonly reason: unknown } | undefined;

  /**
   * Creates a pool without workers.
   *
   * @param size The maximum number of workers.
   * @param writable The directory they may write to.
   * @param narrow Whether they get restricted permissions; see {@linkcode areWorkersNarrowed}.
   */
  constructor(size: number, writable: string, narrow: boolean = areWorkersNarrowed()) {
    this.#size = size;
    this.#writable = writable;
    this.#narrow = narrow;
  }

  /**
   * Starts workers in advance, so that the first archives do not wait for them.
   *
   * @param count The maximum number of archives.
   * @param readable The directory of the archives.
   */
  prepare(count: number, readable: string): void {
    readable = withoutLinks(readable);
    const most = Math.min(count, this.#size);
    while (this.#idle.length + this.#busy.size < most) {
      this.#idle.push(startWorker(readable, this.#writable, this.#narrow));
    }
  }

  /**
   * Runs a task as soon as a worker is free. Idle workers help, if several can decode the archive.
   *
   * @param task The task.
   * @param options Callbacks.
   * @returns The result.
   * @throws {BadArchive} If the archive is rejected.
   * @throws {RunOutputsError} Errors of the disk; or the reason of {@linkcode stop}.
   */
  async run(
    task: Omit<UnpackTask, "lzmaModule" | "shared">,
    options: TaskOptions,
  ): Promise<TaskResult> {
    task = { ...task, path: withoutLinks(task.path) };
    if (this.#running < this.#size) this.#running++;
    else {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push({ size: options.size, start: resolve });
      await promise;
    }
    try {
      this.#throwIfStopped();
      options.onStart?.();
      if (task.format !== "xz") return await this.#unpack(task, options);
      const lzmaModule = await compileLzma();
      this.#throwIfStopped();
      const helpers = this.#size - this.#running;
      const shared = helpers === 0 ? undefined : readBlocks(task, helpers + 1);
      if (shared === undefined) return await this.#unpack({ ...task, lzmaModule }, options);
      const help: HelpTask = { type: "help", path: task.path, lzmaModule, shared };
      const [result] = await Promise.all([
        this.#unpack({ ...task, lzmaModule, shared }, options),
        ...Array.from({ length: helpers }, () => this.#help(help)),
      ]);
      return result;
    } finally {
      this.#release();
    }
  }

  /**
   * Ends all workers immediately.
   *
   * @param reason The rejection of their tasks and all later ones.
   */
  stop(reason: unknown): void {
    this.#stopped ??= { reason };
    for (const { worker } of this.#idle.splice(0)) worker.terminate();
    for (const [{ worker }, reject] of this.#busy) {
      worker.terminate();
      reject(reason);
    }
  }

  /** Ends all workers. */
  [Symbol.dispose](): void {
    this.stop(new RunOutputsError("failed", "Cannot unpack: the unpacker was stopped"));
  }

  #throwIfStopped(): void {
    if (this.#stopped !== undefined) throw this.#stopped.reason;
  }

  /**
   * Gives the slot of a finished task to the largest waiting one, because a large one that starts
   * last would delay the end.
   */
  #release(): void {
    let next = -1;
    for (const [i, { size }] of this.#waiting.entries()) {
      if (next < 0 || size > this.#waiting[next].size) next = i;
    }
    if (next >= 0) this.#waiting.splice(next, 1)[0].start();
    else this.#running--;
  }

  async #help(task: HelpTask): Promise<void> {
    this.#running++;
    try {
      await this.#runNow<void>(task, (data, _worker, resolve) => {
        if (data.type === "helped") resolve();
      });
    } catch (error) {
      // Otherwise, workers that wait for one of its blocks would wait forever.
      this.stop(error);
      throw error;
    } finally {
      this.#release();
    }
  }

  async #unpack(task: UnpackTask, { makeLinks, onProgress }: TaskOptions): Promise<TaskResult> {
    return await this.#runNow<TaskResult>(task, (data, worker, resolve, reject) => {
      switch (data.type) {
        case "progress":
          onProgress?.(data.bytes);
          break;
        case "links": {
          const message: ToWorker = { type: "links made" };
          makeLinks(data.links).then(() => worker.postMessage(message)).catch(reject);
          break;
        }
        case "done":
          resolve({ extracted: data.extracted, links: data.links, entries: data.entries });
      }
    });
  }

  async #runNow<T>(
    task: UnpackTask | HelpTask,
    receive: (
      data: FromWorker,
      worker: Thread,
      resolve: (result: T) => void,
      reject: (error: unknown) => void,
    ) => void,
  ): Promise<T> {
    const pooled = this.#take(dirname(task.path));
    const { worker } = pooled;
    let whole = false;
    try {
      const result = await new Promise<T>((resolve, reject) => {
        this.#busy.set(pooled, reject);
        worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
          try {
            whole = data.type === "bad" || data.type === "failed";
            if (data.type === "bad") throw new BadArchive(data.reason, data.member);
            if (data.type === "failed") throw new RunOutputsError(data.code, data.message);
            receive(data, worker, resolve, reject);
          } catch (error) {
            reject(error);
          }
        };
        worker.onerror = (event) => {
          event.preventDefault();
          reject(new RunOutputsError("failed", `Cannot unpack: a worker failed: ${event.message}`));
        };
        worker.onmessageerror = () => {
          reject(new RunOutputsError("failed", "Cannot unpack: unexpected message from a worker"));
        };
        const message: ToWorker = task;
        worker.postMessage(message);
      });
      whole = true;
      return result;
    } finally {
      this.#busy.delete(pooled);
      // A worker that failed in an unknown way is not used again.
      if (whole && this.#stopped === undefined) this.#idle.push(pooled);
      else worker.terminate();
    }
  }

  #take(directory: string): PooledWorker {
    const fit = this.#idle.findIndex(({ readable }) => (readable ?? directory) === directory);
    if (fit >= 0) return this.#idle.splice(fit, 1)[0];
    // It is replaced by one that may read another directory.
    if (this.#idle.length + this.#busy.size >= this.#size) this.#idle.shift()?.worker.terminate();
    return startWorker(directory, this.#writable, this.#narrow);
  }
}

/** The real path: Deno checks the permissions of a worker at the end of all links. */
function withoutLinks(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    // What opens it reports the error, if it is still missing by then.
    return path;
  }
}

/** Starts a worker with as few permissions as possible. */
function startWorker(readable: string, writable: string, narrow: boolean): PooledWorker {
  try {
    const permissions = { read: [readable, writable], write: [writable] };
    const worker = startThread("unpack", permissions, narrow);
    return { worker, readable: narrow ? readable : undefined };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    // Permission for a directory cannot be given if something in it is denied to this thread.
    const permissions = { read: "inherit", write: "inherit" } as const;
    return { worker: startThread("unpack", permissions, narrow), readable: undefined };
  }
}

/** The blocks of an .xz file, if sharing them is worthwhile. */
function readBlocks(
  { path, verified }: Pick<UnpackTask, "path" | "verified">,
  decoders: number,
): SharedBlocks | undefined {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path);
  } catch {
    // Unpacking finds the error too, and reports it.
    return undefined;
  }
  using _closing = file;
  const readAt = (offset: number, length: number) => {
    const bytes = new Uint8Array(length);
    file.seekSync(offset, Deno.SeekMode.Start);
    let at = 0;
    while (at < length) {
      const count = file.readSync(bytes.subarray(at));
      if (count === null) break;
      at += count;
    }
    return bytes.subarray(0, at);
  };
  const index = readXzIndex(readAt, file.statSync().size);
  return index === undefined ? undefined : shareBlocks(index, decoders, verified);
}
