/**
 * Sends commands of the AWS SDK through our transport: one client per region, without the SDK's
 * retries and sockets, and with responses checked before they are parsed.
 *
 * @module
 */

import { S3Client } from "@aws-sdk/client-s3";
import { textOf } from "./body_text.ts";
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

/** The SDK requires credentials even for unsigned requests. */
const NOBODY: StaticCredentials = { accessKeyId: "nobody", secretAccessKey: "nobody" };

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
   * @returns A client for the bucket's region.
   */
  client(bucket: string, credentials: StaticCredentials | undefined): S3Client {
    const region = this.#transport.region(bucket);
    const { clockOffset } = this.#transport;
    const name = `${region} ${credentials === undefined} ${clockOffset}`;
    let client = this.#clients.get(name);
    if (client === undefined) {
      client = this.#create(region, credentials);
      this.#clients.set(name, client);
    }
    return client;
  }

  /** Destroys all clients. */
  [Symbol.dispose](): void {
    for (const client of this.#clients.values()) client.destroy();
    this.#clients.clear();
  }

  #create(region: string, credentials: StaticCredentials | undefined): S3Client {
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
    const text = await textOf(answer);
    // S3 can begin a long response with status 200 and end it with an error.
    if (/^\s*(?:<\?xml[^>]*>\s*)?<Error[\s>]/.test(text)) {
      const { s3Code, message } = await failureOf(response, text);
      throw new S3Failure(500, s3Code, message);
    }
    // Responses to DELETE and to the creation of a bucket are empty. If one is not, it comes from a
    // proxy, and nothing was deleted.
    const hasXml = method === "GET" || method === "POST" || "x-amz-copy-source" in headers;
    if (hasXml || (method === "DELETE" && text.trim() !== "")) checkXml(response, text);
    return sdkResponse(response, text.replace(ODD_SIZE, "<Size>NaN</Size>"));
  }
}

/** Rejects responses that are not complete S3 XML: an HTML page would parse as an empty list. */
function checkXml(response: Response, text: string): void {
  const root = /^\s*(?:<\?xml[^>]*>\s*)?<(\w+)[\s>/]/.exec(text)?.[1];
  const isS3 = root !== undefined && /^[A-Z]\w*(?:Result|Configuration|Output)$/.test(root);
  if (
    isS3 && new RegExp(`(?:</${root}>|^[^<]*(?:<\\?[^>]*>\\s*)?<${root}[^>]*/>)\\s*$`).test(text)
  ) {
    return;
  }
  throw new S3Failure(response.status, "", isS3 ? "truncated XML" : "not XML");
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
