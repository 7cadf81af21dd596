/**
 * Converts the SDK's requests for our transport.
 *
 * @module
 */

/** The members that we use of a request from the SDK's request handler. */
export interface SdkRequest {
  /** The method. */
  readonly method: string;
  /** `http:` or `https:`. */
  readonly protocol: string;
  /** The host. */
  readonly hostname: string;
  /** The port, if it is not the protocol's own. */
  readonly port?: number;
  /** The path, encoded. */
  readonly path: string;
  /** The parameters of the query, not encoded. */
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  /** All headers, including the signature. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body. */
  readonly body?: unknown;
}

/** What the SDK needs of a response. */
export interface SdkResponse {
  /** The status. */
  readonly statusCode: number;
  /** Its name. */
  readonly reason: string;
  /** The headers. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body, read to its end. */
  readonly body: Uint8Array;
}

/**
 * A request handler for the SDK's clients. The SDK's own opens sockets that ignore the configured
 * proxies and certificates.
 *
 * @param send Sends a request.
 * @returns The handler.
 */
export function requestHandler<T>(
  send: (request: SdkRequest, signal: AbortSignal | undefined) => Promise<SdkResponse>,
): T {
  return {
    handle: async (request: SdkRequest, options?: { readonly abortSignal?: unknown }) => ({
      response: await send(request, options?.abortSignal as AbortSignal | undefined),
    }),
    destroy: () => {},
    updateHttpClientConfig: () => {},
    httpHandlerConfigs: () => ({}),
  } as T;
}

/**
 * A response in the form that the SDK parses.
 *
 * @param response The answer.
 * @param text Its body.
 * @returns The response for the SDK.
 */
export function sdkResponse(response: Response, text: string): SdkResponse {
  return {
    statusCode: response.status,
    reason: response.statusText,
    headers: Object.fromEntries(response.headers),
    body: new TextEncoder().encode(text),
  };
}

/**
 * The URL of a request.
 *
 * @param request The request.
 * @returns Its URL, encoded as it was signed.
 */
export function requestUrl(request: SdkRequest): string {
  const { protocol, hostname, port, path } = request;
  const query = Object.entries(request.query ?? {}).flatMap(([name, value]) => {
    if (value === null) return [encode(name)];
    return [value].flat().map((one) => `${encode(name)}=${encode(one as string)}`);
  }).join("&");
  const host = port === undefined ? hostname : `${hostname}:${port}`;
  return `${protocol}//${host}${path}${query === "" ? "" : `?${query}`}`;
}

function encode(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}
