/**
 * Hashing in threads, because the main thread is busy with network and disk.
 *
 * @module
 */

import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import { startThread, type Thread } from "../../threads/start.ts";
import type { ByteRange } from "../backend.ts";
import { type FileDigest, FileHash } from "./file_hash.ts";
import { type HashAnswer, type HashRequest, HashServer } from "./server.ts";

/** The network is not fast enough to keep more threads than this busy. */
const MAX_THREADS = 4;

/** Files up to this size are hashed faster than a thread can be notified. */
const SMALL = 1024 * 1024;

/** A file that is hashed while it is written. */
export interface FileHasher extends Disposable {
  /** Reports that bytes are in the file now. */
  written(range: ByteRange): void;
  /**
   * Waits for the digest.
   *
   * @param size The size of the file; all of it must have been reported.
   * @returns The digest.
   * @throws {RunOutputsError} Errors of the disk; the signal's reason.
   */
  finish(size: number, signal?: AbortSignal): Promise<FileDigest>;
}

/** Pieces of memory that are hashed one by one, and together. */
export interface PieceHasher extends Disposable {
  /**
   * Hashes the next piece.
   *
   * @param bytes The bytes, in a buffer of their own, which is detached while they are hashed.
   * @param which The digest to compute: that of the piece itself, or only of the whole.
   * @returns The same bytes and their SHA-256; an empty one, if it was not requested.
   */
  piece(
    bytes: Uint8Array<ArrayBuffer>,
    which: { readonly own: boolean; readonly whole: boolean },
  ): Promise<{ readonly bytes: Uint8Array<ArrayBuffer>; readonly digest: Uint8Array }>;
  /** The SHA-256 of all pieces that belong to the whole, 64 hex digits. */
  total(): Promise<string>;
}

/**
 * Threads that hash, started on demand. If there are none (an old runtime, or the worker is not in
 * the executable), the main thread hashes.
 */
export class Hashers implements Disposable {
  readonly #threads: HashThread[] = [];
  readonly #max: number;
  #lastId = 0;

  /**
   * Creates the set without starting a thread.
   *
   * @param threads The maximum number of threads. Default: the number of cores minus one, 1 to 4.
   */
  constructor(threads?: number) {
    const cores = navigator.hardwareConcurrency ?? 2;
    this.#max = threads ?? Math.max(1, Math.min(MAX_THREADS, cores - 1));
  }

  /**
   * Starts to hash a file.
   *
   * @param path The file, which must exist.
   * @param options `partSize`: the size of the parts for a CRC-32 each.
   * @returns A handle to report its growth. Dispose of it.
   */
  file(path: string, { partSize = Infinity }: { readonly partSize?: number } = {}): FileHasher {
    const id = ++this.#lastId;
    const thread = this.#thread();
    thread.send({ type: "file", id, path, partSize });
    const release = thread.take();
    return {
      written: (range) => thread.send({ type: "written", id, range }),
      finish: async (size, signal) => {
        const answer = thread.answer(id, signal);
        thread.send({ type: "end", id, size });
        return (await answer as HashAnswer & { type: "file" }).digest;
      },
      [Symbol.dispose]: () => {
        thread.send({ type: "drop", id });
        release();
      },
    };
  }

  /**
   * The SHA-256 of a complete file.
   *
   * @param path The file.
   * @param size Its size.
   * @param signal Aborts hashing.
   * @returns 64 hex digits.
   * @throws {RunOutputsError} Errors of the disk; `failed`, if the file is shorter.
   */
  async hashFile(path: string, size: number, signal?: AbortSignal): Promise<string> {
    if (size <= SMALL) return hashHere(path, size);
    using file = this.file(path);
    file.written({ start: 0, end: size });
    return (await file.finish(size, signal)).sha256;
  }

  /**
   * Starts a sequence of pieces.
   *
   * @returns A handle for the pieces. Dispose of it.
   */
  pieces(): PieceHasher {
    const id = ++this.#lastId;
    const thread = this.#thread();
    thread.send({ type: "stream", id });
    const release = thread.take();
    return {
      piece: async (bytes, { own, whole }) => {
        const answer = thread.answer(id);
        thread.send({ type: "piece", id, bytes, own, whole }, [bytes.buffer]);
        return await answer as HashAnswer & { type: "piece" };
      },
      total: async () => {
        const answer = thread.answer(id);
        thread.send({ type: "total", id });
        return (await answer as HashAnswer & { type: "total" }).sha256;
      },
      [Symbol.dispose]: () => {
        thread.send({ type: "drop", id });
        release();
      },
    };
  }

  /** Ends the threads. */
  [Symbol.dispose](): void {
    for (const thread of this.#threads) thread[Symbol.dispose]();
    this.#threads.length = 0;
  }

  /** The thread with the least work; a new one, if none is idle and more are allowed. */
  #thread(): HashThread {
    const [idlest] = this.#threads.toSorted((a, b) => a.load - b.load);
    if (idlest !== undefined && (idlest.load === 0 || this.#threads.length >= this.#max)) {
      return idlest;
    }
    const thread = new HashThread();
    this.#threads.push(thread);
    return thread;
  }
}

function hashHere(path: string, size: number): string {
  using file = new FileHash(path);
  try {
    file.add({ start: 0, end: size });
    file.advance(size);
    return file.digest().sha256;
  } catch (error) {
    throw diskError("read", path, error);
  }
}

interface Waiting {
  readonly resolve: (answer: HashAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/** One thread, its requests and their responses. */
class HashThread implements Disposable {
  /** The number of its files and sequences. */
  load = 0;
  readonly #waiting = new Map<number, Waiting[]>();
  readonly #worker: Thread | undefined;
  /** Requests sent before the thread was ready; `undefined`, once it is. */
  #early: { readonly request: HashRequest; readonly transfer: Transferable[] }[] | undefined = [];
  /** Does the work here, if there is no thread. */
  #server: HashServer | undefined;
  #ended: Error | undefined;

  constructor() {
    try {
      this.#worker = startThread("hash", { read: "inherit", write: false });
    } catch {
      // Some runtimes and permission sets have no workers; the work is the same without.
      this.#serveHere();
      return;
    }
    this.#worker.onmessage = ({ data }) => this.#receive(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      if (this.#early !== undefined) this.#serveHere();
      else this.#end(new RunOutputsError("failed", `A hash worker failed: ${event.message}`));
    };
  }

  /** Counts one more task, until the returned function is called. */
  take(): () => void {
    this.load++;
    return () => void this.load--;
  }

  send(request: HashRequest, transfer: Transferable[] = []): void {
    if (this.#ended !== undefined) return;
    if (this.#server !== undefined) this.#server.receive(request);
    else if (this.#early !== undefined) this.#early.push({ request, transfer });
    else this.#worker!.postMessage(request, transfer);
  }

  /** The next response about a file or a sequence. */
  answer(id: number, signal?: AbortSignal): Promise<HashAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<HashAnswer>();
    if (this.#ended !== undefined) reject(this.#ended);
    const waiting = this.#waiting.get(id) ?? [];
    waiting.push({ resolve, reject });
    this.#waiting.set(id, waiting);
    const abort = () => reject(signal!.reason);
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
    return promise.finally(() => signal?.removeEventListener("abort", abort));
  }

  [Symbol.dispose](): void {
    this.#worker?.terminate();
    this.#server?.[Symbol.dispose]();
    this.#end(new RunOutputsError("failed", "The hash workers were stopped"));
  }

  #serveHere(): void {
    this.#server = new HashServer((answer) => this.#receive(answer));
    const early = this.#early!;
    this.#early = undefined;
    for (const { request } of early) this.#server.receive(request);
  }

  #receive(answer: HashAnswer): void {
    if (answer.type === "ready") {
      const early = this.#early ?? [];
      this.#early = undefined;
      for (const { request, transfer } of early) this.#worker!.postMessage(request, transfer);
      return;
    }
    const waiting = this.#waiting.get(answer.id);
    const next = waiting?.shift();
    if (waiting?.length === 0) this.#waiting.delete(answer.id);
    if (answer.type !== "failed") next?.resolve(answer);
    else next?.reject(new RunOutputsError(answer.error.code, answer.error.message));
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const waiting of this.#waiting.values()) for (const { reject } of waiting) reject(error);
    this.#waiting.clear();
  }
}
