/**
 * State that the parts of the S3 driver share: settings, transport, retries, and the limits over
 * all files together.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { AdaptiveLimit } from "../adaptive_limit.ts";
import type { LineLimits } from "../line_limits.ts";
import { MAX_STREAMS, START_STREAMS, StreamCount } from "../stream_count.ts";
import { Hashers } from "../hash/hashers.ts";
import { Retrier, type RetryOptions, type RetrySeries } from "../retry.ts";
import { Semaphore } from "../semaphore.ts";
import { isLost, isSlowDown, isStall, retryAdvice } from "./errors.ts";
import type { S3Settings, StaticCredentials } from "./settings.ts";
import type { S3Request, S3Response } from "./request.ts";
import { SlowNotice } from "./slow_notice.ts";
import { Transport } from "./transport.ts";

/** Counts at most this much of a body: the progress of larger ones can be observed. */
const MAX_UNSEEN = 1024 * 1024;

/** Smaller buffers are not kept: new ones are as fast. */
const LEAST_KEPT = 64 * 1024;

/** A backend's connection to its server. */
export class Session implements Disposable {
  /** The settings. */
  readonly settings: S3Settings;
  /** Sends single requests. */
  readonly transport: Transport;
  /** Limits what is transferred at once, by the speed of the line. */
  readonly line: LineLimits;
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
  /** The buckets that require a checksum with everything that is stored in them. */
  readonly checksumBuckets = new Set<string>();
  readonly #retrier: Retrier;
  readonly #limit: AdaptiveLimit;
  readonly #slow: SlowNotice;
  readonly #noticed = new Set<string>();
  readonly #buffers: ArrayBuffer[] = [];

  /**
   * Opens a session. It sends no request yet.
   *
   * @param settings The settings.
   */
  constructor(settings: S3Settings) {
    this.settings = settings;
    this.transport = new Transport(settings);
    this.memory = new Semaphore(() => this.#bytesInMemory);
    this.checksums = settings.requestChecksums;
    this.responseChecksums = settings.responseChecksums;
    this.#retrier = new Retrier(settings.retry, retryAdvice);
    const wanted = settings.stallTimeout / 4;
    this.#limit = new AdaptiveLimit({ max: settings.maxRequests, wanted });
    // No more parts at once than the memory takes that is granted before the line is known.
    const start = Math.floor(settings.maxBytesInMemory / settings.partSize);
    const limit = (start: number) =>
      new AdaptiveLimit({
        max: MAX_STREAMS,
        wanted,
        count: new StreamCount({ start: Math.max(1, Math.min(START_STREAMS, start)) }),
      });
    this.line = { down: limit(START_STREAMS), up: limit(start) };
    const patience = this.#retrier.maxElapsed + settings.stallTimeout;
    this.#slow = new SlowNotice({ ...settings, patience });
  }

  /**
   * Sends a request for an object, with retries.
   *
   * @param request The request.
   * @param signal The caller's.
   * @param use Reads the response; its errors count as failures of the request.
   * @param find Looks up whether the request has succeeded although its response was lost. Called
   * before each retry and before the request fails.
   * @returns The result of `use` or `find`.
   * @throws {RunOutputsError} The last error.
   */
  async request<T>(
    request: S3Request | ((attempt: number) => S3Request),
    signal: AbortSignal | undefined,
    use: (answer: S3Response, attempt: number) => T | Promise<T>,
    find?: () => Promise<T | undefined>,
  ): Promise<T> {
    let lost: unknown;
    let isUnseen = false;
    const look = async () => {
      isUnseen = true;
      const found = await find?.();
      lost = undefined;
      return found;
    };
    return await this.#retrier.run(async (attempt, series) => {
      const found = lost === undefined ? undefined : await look();
      if (found !== undefined) return found;
      const one = typeof request === "function" ? request(attempt) : request;
      try {
        const wait = (ms: number) => series.waited(ms);
        return await this.once(one, signal, (answer) => use(answer, attempt), wait);
      } catch (error) {
        isUnseen = false;
        lost = find !== undefined && isLost(error) ? error : undefined;
        throw error;
      }
    }, this.#retries(signal)).catch(async (error) => {
      if (lost === undefined || signal?.aborted) throw error;
      // A lookup that has just failed is not repeated.
      const found = isUnseen ? undefined : await look().catch(() => {});
      signal?.throwIfAborted();
      if (found === undefined) throw lost ?? error;
      return found;
    });
  }

  /**
   * Sends a request once.
   *
   * @param request The request.
   * @param signal The caller's.
   * @param use Reads the response.
   * @param onWait Called with how long the request waited for its turn, in milliseconds.
   * @returns What `use` returns.
   * @throws {RunOutputsError} The error of the request.
   */
  async once<T>(
    request: S3Request,
    signal: AbortSignal | undefined,
    use: (answer: S3Response) => T | Promise<T>,
    onWait?: (ms: number) => void,
  ): Promise<T> {
    const size = request.body?.length ?? 0;
    const exchange = async () => await this.#exchange(request, signal, use);
    return await this.#bounded(size, exchange, signal, onWait);
  }

  /**
   * Requests a document or a change, with retries.
   *
   * @param request The request.
   * @param signal The caller's.
   * @param read Reads the response; its errors count as failures of the request.
   * @param maxAttempts The maximum number of attempts, if lower than the policy's.
   * @returns What `read` returns.
   * @throws {RunOutputsError} The last error.
   */
  async document<T>(
    request: S3Request | ((attempt: number) => S3Request),
    signal: AbortSignal | undefined,
    read: (answer: S3Response) => Promise<T>,
    maxAttempts?: number,
  ): Promise<T> {
    const { action, location } = typeof request === "function" ? request(1) : request;
    return await this.call(action, location, signal, async (credentials, attempt) => {
      const one = typeof request === "function" ? request(attempt) : request;
      using answer = await this.transport.sendAs(credentials, one, signal);
      return await read(answer);
    }, maxAttempts);
  }

  /**
   * Makes a call that is no transfer of an object, with retries.
   *
   * @param action The action, for messages.
   * @param location The target.
   * @param signal The caller's.
   * @param call Makes one attempt, with the given credentials.
   * @param maxAttempts The maximum number of attempts, if lower than the policy's.
   * @returns What the call returns.
   * @throws {RunOutputsError} The last error.
   */
  async call<T>(
    action: string,
    location: OutputLocation,
    signal: AbortSignal | undefined,
    call: (credentials: StaticCredentials | undefined, attempt: number) => Promise<T>,
    maxAttempts?: number,
  ): Promise<T> {
    return await this.#retrier.run(
      async (attempt, series) =>
        await this.#bounded(
          0,
          async () => {
            // Others may take long: a copy on the server, for example.
            const isRead = action === "list";
            using _ = isRead ? this.#slow.begin(this.transport.host(location.bucket)) : undefined;
            const result = await this.transport.attempt(
              action,
              location,
              signal,
              async (credentials) => await call(credentials, attempt),
            );
            return { result };
          },
          signal,
          (ms) => series.waited(ms),
        ),
      { ...this.#retries(signal), maxAttempts },
    );
  }

  /**
   * A series of attempts that the caller makes.
   *
   * @param signal The caller's.
   * @returns The series.
   */
  retries(signal: AbortSignal | undefined): RetrySeries {
    return this.#retrier.series(this.#retries(signal));
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
   * Whether requests that store bytes in a bucket carry a checksum header.
   *
   * @param bucket The bucket.
   * @returns `true`, if the server supports it, as far as is known, or the bucket requires it.
   */
  sendsChecksums(bucket: string): boolean {
    return this.checksums || this.checksumBuckets.has(bucket);
  }

  /**
   * A buffer for an object or a part of it. New ones pile up faster than they are garbage-collected,
   * and their pages are mapped and cleared one by one.
   *
   * @param size Its size.
   * @returns A buffer with arbitrary content.
   */
  takeBuffer(size: number): Uint8Array<ArrayBuffer> {
    const capacity = capacityFor(size, this.settings.partSize);
    const index = this.#buffers.findLastIndex(({ byteLength }) => byteLength === capacity);
    const buffer = index === -1 ? undefined : this.#buffers.splice(index, 1)[0];
    return new Uint8Array(buffer ?? new ArrayBuffer(capacity), 0, size);
  }

  /**
   * Returns a buffer that nobody reads any more.
   *
   * @param view The buffer, or a part of it.
   */
  giveBuffer({ buffer }: Uint8Array<ArrayBuffer>): void {
    if (buffer.byteLength < LEAST_KEPT || buffer.byteLength > this.settings.partSize) return;
    this.#buffers.push(buffer);
    let kept = this.#buffers.reduce((sum, { byteLength }) => sum + byteLength, 0);
    // The oldest ones are of a size that is not used any more.
    while (kept > this.settings.maxBytesInMemory) kept -= this.#buffers.shift()!.byteLength;
  }

  /** Closes all connections. */
  [Symbol.dispose](): void {
    this.#slow[Symbol.dispose]();
    this.hashers[Symbol.dispose]();
    this.transport[Symbol.dispose]();
  }

  /** The memory of uploads: enough for as many parts as may be sent at once. */
  get #bytesInMemory(): number {
    const { maxBytesInMemory: first, mostBytesInMemory: most, partSize } = this.settings;
    return Math.max(first, Math.min(most, this.line.up.limit * partSize));
  }

  async #exchange<T>(
    request: S3Request,
    signal: AbortSignal | undefined,
    use: (answer: S3Response) => T | Promise<T>,
  ): Promise<{ readonly result: T; readonly quiet: number }> {
    const { method, location } = request;
    const isRead = method === "GET" || method === "HEAD";
    using _ = isRead ? this.#slow.begin(this.transport.host(location.bucket)) : undefined;
    const answer = await this.transport.send(request, signal);
    const { quiet } = answer.watchdog;
    return { result: await use(answer), quiet };
  }

  #retries(signal: AbortSignal | undefined): RetryOptions {
    const call = {};
    return {
      signal,
      onRetry: (error) => {
        this.#slow.failing(call, error);
        this.settings.onRetry?.(error);
      },
      onGiveUp: () => this.#slow.gaveUp(call),
    };
  }

  /** Makes a call, with a body of `size` bytes, when the limits have room for it. */
  async #bounded<T>(
    size: number,
    call: () => Promise<{ readonly result: T; readonly quiet?: number }>,
    signal: AbortSignal | undefined,
    onWait?: (ms: number) => void,
  ): Promise<T> {
    const { down, up } = this.line;
    const asked = Date.now();
    // First the line: a body that waits for it must not take a place that others could use.
    const sending = size < MAX_UNSEEN ? undefined : await up.acquire(0, signal);
    const began = performance.now();
    const place = await this.#limit.acquire(Math.min(size, MAX_UNSEEN), signal)
      .catch((error) => {
        sending?.end();
        throw error;
      });
    onWait?.(Date.now() - asked);
    const [before, beforeUp] = [down.halvings, up.halvings];
    try {
      const { result, quiet = 0 } = await call();
      sending?.sent(size, performance.now() - began);
      this.#slow.answered();
      place.end(quiet);
      return result;
    } catch (error) {
      if (isSlowDown(error)) {
        place.slowDown();
        down.slowDown(before);
        up.slowDown(beforeUp);
      }
      if (isStall(error)) place.stalled();
      if (error instanceof RunOutputsError && !error.retryable) this.#slow.answered();
      throw error;
    } finally {
      place.end();
      sending?.end();
    }
  }
}

/** A size that recurs although objects have different ones: a power of two, or that of a part. */
function capacityFor(size: number, partSize: number): number {
  if (size < LEAST_KEPT || size > partSize) return size;
  return Math.min(2 ** Math.ceil(Math.log2(size)), partSize);
}
