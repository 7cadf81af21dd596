/**
 * What a hashing thread does with the messages it gets. The same runs in the main thread, where
 * no other can be had.
 *
 * @module
 */

import { createHash, type Hash } from "node:crypto";
import { diskError } from "../../errors/disk.ts";
import type { ErrorCode, RunOutputsError } from "../../errors/error.ts";
import type { ByteRange } from "../backend.ts";
import { type FileDigest, FileHash } from "./file_hash.ts";

/** What a hashing thread is told. `id` tells which file or stream. */
export type HashRequest =
  /** A file that is to be hashed as it comes. */
  | { readonly type: "file"; readonly id: number; readonly path: string; readonly partSize: number }
  /** Bytes of it are there. */
  | { readonly type: "there"; readonly id: number; readonly range: ByteRange }
  /** All of it is there, or will have been told of: its digest is wanted. */
  | { readonly type: "end"; readonly id: number; readonly size: number }
  /** A row of pieces that are hashed one by one, and all together. */
  | { readonly type: "stream"; readonly id: number }
  /** The next piece; the bytes come back with their digest. */
  | {
    readonly type: "piece";
    readonly id: number;
    readonly bytes: Uint8Array<ArrayBuffer>;
    /** Whether the digest of the piece itself is wanted. */
    readonly own: boolean;
    /** Whether it counts in the digest of all. */
    readonly whole: boolean;
  }
  /** The digest of all pieces is wanted. */
  | { readonly type: "total"; readonly id: number }
  /** Nobody wants to know any more. */
  | { readonly type: "drop"; readonly id: number };

/** What a hashing thread answers. */
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
    /** An error does not keep its class on the way between threads. */
    readonly error: { readonly code: ErrorCode; readonly message: string };
  };

/** How many bytes of one file are hashed before messages are looked at: some 10 ms. */
const SLICE = 16 * 1024 * 1024;

/** A file under way. */
interface OpenFile {
  readonly path: string;
  readonly hash: FileHash;
  /** What went wrong, until somebody wants to know. */
  error?: RunOutputsError;
  /** How long it is, once that is known and its digest is wanted. */
  size?: number;
}

/** Hashes files and pieces as it is told. */
export class HashServer implements Disposable {
  readonly #answer: (answer: HashAnswer, transfer?: Transferable[]) => void;
  readonly #files = new Map<number, OpenFile>();
  readonly #streams = new Map<number, Hash>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Creates a server.
   *
   * @param answer Sends an answer.
   */
  constructor(answer: (answer: HashAnswer, transfer?: Transferable[]) => void) {
    this.#answer = answer;
  }

  /**
   * Takes a message.
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
      case "there":
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
