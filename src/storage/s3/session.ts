/**
 * State that the parts of the S3 driver share: settings, transport, retries, and the limits over
 * all files together.
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
  /** The settings. */
  readonly settings: S3Settings;
  /** Sends single requests. */
  readonly transport: Transport;
  /** Limits the memory of uploads. */
  readonly memory: Semaphore;
  /** Hash what is sent, in parallel. */
  readonly hashers = new Hashers();
  /**
   * Files that are read for their hash before sending are read one by one, so that the others can
   * send.
   */
  readonly surveys = new Semaphore(1);
  /** Whether the server supports checksum headers, as far as known. */
  checksums: boolean;
  /**
   * Whether responses with whole objects should have a checksum, as far as the server supports it.
   */
  responseChecksums: boolean;
  /** Whether the server supports conditional writes, as far as known. */
  conditions = true;
  /** Whether the server compares the etags of conditional writes without quotes. */
  bareEtags = false;
  /** The buckets in which a write with the right etag was rejected. */
  readonly unmatchable = new Set<string>();
  /** The buckets that demand a checksum with what is copied into them. */
  readonly checksumBuckets = new Set<string>();
  readonly #retrier: Retrier;
  readonly #limit: AdaptiveLimit;
  readonly #commands: Commands;
  readonly #noticed = new Set<string>();
  readonly #buffers: Uint8Array<ArrayBuffer>[] = [];

  /**
   * Opens a session. It sends no request yet.
   *
   * @param settings The settings.
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
   * Sends a request for an object, with retries.
   *
   * @param request The request.
   * @param signal The caller's.
   * @param use Reads the response; its errors count as failures of the request.
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
   * @param use Reads the response.
   * @returns What `use` returns.
   * @throws {RunOutputsError} The error of the request.
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
   * Runs a command of the SDK, with retries.
   *
   * @param action The action, for messages.
   * @param location The target.
   * @param signal The caller's.
   * @param call Sends the command with the given client.
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
   * Reports something to the user once.
   *
   * @param message One line.
   */
  notice(message: string): void {
    if (this.#noticed.has(message)) return;
    this.#noticed.add(message);
    this.settings.onNotice?.(message);
  }

  /**
   * Reports once that a list skips an object.
   *
   * @param message One line.
   */
  skipped(message: string): void {
    if (this.#noticed.has(message)) return;
    this.#noticed.add(message);
    (this.settings.onSkipped ?? this.settings.onNotice)?.(message);
  }

  /**
   * A buffer for a part. New ones pile up faster than they are garbage-collected.
   *
   * @param size Its size.
   * @returns A buffer with arbitrary content.
   */
  takeBuffer(size: number): Uint8Array<ArrayBuffer> {
    const index = this.#buffers.findIndex((buffer) => buffer.length === size);
    return index === -1 ? new Uint8Array(size) : this.#buffers.splice(index, 1)[0];
  }

  /**
   * Returns a buffer that nobody reads any more.
   *
   * @param buffer The buffer.
   */
  giveBuffer(buffer: Uint8Array<ArrayBuffer>): void {
    // Other sizes do not recur: they are the last part of a file, or of another object.
    if (buffer.length !== this.settings.partSize) return;
    if (this.#buffers.length * buffer.length >= this.settings.maxBytesInMemory) return;
    this.#buffers.push(buffer);
  }

  /** Closes all connections. */
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
