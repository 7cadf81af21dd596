/**
 * Workers that unpack: as many as asked for, started when they are needed, each with access to
 * the directory of its archive and the one it writes to, and to nothing else.
 *
 * @module
 */

import { dirname } from "node:path";
import { type ErrorCode, RunOutputsError } from "../layout/error.ts";
import { BadArchive } from "./bad_archive.ts";
import type { Extracted, ExtractedLink } from "./extract.ts";
import { compileLzma } from "./liblzma.ts";
import type { FromWorker, ToWorker, UnpackTask } from "./worker_messages.ts";

/** What is done while a task runs. */
export interface TaskOptions {
  /** Makes the links of what was unpacked. */
  readonly makeLinks: (links: readonly ExtractedLink[]) => void;
  /** Told when a worker takes the task. */
  readonly onStart?: () => void;
  /** Told of bytes that were unpacked. */
  readonly onProgress?: (bytes: number) => void;
}

/** What came of a task. */
export interface TaskResult {
  /** What was unpacked. */
  readonly extracted: Extracted;
  /** The places of its symbolic links. */
  readonly links: readonly string[];
}

interface PooledWorker {
  readonly worker: Worker;
  /** The directory it may read, or `undefined` if it may read what this thread may. */
  readonly readable: string | undefined;
}

/** Some workers, and a queue before them. */
export class WorkerPool implements Disposable {
  readonly #size: number;
  readonly #writable: string;
  readonly #narrow: boolean;
  readonly #idle: PooledWorker[] = [];
  readonly #busy = new Map<PooledWorker, (error: unknown) => void>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #stopped: { readonly reason: unknown } | undefined;

  /**
   * Creates a pool without workers.
   *
   * @param size How many workers there may be.
   * @param writable The directory they may write to.
   * @param narrow Whether they get permissions of their own; see {@linkcode isOwnProgram}.
   */
  constructor(size: number, writable: string, narrow: boolean = isOwnProgram()) {
    this.#size = size;
    this.#writable = writable;
    this.#narrow = narrow;
  }

  /**
   * Runs a task as soon as a worker is free.
   *
   * @param task The task.
   * @param options What is done meanwhile.
   * @returns What came of it.
   * @throws {BadArchive} If the archive is refused.
   * @throws {RunOutputsError} What the disk says; or the reason of {@linkcode stop}.
   */
  async run(task: Omit<UnpackTask, "lzmaModule">, options: TaskOptions): Promise<TaskResult> {
    if (this.#running >= this.#size) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#running++;
    try {
      this.#throwIfStopped();
      const lzmaModule = task.format === "xz" ? await compileLzma() : undefined;
      this.#throwIfStopped();
      options.onStart?.();
      return await this.#runNow({ ...task, lzmaModule }, options);
    } finally {
      const next = this.#waiting.shift();
      if (next !== undefined) next();
      else this.#running--;
    }
  }

  /**
   * Ends all workers, at once.
   *
   * @param reason What their tasks and all later ones are rejected with.
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
    this.stop(new RunOutputsError("failed", "Cannot unpack: the unpacking was ended before"));
  }

  #throwIfStopped(): void {
    if (this.#stopped !== undefined) throw this.#stopped.reason;
  }

  async #runNow(task: UnpackTask, options: TaskOptions): Promise<TaskResult> {
    const pooled = this.#take(dirname(task.path));
    const { worker } = pooled;
    let whole = false;
    try {
      const result = await new Promise<TaskResult>((resolve, reject) => {
        this.#busy.set(pooled, reject);
        worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
          try {
            this.#receive(data, worker, options, resolve);
          } catch (error) {
            whole = data.type === "bad" || data.type === "failed";
            reject(error);
          }
        };
        worker.onerror = (event) => {
          event.preventDefault();
          reject(new RunOutputsError("failed", `Cannot unpack: a worker failed: ${event.message}`));
        };
        worker.onmessageerror = () => {
          reject(new RunOutputsError("failed", "Cannot unpack: a worker can't be understood"));
        };
        const message: ToWorker = task;
        worker.postMessage(message);
      });
      whole = true;
      return result;
    } finally {
      this.#busy.delete(pooled);
      // One that failed in an unknown way is not used again.
      if (whole && this.#stopped === undefined) this.#idle.push(pooled);
      else worker.terminate();
    }
  }

  #receive(
    data: FromWorker,
    worker: Worker,
    { makeLinks, onProgress }: TaskOptions,
    resolve: (result: TaskResult) => void,
  ): void {
    switch (data.type) {
      case "progress":
        onProgress?.(data.bytes);
        break;
      case "links": {
        makeLinks(data.links);
        const message: ToWorker = { type: "links made" };
        worker.postMessage(message);
        break;
      }
      case "done":
        resolve({ extracted: data.extracted, links: data.links });
        break;
      case "bad":
        throw new BadArchive(data.reason, data.member);
      case "failed":
        throw new RunOutputsError(data.code satisfies ErrorCode, data.message);
    }
  }

  #take(directory: string): PooledWorker {
    const fit = this.#idle.findIndex(({ readable }) => (readable ?? directory) === directory);
    if (fit >= 0) return this.#idle.splice(fit, 1)[0];
    // Its place is taken by one that may read another directory.
    if (this.#idle.length + this.#busy.size >= this.#size) this.#idle.shift()?.worker.terminate();
    return startWorker(directory, this.#writable, this.#narrow);
  }
}

/**
 * Starts a worker with as few permissions as possible.
 *
 * Deno ends the whole program when permissions are given to a worker without
 * `--unstable-worker-options`, and nothing tells beforehand. So it is done where this package's
 * `deno.json` is known to be in effect: in its own program, run from a file or compiled.
 */
function startWorker(readable: string, writable: string, narrow: boolean): PooledWorker {
  const url = new URL("./unpack_worker.ts", import.meta.url).href;
  if (!narrow) return { worker: new Worker(url, { type: "module" }), readable: undefined };
  const permissions: Deno.PermissionOptionsObject = {
    read: [readable, writable],
    write: [writable],
    env: false,
    ffi: false,
    import: false,
    net: false,
    run: false,
    sys: false,
  };
  const options: WorkerOptions = { type: "module", deno: { permissions } };
  return { worker: new Worker(url, options), readable };
}

/** Whether the `deno.json` of this package is in effect, which switches the permissions on. */
function isOwnProgram(): boolean {
  if (!import.meta.url.startsWith("file:")) return false;
  return Deno.mainModule === new URL("../../cli.ts", import.meta.url).href;
}
