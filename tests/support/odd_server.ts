/**
 * A server in front of an S3 server in this process, with the behaviour of other servers, buckets
 * and roles. Each request is one connection's business; nothing is kept.
 *
 * @module
 */

/** A request as the server in front sees it. */
export interface OddRequest {
  readonly method: string;
  /** The object's key; empty for requests about the bucket. */
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: Headers;
}

/** What a server does otherwise. */
export interface Oddity {
  /** Answers in place of the server behind; `undefined`: the server behind does. */
  before?(request: OddRequest): Response | undefined;
  /** Changes the answer of the server behind. */
  after?(request: OddRequest, response: Response): Response | Promise<Response>;
}

/** A server that runs. */
export interface OddServer extends AsyncDisposable {
  readonly url: string;
  /** Each request so far. */
  readonly requests: readonly OddRequest[];
  /** How many requests were answered in place of the server behind. */
  readonly refused: number;
}

/** Starts a server in front of another one. */
export function startOddServer(behind: string, oddity: Oddity): OddServer {
  const requests: OddRequest[] = [];
  let refused = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (r) => {
    const { pathname, search, searchParams } = new URL(r.url);
    const key = decodeURIComponent(pathname.split("/").slice(2).join("/"));
    const request = { method: r.method, key, query: searchParams, headers: r.headers };
    requests.push(request);
    const body = new Uint8Array(await r.arrayBuffer());
    const instead = oddity.before?.(request);
    if (instead !== undefined) {
      refused++;
      return r.method === "HEAD" ? new Response(null, instead) : instead;
    }
    const response = await fetch(new URL(behind).origin + pathname + search, {
      method: r.method,
      headers: r.headers,
      body: body.length === 0 ? undefined : body,
      redirect: "manual",
    });
    return await oddity.after?.(request, response) ?? response;
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    requests,
    get refused() {
      return refused;
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** An error of S3. */
export function refusal(status: number, code: string, message: string, more = ""): Response {
  return new Response(
    `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message>${more}</Error>`,
    { status, headers: { "content-type": "application/xml" } },
  );
}

const isConditional = ({ method, headers }: OddRequest) =>
  method !== "GET" && method !== "HEAD" &&
  (headers.has("if-none-match") || headers.has("if-match"));

const hasChecksum = ({ headers }: OddRequest) =>
  [...headers.keys()].find((name) => /^x-amz-(?:sdk-)?checksum-/.test(name));

/** Conditional writes are not implemented. */
export const noConditions: Oddity = {
  before: (request) =>
    isConditional(request)
      ? refusal(
        501,
        "NotImplemented",
        "A header you provided implies functionality that is not implemented",
      )
      : undefined,
};

/** A write with `If-Match` is refused even if the ETag is right, as in versioned buckets of Ceph. */
export const noMatch: Oddity = {
  before: (request) =>
    request.method !== "GET" && request.headers.has("if-match")
      ? refusal(412, "PreconditionFailed", "PreconditionFailed")
      : undefined,
};

/** No checksum header is known, in requests that read neither. */
export const noChecksums: Oddity = {
  before: (request) => {
    const name = hasChecksum(request);
    return name &&
        refusal(
          400,
          "InvalidArgument",
          `Unsupported header '${name}' received for this API call.`,
        ) ||
      undefined;
  },
};

/** Some objects are in an archive. */
export function archived(part: string): Oddity {
  return {
    before: ({ method, key, headers }) =>
      (method === "GET" && key.includes(part)) ||
        headers.get("x-amz-copy-source")?.includes(part)
        ? refusal(
          403,
          "InvalidObjectState",
          "The operation is not valid for the object's storage class",
          "<StorageClass>DEEP_ARCHIVE</StorageClass>",
        )
        : undefined,
  };
}

/** Bodies come without their length. */
export const noLengths: Oddity = {
  after: (request, response) => {
    if (request.method !== "GET" || response.body === null) return response;
    const headers = new Headers(response.headers);
    headers.delete("content-length");
    const { status } = response;
    return new Response(response.body.pipeThrough(new TransformStream()), { status, headers });
  },
};

/** A bucket with Object Lock takes nothing without a checksum. */
export const locked: Oddity = {
  before: (request) =>
    request.method === "PUT" && hasChecksum(request) === undefined &&
      !request.headers.has("content-md5")
      ? refusal(
        400,
        "InvalidRequest",
        "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with " +
          "Object Lock parameters",
      )
      : undefined,
};

const DENIED = () => refusal(403, "AccessDenied", "Access Denied");

/** A role with GetObject and PutObject, not ListBucket: what is absent is denied. */
export const noListBucket: Oddity = {
  before: ({ method, key }) => method === "GET" && key === "" ? DENIED() : undefined,
  after: async ({ method }, response) => {
    if (response.status !== 404 || (method !== "GET" && method !== "HEAD")) return response;
    await response.body?.cancel();
    return method === "HEAD" ? new Response(null, { status: 403 }) : DENIED();
  },
};

/** A role with PutObject alone. */
export const putOnly: Oddity = {
  before: ({ method }) => method === "PUT" || method === "POST" ? undefined : DENIED(),
};
