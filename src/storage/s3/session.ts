/**
 * What the parts of the S3 driver share: settings, transport, retries, and the bounds that hold
 * over all files together.
 *
 * @module
 */

import type { S3Client } from "@aws-sdk/client-s3";
import type { OutputLocation } from "../../layout/output_location.ts";
import { AdaptiveLimit } from "../transfer/adaptive_limit.ts";
import { Hashers } from "../hash/hashers.ts";
import { Retrier, type RetrySeries } from "../retry.ts";
import { Semaphore } from "../semaphore.ts";
import { Commands, parserError } from "./commands.ts";
import { isSlowDown, retryAdvice } from "./errors.ts";
import type { S3Settings } from "./settings.ts";
import type { S3Request, S3Response } from "./request.ts";
import { Transport } from "./transport.ts";

/** A backend's connection to its server. */
export class Session implements Disposable {
  /** What the driver is to do. */
  readonly settings: S3Settings;
  /** Sends single requests. */
  readonly transport: Transport;
  /** Bounds the bytes of uploads in memory. */
  readonly memory: Semaphore;
  /** Hash what is sent, beside the sending. */
  readonly hashers = new Hashers();
  /** Files that are read for their hash before they are sent go one by one: the rest can send. */
  readonly surveys = new Semaphore(1);
  /** Whether the server takes checksum headers, as far as is known. */
  checksums: boolean;
  /** Whether answers with whole objects are asked for a checksum, as far as the server knows it. */
  responseChecksums: boolean;
  /** Whether the server knows conditional writes, as far as is known. */
  conditions = true;
  /** Whether the server compares the etags of conditional writes without quotes. */
  bareEtags = false;
  /** The buckets in which a write with the right etag was refused. */
  readonly unmatchable = new Set<string>();
  /** The buckets that demand a checksum with what is copied into them. */
  readonly checksumBuckets = new Set<string>();
  readonly #retrier: Retrier;
  readonly #limit: AdaptiveLimit;
  readonly #commands: Commands;
  readonly #noticed = new Set<string>();
  readonly #buffers: Uint8Array<ArrayBuffer>[] = [];

  /**
   * Opens a session; nothing is sent.
   *
   * @param settings What the driver is to do.
   */
  constructor(settings: S3Settings) {
    this.settings = settings;
    this.transport = new Transport(settings);
    this.memory = new Semaphore(settings.maxBytesInMemory);
    this.checksums = settings.requestChecksums;
    this.responseChecksums = settings.responseChecksums;
    this.#retrier = new Retrier(settings.retry, retryAdvice);
    this.#limit = new AdaptiveLimit(settings.maxRequests);
    this.#commands = new Commands(settings, this.transport);
  }

  /**
   * Sends a request about an object, again where that can help.
   *
   * @param request The request.
   * @param signal The caller's.
   * @param use Reads the answer; what it throws counts as the request's failure.
   * @returns What `use` returns.
   * @throws {RunOutputsError} The last error.
   */
  async request<T>(
    request: S3Request | ((attempt: number) => S3Request),
    signal: AbortSignal | undefined,
    use: (answer: S3Response, attempt: number) => T | Promise<T>,
  ): Promise<T> {
    return await this.#retrier.run(async (attempt) => {
      return await this.once(
        typeof request === "function" ? request(attempt) : request,
        signal,
        (answer) => use(answer, attempt),
      );
    }, { signal, onRetry: this.settings.onRetry });
  }

  /**
   * Sends a request once.
   *
   * @param request The request.
   * @param signal The caller's.
   * @param use Reads the answer.
   * @returns What `use` returns.
   * @throws {RunOutputsError} What went wrong.
   */
  async once<T>(
    request: S3Request,
    signal: AbortSignal | undefined,
    use: (answer: S3Response) => T | Promise<T>,
  ): Promise<T> {
    return await this.#bounded(
      async () => await use(await this.transport.send(request, signal)),
      signal,
    );
  }

  /**
   * Runs a command of the SDK, again where that can help.
   *
   * @param action The action, for messages.
   * @param location To what.
   * @param signal The caller's.
   * @param call Sends the command with the client it is given.
   * @returns What the call returns.
   * @throws {RunOutputsError} The last error.
   */
  async command<T>(
    action: string,
    location: OutputLocation,
    signal: AbortSignal | undefined,
    call: (client: S3Client, attempt: number) => Promise<T>,
  ): Promise<T> {
    return await this.#retrier.run(
      async (attempt) =>
        await this.#bounded(
          async () =>
            await this.transport.attempt(
              action,
              location,
              signal,
              async (credentials) =>
                await call(this.#commands.client(location.bucket, credentials), attempt)
                  .catch((error) => {
                    throw parserError(error);
                  }),
            ),
          signal,
        ),
      { signal, onRetry: this.settings.onRetry },
    );
  }

  /**
   * A series of attempts that the caller makes.
   *
   * @param signal The caller's.
   * @returns The series.
   */
  retries(signal: AbortSignal | undefined): RetrySeries {
    return this.#retrier.series({ signal, onRetry: this.settings.onRetry });
  }

  /**
   * Tells a person something once.
   *
   * @param message One line.
   */
  notice(message: string): void {
    if (this.#noticed.has(message)) return;
    this.#noticed.add(message);
    this.settings.onNotice?.(message);
  }

  /**
   * Tells once that a list leaves an object out.
   *
   * @param message One line.
   */
  skipped(message: string): void {
    if (this.#noticed.has(message)) return;
    this.#noticed.add(message);
    (this.settings.onSkipped ?? this.settings.onNotice)?.(message);
  }

  /**
   * A buffer for a part. Fresh ones pile up faster than they are collected.
   *
   * @param size Its size.
   * @returns A buffer with anything in it.
   */
  takeBuffer(size: number): Uint8Array<ArrayBuffer> {
    const index = this.#buffers.findIndex((buffer) => buffer.length === size);
    return index === -1 ? new Uint8Array(size) : this.#buffers.splice(index, 1)[0];
  }

  /**
   * Gives a buffer back that nobody reads any more.
   *
   * @param buffer The buffer.
   */
  giveBuffer(buffer: Uint8Array<ArrayBuffer>): void {
    // Parts of another size don't come again: what is last in a file, or of another object.
    if (buffer.length !== this.settings.partSize) return;
    if (this.#buffers.length * buffer.length >= this.settings.maxBytesInMemory) return;
    this.#buffers.push(buffer);
  }

  /** Closes what is open. */
  [Symbol.dispose](): void {
    this.hashers[Symbol.dispose]();
    this.#commands[Symbol.dispose]();
    this.transport[Symbol.dispose]();
  }

  async #bounded<T>(call: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return await this.#limit.run(async (slowDown) => {
      try {
        return await call();
      } catch (error) {
        if (isSlowDown((error as Error | undefined)?.cause)) slowDown();
        throw error;
      }
    }, signal);
  }
}
