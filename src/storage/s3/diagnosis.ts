/**
 * Looks at one connection to S3 from outside: its settings, its credentials, and what the server
 * answers. For `run-outputs doctor`.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import { OutputLocation } from "../../layout/output_location.ts";
import type { ObjectInfo } from "../backend.ts";
import { textOf } from "./body_text.ts";
import { S3Failure } from "./errors.ts";
import { listObjects } from "./list.ts";
import { type Proxy, proxyFor } from "./proxy.ts";
import type { S3Response } from "./request.ts";
import { Session } from "./session.ts";
import { readSettings, type S3BackendOptions, type S3Settings } from "./settings.ts";
import { testWrites, type WriteTest } from "./probe_writes.ts";

/** How long a silent server is waited for, in milliseconds. */
const PATIENCE = 10_000;

/** Credentials, without their secrets. */
export interface CredentialsInfo {
  /** Where they come from, in a few words. */
  readonly source: string;
  /** The end of the access key's id; the rest is hidden. */
  readonly keyId: string;
  /** When they expire, if they do and say so. */
  readonly expiration?: Date;
}

/** The answer to one request for a bucket. */
export interface Contact {
  /** Whether a server answered, with whatever. */
  readonly answered: boolean;
  /** How far the server's clock is ahead of ours, in milliseconds, if it said the time. */
  readonly skew?: number;
  /** The region that requests for the bucket are signed for, after redirects. */
  readonly region: string;
  /** Why the bucket can't be listed. */
  readonly error?: RunOutputsError;
}

/** What a server does with reads of a part of an object, and with reads on a condition. */
export interface PartialReads {
  /** The object that was read. */
  readonly location: OutputLocation;
  /** Whether it sends the requested bytes alone. */
  readonly ranges: boolean;
  /** Whether it refuses to send another version than the requested one. */
  readonly conditions: boolean;
}

/** A connection that is looked at. Dispose of it. */
export class S3Diagnosis implements Disposable {
  /** The resolved settings. */
  readonly settings: S3Settings;
  readonly #session: Session;
  readonly #contacts = new Map<string, Promise<Contact>>();

  private constructor(settings: S3Settings) {
    this.settings = settings;
    this.#session = new Session(settings);
  }

  /**
   * Opens a connection as a backend would, except that nothing is tried twice. Sends no request.
   *
   * @param options The options of the backend.
   * @returns The connection.
   * @throws {RunOutputsError} `invalid`, naming the option or the variable.
   */
  static async open(options: S3BackendOptions): Promise<S3Diagnosis> {
    const settings = await readSettings({
      stallTimeout: PATIENCE,
      ...options,
      retry: { ...options.retry, maxAttempts: 1 },
      // They are what the result says.
      onNotice: () => {},
    });
    return new S3Diagnosis(settings);
  }

  /** The host of requests for a bucket. */
  host(bucket: string): string {
    return this.#session.transport.host(bucket);
  }

  /** The proxy that requests for a bucket use. */
  proxy(bucket: string): Proxy | undefined {
    const { endpoint, env } = this.settings;
    return proxyFor(endpoint ?? new URL(`https://${this.host(bucket)}`), env);
  }

  /**
   * Finds the credentials.
   *
   * @returns The credentials; `undefined`, if there are none, or requests are not signed.
   * @throws {RunOutputsError} `unauthenticated`, if there should be some.
   */
  async credentials(): Promise<CredentialsInfo | undefined> {
    const { credentials } = this.#session.transport;
    const found = await credentials.get();
    if (found === undefined) return undefined;
    return {
      source: credentials.sourceOf(found),
      keyId: `****${found.accessKeyId.length < 12 ? "" : found.accessKeyId.slice(-4)}`,
      expiration: found.expiration,
    };
  }

  /**
   * Lists one object of a bucket. One request serves all callers.
   *
   * @param bucket The bucket.
   * @param signal The caller's.
   * @returns What the server answered.
   * @throws The signal's reason.
   */
  contact(bucket: string, signal?: AbortSignal): Promise<Contact> {
    let contact = this.#contacts.get(bucket);
    if (contact === undefined) this.#contacts.set(bucket, contact = this.#contact(bucket, signal));
    return contact;
  }

  async #contact(bucket: string, signal: AbortSignal | undefined): Promise<Contact> {
    const { transport } = this.#session;
    const request = {
      action: "list",
      method: "GET",
      location: new OutputLocation(bucket, ""),
      query: { "list-type": "2", "max-keys": "1" },
    } as const;
    try {
      const skew = await this.#session.once(request, signal, async (answer) => {
        using _ = answer;
        if (!/<ListBucketResult[\s>]/.test(await textOf(answer))) throw this.#notS3(bucket);
        const date = Date.parse(answer.response.headers.get("date") ?? "");
        return Number.isNaN(date) ? undefined : date - Date.now();
      });
      return { answered: true, skew, region: transport.region(bucket) };
    } catch (error) {
      signal?.throwIfAborted();
      const failed = error instanceof RunOutputsError
        ? error
        : new RunOutputsError("failed", error instanceof Error ? error.message : String(error));
      const failure = failed.cause instanceof S3Failure ? failed.cause : undefined;
      return {
        answered: failure !== undefined,
        skew: failure?.skew,
        region: transport.region(bucket),
        error: failed,
      };
    }
  }

  #notS3(bucket: string): RunOutputsError {
    return new RunOutputsError(
      "transient",
      `Cannot list 's3://${bucket}/': the response of ${this.host(bucket)} is not from an S3 ` +
        "server; check --endpoint-url and proxies",
    );
  }

  /**
   * Reads a byte of some object in different ways.
   *
   * @param bucket The bucket.
   * @param signal The caller's.
   * @returns What the server does; `undefined`, if the bucket has no object of two bytes among its
   * first ones.
   * @throws {RunOutputsError} Errors of a list and a read.
   */
  async partialReads(bucket: string, signal?: AbortSignal): Promise<PartialReads | undefined> {
    const sample = await this.#sample(bucket, signal);
    if (sample === undefined) return undefined;
    const { location, etag } = sample;
    const read = async (ifMatch: string) => {
      const headers = { range: "bytes=1-1", "if-match": ifMatch };
      const request = { action: "read", method: "GET", location, headers } as const;
      return await this.#session.once(request, signal, cancelled);
    };
    const status = await read(`"${etag}"`);
    const conditions = await read('"00000000000000000000000000000000"').then(
      () => false,
      (error) => {
        if (isAnswer(error, [412])) return true;
        throw error;
      },
    );
    return { location, ranges: status === 206, conditions };
  }

  async #sample(bucket: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    let looked = 0;
    for await (
      const info of listObjects(this.#session, new OutputLocation(bucket, ""), { signal })
    ) {
      if (info.size >= 2) return info;
      if (++looked >= 1000) break;
    }
    return undefined;
  }

  /**
   * Writes a probe object, overwrites it on conditions, and deletes it.
   *
   * @param location Where no object is.
   * @param signal The caller's.
   * @returns What the server does with writes.
   * @throws {RunOutputsError} If the object can't be written.
   */
  async testWrites(location: OutputLocation, signal?: AbortSignal): Promise<WriteTest> {
    return await testWrites(this.#session, location, signal);
  }

  /** Closes connections. */
  [Symbol.dispose](): void {
    this.#session[Symbol.dispose]();
  }
}

/** Ignores a response's body, and returns the status. */
async function cancelled(answer: S3Response): Promise<number> {
  using _ = answer;
  await answer.response.body?.cancel();
  return answer.response.status;
}

/**
 * Whether a server answered with one of these statuses.
 *
 * @param error The error of a request.
 * @param statuses HTTP statuses.
 * @returns Whether it did.
 */
function isAnswer(error: unknown, statuses: readonly number[]): boolean {
  const { cause } = error instanceof RunOutputsError ? error : {};
  return cause instanceof S3Failure && statuses.includes(cause.status);
}
