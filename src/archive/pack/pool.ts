/**
 * Workers that compress, shared by all archives that are packed at the same time.
 *
 * @module
 */

import { type ErrorCode, RunOutputsError } from "../../errors/error.ts";
import { compressPiece, freeBuffers, type PieceTask } from "../compression/compress_piece.ts";
import { startThread, type Thread } from "../../threads/start.ts";

/** Messages of a worker: that it has started, and the result of each task. */
export type FromPackWorker =
  | { readonly type: "ready" }
  | { readonly type: "done"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: "failed"; readonly code: ErrorCode; readonly message: string };

/** Options of {@linkcode PackPool}. */
export interface PackPoolOptions {
  /** The maximum number of workers; with 0, this thread compresses. Default: one per core. */
  readonly size?: number;
  /** Starts a worker. Default: `pack_worker.ts`, with read permission only if possible. */
  readonly start?: () => Thread;
}

/** Smaller pieces are compressed in this thread, which is faster than to start a worker. */
const SMALL = 256 * 1024;

/** A worker failed to start, so this thread can do its work. */
class NotStarted extends Error {}

/** An archive that is packed with the workers of a pool. */
export interface PackMember extends Disposable {
  /** Its number: earlier members get workers first, so that the first archive is ready early. */
  readonly order: number;
  /** The number of its pieces that are not compressed, or not read yet. Kept by the member. */
  pieces: number;
}

/** A task that waits for a worker. */
interface Waiting {
  readonly order: number;
  readonly resolve: (worker: PackWorker | undefined) => void;
}

/** Workers, which live as long as the pool has members, and their queue. */
export class PackPool {
  readonly #size: number;
  readonly #start: () => Thread;
  readonly #idle: PackWorker[] = [];
  /** In the order of the members. */
  readonly #waiting: Waiting[] = [];
  /** In their order. */
  readonly #members = new Set<PackMember>();
  #joined = 0;
  #count = 0;
  /** Why there are no workers, if none could be started. */
  #withoutWorkers: boolean;
  #here: Promise<unknown> = Promise.resolve();

  /**
   * Creates a pool without workers; they are started on demand.
   *
   * @param options The number of workers, and how to start them.
   */
  constructor(options: PackPoolOptions = {}) {
    this.#size = options.size ?? navigator.hardwareConcurrency;
    this.#start = options.start ?? startWorker;
    this.#withoutWorkers = this.#size === 0;
  }

  /**
   * Adds a member. When the last one leaves, all workers end.
   *
   * @returns The member; dispose of it to leave.
   */
  join(): PackMember {
    const member: PackMember = {
      order: this.#joined++,
      pieces: 0,
      [Symbol.dispose]: () => {
        this.#members.delete(member);
        if (this.#members.size > 0) return;
        for (const idle of this.#idle.splice(0)) this.#end(idle);
        freeBuffers();
      },
    };
    this.#members.add(member);
    return member;
  }

  /**
   * The maximum number of unfinished pieces of a member, including finished ones that are not read
   * yet: what earlier members leave. It keeps all workers busy, and bounds memory.
   *
   * @param member The member.
   * @returns At least 1.
   */
  share(member: PackMember): number {
    if (this.#withoutWorkers) return 1;
    let left = this.#size + 1;
    for (const { order, pieces } of this.#members) {
      if (order >= member.order) break;
      left -= pieces;
    }
    return Math.max(left, 1);
  }

  /**
   * Compresses a piece as soon as a worker is free, or in this thread if there are no workers.
   *
   * @param member The member. Pieces of earlier members come first.
   * @param task The piece and how to compress it.
   * @param signal Aborts; ends the worker that compresses the piece.
   * @returns The compressed bytes.
   * @throws {RunOutputsError} Errors of the disk; a file that changed its size; `failed`, if a
   * worker crashes.
   */
  async run(
    { order }: Pick<PackMember, "order">,
    task: PieceTask,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    signal.throwIfAborted();
    if (this.#withoutWorkers || task.piece.length <= SMALL) {
      return await this.#runHere(task, signal);
    }
    const worker = await this.#take(order, signal);
    if (worker !== undefined) {
      let usable = false;
      try {
        const bytes = await worker.run(task, signal);
        usable = true;
        return bytes;
      } catch (error) {
        usable = worker.usable;
        if (!(error instanceof NotStarted)) throw error;
        this.#goWithout();
      } finally {
        this.#giveBack(worker, usable);
      }
    }
    return await this.#runHere(task, signal);
  }

  /** One at a time, because more would need more memory and not be faster. */
  #runHere(task: PieceTask, signal: AbortSignal): Promise<Uint8Array> {
    const pause = async () => {
      await new Promise((resolve) => setTimeout(resolve, 0));
      signal.throwIfAborted();
    };
    const result = this.#here.then(() => compressPiece(task, pause));
    this.#here = result.catch(() => {/* thrown to the caller */});
    return result;
  }

  /** A worker; `undefined` if there are none. */
  async #take(order: number, signal: AbortSignal): Promise<PackWorker | undefined> {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (idle.usable) return idle;
      this.#end(idle);
    }
    if (this.#count === this.#size) {
      const { promise, resolve, reject } = Promise.withResolvers<PackWorker | undefined>();
      const waiting = { order, resolve };
      const giveUp = () => {
        const at = this.#waiting.indexOf(waiting);
        // It was aborted after it got a worker, which it returns at once.
        if (at >= 0) this.#waiting.splice(at, 1);
        reject(signal.reason);
      };
      const next = this.#waiting.findIndex((other) => other.order > order);
      this.#waiting.splice(next < 0 ? this.#waiting.length : next, 0, waiting);
      signal.addEventListener("abort", giveUp);
      try {
        return await promise;
      } finally {
        signal.removeEventListener("abort", giveUp);
      }
    }
    return this.#startOne();
  }

  #startOne(): PackWorker | undefined {
    try {
      const worker = new PackWorker(this.#start());
      this.#count++;
      return worker;
    } catch {
      this.#goWithout();
      return undefined;
    }
  }

  /** For example in a runtime that has no workers, or may not load their code. */
  #goWithout(): void {
    this.#withoutWorkers = true;
    for (const { resolve } of this.#waiting.splice(0)) resolve(undefined);
  }

  #giveBack(worker: PackWorker, usable: boolean): void {
    if (!usable || this.#members.size === 0) this.#end(worker);
    else {
      const next = this.#waiting.shift();
      if (next === undefined) this.#idle.push(worker);
      else next.resolve(worker);
      return;
    }
    // A waiting task gets a new worker instead of the one that ended.
    if (this.#members.size === 0 || this.#waiting.length === 0) return;
    this.#waiting.shift()!.resolve(this.#startOne());
  }

  #end(worker: PackWorker): void {
    worker.terminate();
    this.#count--;
  }
}

/** One worker, which has one task at a time. */
class PackWorker {
  readonly #worker: Thread;
  #ready = false;
  #broken = false;

  constructor(worker: Thread) {
    this.#worker = worker;
  }

  /** Whether it can accept another task. */
  get usable(): boolean {
    return !this.#broken;
  }

  async run(task: PieceTask, signal: AbortSignal): Promise<Uint8Array> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const breakDown = (error: unknown) => {
      this.#broken = true;
      reject(error);
    };
    const onAbort = () => breakDown(signal.reason);
    const worker = this.#worker;
    worker.onmessage = ({ data }: MessageEvent<FromPackWorker>) => {
      if (data.type === "ready") this.#ready = true;
      else if (data.type === "done") resolve(data.bytes);
      else reject(new RunOutputsError(data.code, data.message));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      const failure = `Cannot pack: a worker failed: ${event.message}`;
      breakDown(this.#ready ? new RunOutputsError("failed", failure) : new NotStarted());
    };
    worker.onmessageerror = () => {
      breakDown(new RunOutputsError("failed", "Cannot pack: unexpected message from a worker"));
    };
    signal.addEventListener("abort", onAbort);
    try {
      worker.postMessage(task);
      return await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  terminate(): void {
    this.#worker.terminate();
  }
}

function startWorker(): Thread {
  return startThread("pack", { read: "inherit", write: false });
}
