/**
 * Reads from S3: `HEAD`, and `GET` with a body that resumes after an interruption.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { ByteRange, CallOptions, ObjectBody, ObjectInfo, ReadOptions } from "../backend.ts";
import { clipRange } from "../range.ts";
import type { RetrySeries } from "../retry.ts";
import { refusesChecksums } from "./checksum_support.ts";
import { isLost, s3Error, S3Failure } from "./errors.ts";
import { contentLength, objectInfo } from "./object_info.ts";
import { ASK_FOR_CHECKSUM, ResponseChecksum } from "./response_checksum.ts";
import type { Session } from "./session.ts";
import type { S3Request, S3Response } from "./request.ts";

/**
 * The chunk size of a body. A connection returns about 100 KiB at a time; larger chunks cost their
 * reader less.
 */
const CHUNK = 1024 * 1024;

/** The number of bytes after which a connection counts as progress for retries. */
const PROGRESS = 1024 * 1024;

/**
 * Requests an object's headers.
 *
 * @param session The connection.
 * @param location The object.
 * @param options A signal.
 * @returns The properties of the object.
 * @throws {RunOutputsError} As in `StorageBackend.stat`.
 */
export async function statObject(
  session: Session,
  location: OutputLocation,
  { signal }: CallOptions = {},
): Promise<ObjectInfo> {
  const { request, use } = head(session, location);
  return await session.request(request, signal, use);
}

/**
 * Looks up an object, without retries.
 *
 * @param session The connection.
 * @param location The object.
 * @param signal The caller's.
 * @returns The object; `undefined`, if it does not exist, or may not be read.
 * @throws {RunOutputsError} `transient`, if a retry can help; the signal's reason.
 */
export async function lookAtObject(
  session: Session,
  location: OutputLocation,
  signal: AbortSignal | undefined,
): Promise<ObjectInfo | undefined> {
  const { request, use } = head(session, location);
  try {
    return await session.once(request, signal, use);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof RunOutputsError && error.retryable) throw error;
    return undefined;
  }
}

/**
 * The existing object after a failure. If this request fails too, that failure is the error to
 * report.
 *
 * @param session The connection.
 * @param location The object.
 * @param error The failure. If the server did not respond, the lookup is not retried.
 * @param signal The caller's.
 * @returns The object; `undefined`, if it does not exist.
 * @throws The signal's reason.
 */
export async function existingObject(
  session: Session,
  location: OutputLocation,
  error: unknown,
  signal: AbortSignal | undefined,
): Promise<ObjectInfo | undefined> {
  try {
    return isLost(error)
      ? await lookAtObject(session, location, signal)
      : await statObject(session, location, { signal });
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
}

function head(session: Session, location: OutputLocation) {
  const request: S3Request = { action: "read", method: "HEAD", location, headers: {} };
  const use = (answer: S3Response): ObjectInfo => {
    using _ = answer;
    return checked(session, location, () => objectInfo(location, answer.response));
  };
  return { request, use };
}

/**
 * Opens an object.
 *
 * @param session The connection.
 * @param location The object.
 * @param options As in `StorageBackend.read`.
 * @returns The body.
 * @throws {RunOutputsError} As in `StorageBackend.read`.
 */
export async function readObject(
  session: Session,
  location: OutputLocation,
  options: ReadOptions = {},
): Promise<ObjectBody> {
  const { range, ifMatch, signal } = options;
  if (range !== undefined) clipRange(range, Number.MAX_SAFE_INTEGER);
  if (range !== undefined && range.start === range.end) {
    return await emptyBody(session, location, options);
  }
  try {
    const opened = await open(session, location, range, ifMatch, signal);
    return new S3Body(session, location, opened, signal);
  } catch (error) {
    if (!isBehindTheEnd(error)) throw error;
    return await emptyBody(session, location, options);
  }
}

/** A response whose bytes will be read, and their range. */
interface Opened {
  readonly info: ObjectInfo;
  readonly range: ByteRange;
  readonly answer: S3Response;
}

async function open(
  session: Session,
  location: OutputLocation,
  range: ByteRange | undefined,
  etag: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Opened> {
  const series = session.retries(signal);
  for (;;) {
    const asked = range === undefined && session.responseChecksums;
    try {
      return await openOnce(session, location, range, etag, signal, series);
    } catch (error) {
      if (asked && refusesChecksums(error)) {
        session.responseChecksums = false;
        continue;
      }
      await series.failed(error);
    }
  }
}

async function openOnce(
  session: Session,
  location: OutputLocation,
  range: ByteRange | undefined,
  etag: string | undefined,
  signal: AbortSignal | undefined,
  series: RetrySeries,
): Promise<Opened> {
  const headers: Record<string, string> = {};
  if (range !== undefined) headers.range = `bytes=${range.start}-${range.end - 1}`;
  if (etag !== undefined) headers["if-match"] = `"${etag}"`;
  if (range === undefined && session.responseChecksums) {
    Object.assign(headers, ASK_FOR_CHECKSUM);
  }
  // The request's slot is released once the headers have arrived: a caller that reads one body to
  // write another object must not wait for itself.
  const answer = await session.once(
    { action: "read", method: "GET", location, headers },
    signal,
    (answer) => answer,
    (ms) => series.waited(ms),
  );
  // A caller may wait before it reads a body.
  answer.watchdog.touch();
  answer.watchdog.rest();
  try {
    // Some gateways do not send the length of a whole body, except in a response to HEAD.
    const { headers } = answer.response;
    const isUnmeasured = headers.has("etag") && !headers.has("content-length");
    const size = answer.response.status === 200 && isUnmeasured
      ? (await statObject(session, location, { signal })).size
      : undefined;
    return checked(session, location, () => {
      const info = objectInfo(location, answer.response, size);
      const expected = clipRange(range, info.size);
      checkAnswer(answer.response, expected, range !== undefined);
      if (etag !== undefined && info.etag !== etag) {
        throw new RunOutputsError(
          "conflict",
          `Cannot read '${session.transport.show(location)}': it has changed`,
        );
      }
      return { info, range: expected, answer };
    });
  } catch (error) {
    answer[Symbol.dispose]();
    await answer.response.body?.cancel();
    throw error;
  }
}

/** Rejects a response with another range than the requested one. */
function checkAnswer(response: Response, { start, end }: ByteRange, ranged: boolean): void {
  const expected = `bytes ${start}-${end - 1}/`;
  // A body without a length is counted while it is read.
  const length = contentLength(response.headers) ?? end - start;
  const isRange = response.headers.get("content-range")?.startsWith(expected) ?? false;
  const fits = ranged ? response.status === 206 && isRange : response.status === 200;
  if (fits && length === end - start) return;
  throw new S3Failure(
    299,
    "",
    `${length} bytes (status ${response.status}), expected bytes ${start} to ${end}`,
  );
}

/** A read of an empty range: the object must exist nevertheless. */
async function emptyBody(
  session: Session,
  location: OutputLocation,
  { range, ifMatch, signal }: ReadOptions,
): Promise<ObjectBody> {
  const info = await statObject(session, location, { signal });
  if (ifMatch !== undefined && info.etag !== ifMatch) {
    throw new RunOutputsError(
      "conflict",
      `Cannot read '${session.transport.show(location)}': it has changed`,
    );
  }
  const { start, end } = clipRange(range, info.size);
  if (end > start) {
    throw new RunOutputsError(
      "conflict",
      `Cannot read '${session.transport.show(location)}': it has changed`,
    );
  }
  return {
    info,
    async *[Symbol.asyncIterator]() {},
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** A body from S3. If its connection breaks, another one fetches the rest of the bytes. */
class S3Body implements ObjectBody {
  readonly info: ObjectInfo;
  readonly #session: Session;
  readonly #location: OutputLocation;
  readonly #range: ByteRange;
  readonly #signal: AbortSignal | undefined;
  readonly #checksum: ResponseChecksum | undefined;
  #answer: S3Response | undefined;
  #begun = false;
  #quiet = 0;

  constructor(
    session: Session,
    location: OutputLocation,
    { info, range, answer }: Opened,
    signal: AbortSignal | undefined,
  ) {
    this.#session = session;
    this.#location = location;
    this.info = info;
    this.#range = range;
    this.#answer = answer;
    this.#signal = signal;
    // If a hash is recorded, whoever stores the bytes verifies it.
    if (answer.response.status === 200 && info.sha256 === undefined) {
      this.#checksum = ResponseChecksum.of(answer.response.headers);
    }
  }

  get quiet(): number {
    return Math.max(this.#quiet, this.#answer?.watchdog.quiet ?? 0);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    if (this.#begun) {
      throw new RunOutputsError(
        "failed",
        `Cannot read '${this.#location}': it can be read only once`,
      );
    }
    this.#begun = true;
    let { start } = this.#range;
    const { end } = this.#range;
    const series = this.#session.retries(this.#signal);
    try {
      for (;;) {
        try {
          if (this.#answer === undefined) await this.#reopen(start, series);
          const since = start;
          for await (const chunk of this.#chunks(this.#answer!, end - start)) {
            start += chunk.length;
            if (start - since >= PROGRESS) series.progressed();
            this.#checksum?.update(chunk);
            yield chunk;
          }
          this.#checksum?.verify(this.#session.transport.show(this.#location));
          return;
        } catch (error) {
          await this.#close();
          await series.failed(error);
        }
      }
    } finally {
      await this.#close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#begun = true;
    await this.#close();
  }

  async #reopen(start: number, series: RetrySeries): Promise<void> {
    const rest = { start, end: this.#range.end };
    const { etag } = this.info;
    const [session, location, signal] = [this.#session, this.#location, this.#signal];
    try {
      const { answer } = await openOnce(session, location, rest, etag, signal, series);
      this.#answer = answer;
    } catch (error) {
      if (error instanceof RunOutputsError && error.code === "conflict") {
        throw new RunOutputsError(
          "conflict",
          `Cannot read '${
            this.#session.transport.show(this.#location)
          }': it was replaced while it was being read; try again`,
          { cause: error },
        );
      }
      throw error;
    }
  }

  /** The bytes of one response, all of them or an error. */
  async *#chunks({ response, watchdog }: S3Response, size: number): AsyncGenerator<Uint8Array> {
    const location = this.#location;
    const reader = response.body!.getReader({ mode: "byob" });
    let left = size;
    const length = Math.max(1, Math.min(CHUNK, size));
    let { buffer } = this.#session.takeBuffer(length);
    let filled = 0;
    try {
      for (;;) {
        watchdog.wake();
        const room = new Uint8Array(buffer, filled, length - filled);
        const { value, done } = await reader.read(room);
        // The buffer moves with each read, to the end of the body too.
        if (value !== undefined) ({ buffer } = value);
        watchdog.moved(value?.length ?? 0);
        this.#session.line.down.moved(value?.length ?? 0);
        watchdog.rest();
        if (done) {
          if (filled > 0) yield new Uint8Array(buffer, 0, filled);
          break;
        }
        filled += value.length;
        left -= value.length;
        if (left < 0) break;
        if (left > 0 && filled < length) continue;
        const chunk = new Uint8Array(buffer, 0, filled);
        filled = 0;
        yield chunk;
      }
    } catch (error) {
      throw failed(
        this.#session,
        location,
        watchdog.signal.aborted ? watchdog.signal.reason : error,
        this.#signal,
      );
    } finally {
      reader.releaseLock();
    }
    // A reader that stops before the end may keep its last chunk.
    this.#session.giveBuffer(new Uint8Array(buffer));
    if (left === 0) return;
    throw new RunOutputsError(
      "transient",
      `Cannot read '${this.#session.transport.show(location)}': its body is ${
        Math.abs(left)
      } bytes too ` +
        `${left < 0 ? "long" : "short"}; try again`,
    );
  }

  async #close(): Promise<void> {
    const answer = this.#answer;
    this.#quiet = this.quiet;
    this.#answer = undefined;
    if (answer === undefined) return;
    answer[Symbol.dispose]();
    // A failed body cannot be cancelled, and needs no cleanup.
    await answer.response.body?.cancel().catch(() => {});
  }
}

function isBehindTheEnd(error: unknown): boolean {
  return error instanceof RunOutputsError && error.cause instanceof S3Failure &&
    error.cause.status === 416;
}

function checked<T>(session: Session, location: OutputLocation, check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw failed(session, location, error, undefined);
  }
}

function failed(
  session: Session,
  location: OutputLocation,
  error: unknown,
  signal: AbortSignal | undefined,
): unknown {
  const host = session.transport.host(location.bucket);
  const context = { action: "read", target: session.transport.show(location), host, signed: true };
  return s3Error(context, error, signal);
}
