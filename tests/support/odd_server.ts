/**
 * A server in front of an S3 server in this process, with the behaviour of other servers, buckets
 * and roles. Each request is one connection's business; nothing is kept.
 *
 * @module
 */

import { forward } from "./forward.ts";

/** A request as the server in front sees it. */
export interface OddRequest {
  readonly method: string;
  /** The object's key; empty for requests about the bucket. */
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
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
    const body = new Uint8Array(await r.arrayBuffer());
    const request = { method: r.method, key, query: searchParams, headers: r.headers, body };
    // Bodies are for the oddity; those of all requests would not fit into memory.
    requests.push({ ...request, body: body.subarray(0, 0) });
    const instead = oddity.before?.(request);
    if (instead !== undefined) {
      refused++;
      return r.method === "HEAD" ? new Response(null, instead) : instead;
    }
    const { method, headers } = r;
    const response = await forward(behind, { method, path: pathname + search, headers, body });
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

/**
 * A bucket with Object Lock takes nothing without a checksum. A copied part has no header for one:
 * its upload has to be begun with an algorithm, the server computes it, and the completion names it.
 */
export function locked(): Oddity {
  const uploads = new Set<string>();
  const checksum = "<ChecksumSHA256>c3VtIG9mIGEgcGFydA==</ChecksumSHA256>";
  const refused = (what: string) =>
    refusal(
      400,
      "InvalidRequest",
      `Content-MD5 OR x-amz-checksum- HTTP header is required for ${what} requests with Object ` +
        "Lock parameters",
    );
  return {
    before(request) {
      const { method, query, headers, body } = request;
      const begun = uploads.has(query.get("uploadId") ?? "");
      const isCopy = headers.has("x-amz-copy-source");
      if (method === "PUT" && query.has("uploadId") && isCopy) {
        return begun ? undefined : refused("Upload Part Copy");
      }
      if (method === "PUT" && hasChecksum(request) === undefined && !headers.has("content-md5")) {
        return refused(query.has("uploadId") ? "Upload Part" : "Put Object");
      }
      if (method === "PUT" && query.has("uploadId") && !begun) {
        return refusal(
          400,
          "InvalidRequest",
          "Checksum Type mismatch occurred, expected checksum Type: null, actual checksum Type: sha256",
        );
      }
      if (method !== "POST" || !begun) return undefined;
      const text = new TextDecoder().decode(body);
      return text.match(/<Part>/g)?.length === text.match(/<ChecksumSHA256>/g)?.length
        ? undefined
        : refusal(400, "InvalidRequest", "The upload was created using a sha256 checksum");
    },
    async after({ method, query, headers }, response) {
      const begins = method === "POST" && query.has("uploads") &&
        headers.get("x-amz-checksum-algorithm") === "SHA256";
      const copies = method === "PUT" && query.has("uploadId") && headers.has("x-amz-copy-source");
      if (!begins && !copies) return response;
      const text = await response.text();
      if (begins) uploads.add(/<UploadId>(.*?)<\/UploadId>/.exec(text)![1]);
      const { status } = response;
      return new Response(text.replace("</CopyPartResult>", `${checksum}$&`), {
        status,
        headers: { "content-type": "application/xml" },
      });
    },
  };
}

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
