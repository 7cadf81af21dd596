/**
 * Handles the messages of a hashing thread. The main thread uses it directly if there is no thread.
 *
 * @module
 */

import { createHash, type Hash } from "node:crypto";
import { diskError } from "../../errors/disk.ts";
import type { ErrorCode, RunOutputsError } from "../../errors/error.ts";
import type { ByteRange } from "../backend.ts";
import { type FileDigest, FileHash } from "./file_hash.ts";

/** A request to a hashing thread. `id` is the file or sequence. */
export type HashRequest =
  /** Hash a file as it is written. */
  | { readonly type: "file"; readonly id: number; readonly path: string; readonly partSize: number }
  /** Bytes of it were written. */
  | { readonly type: "written"; readonly id: number; readonly range: ByteRange }
  /** Return its digest, once all of it is reported. */
  | { readonly type: "end"; readonly id: number; readonly size: number }
  /** Start a sequence of pieces that are hashed one by one, and together. */
  | { readonly type: "stream"; readonly id: number }
  /** Hash the next piece; the bytes are returned with their digest. */
  | {
    readonly type: "piece";
    readonly id: number;
    readonly bytes: Uint8Array<ArrayBuffer>;
    /** Whether to return the digest of the piece itself. */
    readonly own: boolean;
    /** Whether it belongs to the digest of the whole. */
    readonly whole: boolean;
  }
  /** Return the digest of all pieces. */
  | { readonly type: "total"; readonly id: number }
  /** Stop; nothing more is needed. */
  | { readonly type: "drop"; readonly id: number };

/** The response of a hashing thread. */
export type HashAnswer =
  | { readonly type: "ready" }
  | { readonly type: "file"; readonly id: number; readonly digest: FileDigest }
  | {
    readonly type: "piece";
    readonly id: number;
    readonly bytes: Uint8Array<ArrayBuffer>;
    readonly digest: Uint8Array<ArrayBuffer>;
  }
  | { readonly type: "total"; readonly id: number; readonly sha256: string }
  | {
    readonly type: "failed";
    readonly id: number;
    /** Errors lose their class between threads. */
    readonly error: { readonly code: ErrorCode; readonly message: string };
  };

/** The number of bytes of one file to hash before looking at messages: about 10 ms. */
const SLICE = 16 * 1024 * 1024;

/** An unfinished file. */
interface OpenFile {
  readonly path: string;
  readonly hash: FileHash;
  /** An error, until its digest is requested. */
  error?: RunOutputsError;
  /** Its size, once that is known and its digest was requested. */
  size?: number;
}

/** Hashes files and pieces on request. */
export class HashServer implements Disposable {
  readonly #answer: (answer: HashAnswer, transfer?: Transferable[]) => void;
  readonly #files = new Map<number, OpenFile>();
  readonly #streams = new Map<number, Hash>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Creates a server.
   *
   * @param answer Sends a response.
   */
  constructor(answer: (answer: HashAnswer, transfer?: Transferable[]) => void) {
    this.#answer = answer;
  }

  /**
   * Handles a message.
   *
   * @param request The message.
   */
  receive(request: HashRequest): void {
    const { id } = request;
    switch (request.type) {
      case "file":
        this.#files.set(id, {
          path: request.path,
          hash: new FileHash(request.path, request.partSize),
        });
        return;
      case "written":
        this.#files.get(id)?.hash.add(request.range);
        return this.#schedule();
      case "end": {
        const file = this.#files.get(id);
        if (file !== undefined) file.size = request.size;
        return this.#schedule();
      }
      case "stream":
        this.#streams.set(id, createHash("sha256"));
        return;
      case "piece": {
        const { bytes, own, whole } = request;
        if (whole) this.#streams.get(id)?.update(bytes);
        const digest = own
          ? new Uint8Array(createHash("sha256").update(bytes).digest())
          : new Uint8Array();
        return this.#answer({ type: "piece", id, bytes, digest }, [bytes.buffer]);
      }
      case "total": {
        const sha256 = this.#streams.get(id)!.digest("hex");
        this.#streams.delete(id);
        return this.#answer({ type: "total", id, sha256 });
      }
      case "drop":
        this.#streams.delete(id);
        return this.#close(id);
    }
  }

  /** Closes all files. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    for (const id of [...this.#files.keys()]) this.#close(id);
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      let hashed = 0;
      for (const [id, file] of this.#files) hashed += this.#advance(id, file);
      if (hashed > 0) this.#schedule();
    });
  }

  #advance(id: number, file: OpenFile): number {
    const { path, hash, size } = file;
    try {
      if (file.error === undefined) {
        const hashed = hash.advance(SLICE);
        if (hash.hashed !== size) return hashed;
        this.#answer({ type: "file", id, digest: hash.digest() });
      }
    } catch (error) {
      file.error = diskError("read", path, error) as RunOutputsError;
    }
    if (file.error !== undefined) {
      if (size === undefined) return 0;
      const { code, message } = file.error;
      this.#answer({ type: "failed", id, error: { code, message } });
    }
    this.#close(id);
    return 0;
  }

  #close(id: number): void {
    this.#files.get(id)?.hash[Symbol.dispose]();
    this.#files.delete(id);
  }
}
