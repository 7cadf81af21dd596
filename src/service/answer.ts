/**
 * Answers in JSON.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { jsonStream } from "../layout/json_text.ts";
import { matchesTag } from "./entity_tags.ts";

/** The content type of JSON. */
export const JSON_TYPE = "application/json";

/** From how many bytes on an answer is compressed. */
const MIN_COMPRESSED = 1024;

/** How many characters of a document are collected before its answer begins. */
const COLLECTED = 64 * 1024;

const encoder = new TextEncoder();

/** Options of {@linkcode jsonAnswer} and {@linkcode textAnswer}. */
export interface AnswerOptions {
  /** The status. Default: 200. */
  readonly status?: number;
  /** More headers. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Answers with a JSON document: the same bytes as the command line prints with `--json`. A long one
 * is sent while it is read.
 *
 * @param request The request, for the encodings that its client accepts.
 * @param document The document. Its members may be async iterables.
 * @param options The status and more headers.
 * @returns The answer.
 */
export async function jsonAnswer(
  request: Request,
  document: object,
  options: AnswerOptions = {},
): Promise<Response> {
  return await textAnswer(request, jsonStream(document), JSON_TYPE, options);
}

/**
 * Answers with a text, compressed if it is long enough and the client accepts it. A long one is sent
 * while it is produced; others have an entity tag, and are answered with 304 to who has them.
 *
 * @param request The request, for the encodings that its client accepts.
 * @param pieces The text, in pieces; or all of it.
 * @param contentType Its content type.
 * @param options The status and more headers.
 * @returns The answer.
 */
export async function textAnswer(
  request: Request,
  pieces: AsyncIterable<string> | string,
  contentType: string,
  { status = 200, headers = {} }: AnswerOptions = {},
): Promise<Response> {
  const iterator = (typeof pieces === "string" ? once(pieces) : pieces)[Symbol.asyncIterator]();
  // What fails early is still answered with a problem.
  const { text, done } = await collect(iterator);
  const zips = acceptsGzip(request.headers);
  const answer = new Headers({
    "content-type": contentType,
    "cache-control": "no-cache",
    vary: "accept-encoding",
    ...headers,
  });
  if (done) {
    const plain = encoder.encode(text);
    const isZipped = zips && plain.length >= MIN_COMPRESSED;
    const bytes = isZipped ? new Uint8Array(gzipSync(plain)) : plain;
    if (status === 200) {
      // Another encoding is another representation.
      const tag = `"${createHash("sha256").update(bytes).digest("hex").slice(0, 32)}"`;
      answer.set("etag", tag);
      const isRead = request.method === "GET" || request.method === "HEAD";
      const known = request.headers.get("if-none-match") ?? "";
      if (isRead && matchesTag(known, [tag], "weak")) {
        return new Response(null, { status: 304, headers: answer });
      }
    }
    if (isZipped) answer.set("content-encoding", "gzip");
    // For HEAD, whose answer has no body to count.
    answer.set("content-length", `${bytes.length}`);
    return new Response(bytes, { status, headers: answer });
  }
  const stream = bytesOf(text, iterator);
  if (!zips) return new Response(stream, { status, headers: answer });
  answer.set("content-encoding", "gzip");
  return new Response(stream.pipeThrough(new CompressionStream("gzip")), {
    status,
    headers: answer,
  });
}

async function* once(text: string): AsyncGenerator<string> {
  yield text;
}

/** Collects the next pieces of a text. */
async function collect(
  iterator: AsyncIterator<string>,
): Promise<{ readonly text: string; readonly done: boolean }> {
  let text = "";
  while (text.length < COLLECTED) {
    const { value, done } = await iterator.next();
    if (done) return { text, done };
    text += value;
  }
  return { text, done: false };
}

function bytesOf(
  first: string,
  rest: AsyncIterator<string>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let waiting: string | undefined = first;
  return new ReadableStream({
    async pull(controller) {
      let text = waiting ?? "";
      waiting = undefined;
      let isEnd = false;
      if (text === "") {
        const next = await collect(rest);
        text = next.text;
        isEnd = next.done;
      }
      if (text !== "") controller.enqueue(encoder.encode(text));
      if (isEnd) controller.close();
    },
    async cancel() {
      await rest.return?.();
    },
  });
}

/**
 * Whether a client accepts gzip.
 *
 * @param headers The request's headers.
 * @returns `true` if `Accept-Encoding` names it, or everything, and does not exclude it.
 */
export function acceptsGzip(headers: Headers): boolean {
  const weights = weightsOf(headers.get("accept-encoding") ?? "");
  return (weights.get("gzip") ?? weights.get("x-gzip") ?? weights.get("*") ?? 0) > 0;
}

/**
 * Whether a client prefers HTML over JSON: a browser does, `curl` and programs do not.
 *
 * @param headers The request's headers.
 * @returns `true` if `Accept` names `text/html`, and JSON with a smaller weight or not at all.
 */
export function prefersHtml(headers: Headers): boolean {
  const weights = weightsOf(headers.get("accept") ?? "");
  return (weights.get("text/html") ?? 0) > (weights.get(JSON_TYPE) ?? 0);
}

/** The values of a list with weights, such as `gzip;q=0.5, br`. */
function weightsOf(header: string): Map<string, number> {
  return new Map(
    header.split(",").map((item) => {
      const [name, ...params] = item.split(";").map((part) => part.trim().toLowerCase());
      const q = params.map((param) => /^q=([01](?:\.\d{0,3})?)$/.exec(param)?.[1])
        .find((value) => value !== undefined);
      return [name, q === undefined ? 1 : Number(q)] as const;
    }),
  );
}
