/**
 * A server in front of an S3 server whose line is slow: all bodies together, up and down, get so many
 * bytes a second. It counts what comes, so that tests need no clock.
 *
 * @module
 */

import { concat } from "./bytes.ts";
import { forward } from "./forward.ts";

/** A request that came over the line. */
export interface SlowRequest {
  readonly method: string;
  /** The path, with its query. */
  readonly path: string;
  /** How many bytes of its body came. */
  sent: number;
  /** How many bytes of the answer's body went. */
  answered: number;
}

/** Options of {@linkcode startSlowLine}. */
export interface SlowLineOptions {
  /** How many bytes the line brings in a second. */
  readonly rate: number;
  /** Bodies go one after the other, whole: those behind get nothing for long. Default: by turns. */
  readonly isUnfair?: boolean;
  /** Requests that nobody reads or answers, by method and path, each time. */
  readonly isDead?: (method: string, path: string) => boolean;
}

/** A line. */
export interface SlowLine extends AsyncDisposable {
  readonly url: string;
  /** Each request so far. */
  readonly requests: readonly SlowRequest[];
  /** The most requests with a body on the line at once, in either direction. */
  readonly most: number;
}

/** What a timer may be late, in milliseconds. */
const SLACK = 20;

/** So many bytes go at a time: each request has its turn. */
const PIECE = 4096;

/** Starts a line in front of a server. */
export function startSlowLine(
  behind: string,
  { rate, isUnfair = false, isDead = () => false }: SlowLineOptions,
): SlowLine {
  const requests: SlowRequest[] = [];
  const closing = new AbortController();
  let free = 0;
  let turn = Promise.resolve();
  let active = 0;
  let most = 0;

  async function pass(bytes: number): Promise<void> {
    // Who wakes up late is not to leave the line empty.
    free = Math.max(free, performance.now() - SLACK) + bytes / rate * 1000;
    const wait = free - performance.now();
    if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
  }

  async function* slowly(
    body: AsyncIterable<Uint8Array<ArrayBuffer>>,
    onBytes: (bytes: number) => void,
  ): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    most = Math.max(most, ++active);
    const { promise, resolve: end } = Promise.withResolvers<void>();
    const before = turn;
    if (isUnfair) turn = before.then(() => promise);
    try {
      if (isUnfair) await before;
      for await (const chunk of body) {
        for (let offset = 0; offset < chunk.length; offset += PIECE) {
          const piece = chunk.subarray(offset, offset + PIECE);
          await pass(piece.length);
          onBytes(piece.length);
          yield piece;
        }
      }
    } finally {
      end();
      active--;
    }
  }

  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    signal: closing.signal,
    onListen: () => {},
    // Whoever gives up closes the connection.
    onError: () => new Response(null, { status: 500 }),
  }, async (request) => {
    const { pathname, search } = new URL(request.url);
    const { method } = request;
    const path = pathname + search;
    const one: SlowRequest = { method, path, sent: 0, answered: 0 };
    requests.push(one);
    if (isDead(method, path)) {
      return await new Promise<Response>((_, reject) => {
        for (const signal of [closing.signal, request.signal]) {
          signal.addEventListener("abort", () => reject(signal.reason), { once: true });
        }
      });
    }
    const pieces = request.body === null
      ? []
      : await Array.fromAsync(slowly(request.body, (bytes) => one.sent += bytes));
    const { headers } = request;
    const response = await forward(behind, { method, path, headers, body: concat(pieces) });
    if (response.body === null || method === "HEAD") return response;
    const slow = slowly(response.body, (bytes) => one.answered += bytes);
    return new Response(ReadableStream.from(slow), response);
  });

  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    requests,
    get most() {
      return most;
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
      await server.finished;
    },
  };
}
