/**
 * Sends requests: URL, signature, `fetch`, and watchdog.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { amazonDomain } from "./amazon_host.ts";
import { BodyBlob, EAGER, isLarge } from "./body_blob.ts";
import { Credentials } from "./credentials.ts";
import {
  describeSkew,
  failureOf,
  isCorrectable,
  isSkewed,
  type S3Context,
  s3Error,
  S3Failure,
} from "./errors.ts";
import { Line } from "./line.ts";
import { proxyFor } from "./proxy.ts";
import { isElsewhere, isRegion } from "./region.ts";
import { requestedHeaders } from "./requested_headers.ts";
import type { RawRequest, S3Request, S3Response } from "./request.ts";
import type { S3Settings, StaticCredentials } from "./settings.ts";
import { formatQuery, Signer } from "./signer.ts";
import { presumedRegion, publicUrl, requestUrl } from "./urls.ts";
import { Watchdog } from "./watchdog.ts";

/** The hash in the signature of a request without a body. */
const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** Sends requests, each once. Retries are made above. */
export class Transport implements Disposable {
  /** The credentials. */
  readonly credentials: Credentials;
  readonly #settings: S3Settings;
  readonly #fetch: typeof fetch;
  readonly #regions = new Map<string, string>();
  readonly #line = new Line();
  #signers:
    | { readonly of: StaticCredentials; readonly byRegion: Map<string, Signer> }
    | undefined;
  #client: Deno.HttpClient | undefined;
  #clockOffset: number;

  /**
   * Creates a transport.
   *
   * @param settings The server, the region, the certificates.
   */
  constructor(settings: S3Settings) {
    this.#settings = settings;
    this.credentials = new Credentials(settings, (request, signal) => this.fetch(request, signal));
    this.#fetch = settings.fetch ?? fetch;
    this.#clockOffset = settings.clockOffset ?? 0;
  }

  /** How far the server's clock is ahead of ours, as far as known, in milliseconds. */
  get clockOffset(): number {
    return this.#clockOffset;
  }

  /** Formats a location for messages. */
  show(location: OutputLocation): string {
    return this.#settings.show?.(location) ?? location.s3Uri;
  }

  /** The host for requests to a bucket, for messages. */
  host(bucket: string): string {
    return this.#url(bucket, "").host;
  }

  /**
   * The URL of an object for reading without a signature, if it is public.
   *
   * @param location The object.
   * @returns Its URL, without secrets.
   */
  publicUrl(location: OutputLocation): string {
    return publicUrl(this.#settings, location, this.region(location.bucket));
  }

  /**
   * A URL that lets anybody read an object for a while.
   *
   * @param location The object.
   * @param seconds For how long; temporary credentials may end it earlier.
   * @returns Its URL: without a signature, if requests are not signed.
   */
  async presignedUrl(location: OutputLocation, seconds: number): Promise<string> {
    const credentials = await this.credentials.get();
    const url = this.#url(location.bucket, location.key);
    if (credentials === undefined) return url.href;
    const signer = this.#signer(location.bucket, credentials);
    return `${url.origin}${url.pathname}?${signer.presign(url, seconds, this.#signingDate())}`;
  }

  #signingDate(): Date {
    return new Date(Date.now() + this.#clockOffset);
  }

  /** The region of a bucket, as far as known. */
  region(bucket: string): string {
    return this.#regions.get(bucket) ?? presumedRegion(this.#settings, bucket);
  }

  /**
   * Sends a request, and follows redirects to the bucket's region.
   *
   * @param request The request.
   * @param signal The caller's.
   * @returns The response, with a status of 2xx.
   * @throws {RunOutputsError} The error of the request, or the signal's reason.
   */
  async send(request: S3Request, signal?: AbortSignal): Promise<S3Response> {
    const { action, location } = request;
    const send = async (credentials: StaticCredentials | undefined) =>
      await this.sendAs(credentials, request, signal);
    return await this.attempt(action, location, signal, send);
  }

  /**
   * Sends a request once, as part of an {@linkcode Transport.attempt}.
   *
   * @param credentials The credentials; unsigned if there are none.
   * @param request The request.
   * @param signal The caller's.
   * @returns The response, with a status of 2xx.
   * @throws {S3Failure} The server's error.
   */
  async sendAs(
    credentials: StaticCredentials | undefined,
    request: S3Request,
    signal: AbortSignal | undefined,
  ): Promise<S3Response> {
    const { url, headers } = this.#sign(request, credentials);
    const { method, body } = request;
    const answer = await this.fetch({ method, url, headers, body }, signal);
    if (answer.response.ok) return answer;
    using _ = answer;
    const failure = await failureOf(answer.response);
    // A response to HEAD has no body, so the reason needs another request.
    const vague = method === "HEAD" && (failure.status === 403 || failure.status === 400);
    throw vague ? await this.#ask(request, credentials, failure, signal) : failure;
  }

  /**
   * Makes one attempt at a call, with what every call needs: credentials, the change to the right
   * region, one renewal of expired credentials, one correction of the clock, our errors.
   *
   * @param action The action, for messages.
   * @param location The target.
   * @param signal The caller's.
   * @param call Makes the call.
   * @returns What the call returns.
   * @throws {RunOutputsError} The error of the call, or the signal's reason.
   */
  async attempt<T>(
    action: string,
    location: OutputLocation,
    signal: AbortSignal | undefined,
    call: (credentials: StaticCredentials | undefined) => Promise<T>,
  ): Promise<T> {
    let credentials: StaticCredentials | undefined;
    let signed = false;
    let corrected = false;
    let clockOffset = 0;
    for (let renewed = false, moves = 0;;) {
      try {
        signal?.throwIfAborted();
        credentials = await this.credentials.get();
        signed = credentials !== undefined;
        clockOffset = this.#clockOffset;
        return await call(credentials);
      } catch (error) {
        if (error instanceof S3Failure && !signal?.aborted) {
          if (moves++ < 2 && this.#learnRegion(location.bucket, error)) continue;
          if (
            signed && !corrected && isSkewed(error, clockOffset) && isCorrectable(error.skew)
          ) {
            corrected = true;
            this.#correctClock(error.skew);
            continue;
          }
          if (error.s3Code === "ExpiredToken" && !renewed) {
            renewed = true;
            this.credentials.invalidate(credentials);
            continue;
          }
        }
        const target = this.show(location);
        const url = this.#url(location.bucket, "");
        const proxy = proxyFor(url, this.#settings.env);
        const { host } = url;
        const { acl, sse } = this.#settings;
        const context: S3Context = { action, target, host, proxy, signed, clockOffset, acl, sse };
        throw s3Error(context, error, signal);
      }
    }
  }

  /**
   * Fails at once if there are no credentials for writing.
   *
   * @param action The action.
   * @param location The target.
   * @throws {RunOutputsError} `unauthenticated`.
   */
  async requireCredentials(action: string, location: OutputLocation): Promise<void> {
    if (await this.credentials.get() !== undefined) return;
    throw new RunOutputsError(
      "unauthenticated",
      this.#settings.noSignRequest
        ? `Cannot ${action} '${location}': requests are not signed; remove --no-sign-request`
        : `Cannot ${action} '${location}': no AWS credentials found; set AWS_ACCESS_KEY_ID ` +
          "and AWS_SECRET_ACCESS_KEY, or --profile",
    );
  }

  /**
   * Sends a signed request with a watchdog.
   *
   * @param request The signed request.
   * @param signal The caller's.
   * @returns The response, with any status.
   * @throws Errors of `fetch`; the watchdog's or the signal's reason.
   */
  async fetch(request: RawRequest, signal?: AbortSignal): Promise<S3Response> {
    const { method, url, headers, body } = request;
    const line = this.#line;
    const size = body?.length ?? 0;
    line.sending(size);
    const watchdog = new Watchdog(this.#settings.stallTimeout, signal, line);
    // A small body is passed on at once.
    if (!isLarge(body)) watchdog.handed(line.unseen);
    try {
      const response = await this.#fetch(url, {
        method,
        headers,
        body: isLarge(body) ? new BodyBlob(body, watchdog, line) : body,
        redirect: "manual",
        signal: watchdog.signal,
        client: this.#clientFor(url),
      } as RequestInit);
      line.count(Math.min(size, EAGER));
      watchdog.touch();
      return { response, watchdog, [Symbol.dispose]: () => watchdog[Symbol.dispose]() };
    } catch (error) {
      watchdog[Symbol.dispose]();
      throw watchdog.signal.aborted ? watchdog.signal.reason : error;
    } finally {
      line.sent(size);
    }
  }

  /** Closes the transport's own connections. */
  [Symbol.dispose](): void {
    this.#client?.close();
    this.#client = undefined;
  }

  /** The runtime uses the proxies of the environment, with a client and without. */
  #clientFor(url: string): Deno.HttpClient | undefined {
    const { caBundle } = this.#settings;
    if (caBundle === undefined || url.startsWith("http:")) return undefined;
    return this.#client ??= Deno.createHttpClient({ caCerts: [caBundle] });
  }

  async #ask(
    request: S3Request,
    credentials: StaticCredentials | undefined,
    failure: S3Failure,
    signal: AbortSignal | undefined,
  ): Promise<S3Failure> {
    const get = { ...request, method: "GET", headers: { range: "bytes=0-0" } } as const;
    const { url, headers } = this.#sign(get, credentials);
    using answer = await this.fetch({ method: "GET", url, headers }, signal);
    if (!answer.response.ok) return await failureOf(answer.response);
    await answer.response.body?.cancel();
    return failure;
  }

  /** Signs further requests with the server's time. */
  #correctClock(skew: number): void {
    if (Math.abs(skew - this.#clockOffset) < 60_000) return;
    this.#clockOffset = skew;
    this.#settings.onNotice?.(`Signing requests with the server's time: ${describeSkew(skew)}`);
  }

  /** Whether the failure contains a region that was unknown. */
  #learnRegion(bucket: string, failure: S3Failure): boolean {
    const { region } = failure;
    if (!isElsewhere(failure) || region === undefined || !isRegion(region)) return false;
    if (region === this.region(bucket)) return false;
    // Credentials are valid in one partition of Amazon only.
    if (amazonDomain(region) !== amazonDomain(this.region(bucket))) return false;
    this.#regions.set(bucket, region);
    return true;
  }

  #url(bucket: string, key: string): URL {
    return requestUrl(this.#settings, bucket, key, this.region(bucket));
  }

  #sign(
    request: S3Request,
    credentials: StaticCredentials | undefined,
  ): { readonly url: string; readonly headers: Record<string, string> } {
    const { location, query = {}, ofBucket = false } = request;
    const url = this.#url(location.bucket, ofBucket ? "" : location.key);
    const search = formatQuery(query);
    const href = `${url.origin}${url.pathname}${search === "" ? "" : `?${search}`}`;
    const headers: Record<string, string> = {
      host: url.host,
      // Bytes are requested as they are stored, without compression for the transfer.
      "accept-encoding": "identity",
      "user-agent": "run-outputs",
      ...request.headers,
      ...requestedHeaders(request, this.#settings),
    };
    if (credentials === undefined) return { url: href, headers };
    const signed = this.#signer(location.bucket, credentials).sign(
      { method: request.method, url, query, headers },
      request.payloadSha256 ?? EMPTY_SHA256,
      this.#signingDate(),
    );
    return { url: href, headers: signed };
  }

  #signer(bucket: string, credentials: StaticCredentials): Signer {
    if (this.#signers?.of !== credentials) {
      this.#signers = { of: credentials, byRegion: new Map() };
    }
    const region = this.region(bucket);
    let signer = this.#signers.byRegion.get(region);
    if (signer === undefined) {
      signer = new Signer(credentials, region);
      this.#signers.byRegion.set(region, signer);
    }
    return signer;
  }
}
