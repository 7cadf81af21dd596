/**
 * Sends commands of the AWS SDK through our transport: one client per region, without the SDK's
 * retries and sockets, and with responses checked before they are parsed.
 *
 * @module
 */

import type { S3Client } from "@aws-sdk/client-s3";
import { failureOf, S3Failure } from "./errors.ts";
import {
  requestHandler,
  requestUrl,
  type SdkRequest,
  type SdkResponse,
  sdkResponse,
} from "./sdk_request.ts";
import { requestedHeaders } from "./requested_headers.ts";
import type { S3Settings, StaticCredentials } from "./settings.ts";
import type { Transport } from "./transport.ts";
import { xmlOf } from "./xml.ts";

/** The SDK requires credentials even for unsigned requests. */
const NOBODY: StaticCredentials = { accessKeyId: "nobody", secretAccessKey: "nobody" };

/** The SDK's client and commands. */
export type Sdk = typeof import("./sdk.ts");

/** A size that is not written in digits. The SDK would read `1e3` and `0x10`, and nothing as 0. */
const ODD_SIZE = /<Size>(?!\d+<)[^<]*<\/Size>|<Size\s*\/>/g;

/** Creates the SDK's clients. */
export class Commands implements Disposable {
  readonly #settings: S3Settings;
  readonly #transport: Transport;
  readonly #clients = new Map<string, S3Client>();

  /**
   * Creates the factory; clients are created on demand.
   *
   * @param settings The server.
   * @param transport Sends the requests.
   */
  constructor(settings: S3Settings, transport: Transport) {
    this.#settings = settings;
    this.#transport = transport;
  }

  /**
   * The client for a bucket.
   *
   * @param bucket The bucket.
   * @param credentials The credentials; unsigned if there are none.
   * @param sdk The SDK.
   * @returns A client for the bucket's region.
   */
  client(bucket: string, credentials: StaticCredentials | undefined, sdk: Sdk): S3Client {
    const region = this.#transport.region(bucket);
    const { clockOffset } = this.#transport;
    const name = `${region} ${credentials === undefined} ${clockOffset}`;
    let client = this.#clients.get(name);
    if (client === undefined) {
      client = this.#create(region, credentials, sdk);
      this.#clients.set(name, client);
    }
    return client;
  }

  /** Destroys all clients. */
  [Symbol.dispose](): void {
    for (const client of this.#clients.values()) client.destroy();
    this.#clients.clear();
  }

  #create(
    region: string,
    credentials: StaticCredentials | undefined,
    { S3Client }: Sdk,
  ): S3Client {
    const { endpoint, variant } = this.#settings;
    const client = new S3Client({
      region,
      endpoint: endpoint?.href,
      forcePathStyle: endpoint !== undefined,
      // The SDK accepts no variant for an explicit endpoint.
      useFipsEndpoint: endpoint === undefined && variant.fips,
      useDualstackEndpoint: endpoint === undefined && variant.dualStack,
      maxAttempts: 1,
      systemClockOffset: this.#transport.clockOffset,
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
      // Called for each request, so that existing clients get renewed credentials.
      credentials: async () => await this.#transport.credentials.get() ?? NOBODY,
      ...(credentials === undefined && { signer: { sign: (request) => Promise.resolve(request) } }),
      requestHandler: requestHandler<
        NonNullable<ConstructorParameters<typeof S3Client>[0]>["requestHandler"]
      >((request, signal) => this.#handle(request, signal)),
    });
    // Before the signature, which covers them.
    client.middlewareStack.add((next) => async (args) => {
      const request = args.request as SdkRequest & { readonly headers: Record<string, string> };
      Object.assign(request.headers, requestedHeaders(request, this.#settings));
      return await next(args);
    }, { step: "build", name: "requestedHeaders" });
    return client;
  }

  async #handle(
    request: SdkRequest,
    signal: AbortSignal | undefined,
  ): Promise<SdkResponse> {
    const { method, headers } = request;
    const body = request.body as Uint8Array<ArrayBuffer> | string | undefined;
    using answer = await this.#transport.fetch(
      { method, url: requestUrl(request), headers, body },
      signal,
    );
    const { response } = answer;
    if (!response.ok) throw await failureOf(response);
    // Responses to DELETE and to the creation of a bucket are empty. If one is not, it comes from a
    // proxy, and nothing was deleted.
    const hasXml = method === "GET" || method === "POST" || "x-amz-copy-source" in headers;
    const text = await xmlOf(
      answer,
      hasXml ? "always" : method === "DELETE" ? "optional" : "never",
    );
    return sdkResponse(response, text.replace(ODD_SIZE, "<Size>NaN</Size>"));
  }
}

/**
 * The error of a command. The SDK's parser can throw any error for a text that it does not expect,
 * including ones that look like network errors.
 *
 * @param error What was thrown.
 * @returns A failure instead of such an error; other errors unchanged.
 */
export function parserError(error: unknown): unknown {
  const isParsers = error instanceof Error && !(error instanceof S3Failure) &&
    "$response" in error;
  return isParsers ? new S3Failure(299, "", "XML that can't be read") : error;
}
