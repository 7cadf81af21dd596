/**
 * Sends a request on to the server behind, as it came: with its `Host`, which its signature covers and
 * `fetch` would replace.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { request as send } from "node:http";

/** A request that has come, with its whole body. */
export interface Forwarded {
  readonly method: string;
  /** The path with its query. */
  readonly path: string;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** Sends a request on; the answer is whole when it is returned. */
export function forward(
  behind: string,
  { method, path, headers, body }: Forwarded,
): Promise<Response> {
  const { hostname, port } = new URL(behind);
  const sent: Record<string, string> = { ...Object.fromEntries(headers), connection: "close" };
  if (method === "PUT" || method === "POST") sent["content-length"] = `${body.length}`;
  delete sent["transfer-encoding"];
  return new Promise((resolve, reject) => {
    const request = send(
      { hostname, port, method, path, headers: sent, agent: false },
      (answer) => {
        const chunks: Uint8Array[] = [];
        answer.on("error", reject);
        answer.on("data", (chunk: Uint8Array) => chunks.push(chunk));
        answer.on("end", () => {
          const received = new Headers();
          for (let i = 0; i < answer.rawHeaders.length; i += 2) {
            const name = answer.rawHeaders[i].toLowerCase();
            const isOfConnection = name === "connection" || name === "transfer-encoding" ||
              name === "keep-alive";
            if (!isOfConnection) received.append(name, answer.rawHeaders[i + 1]);
          }
          const status = answer.statusCode!;
          const hasBody = method !== "HEAD" && status !== 204 && status !== 304;
          const bytes = hasBody ? Buffer.concat(chunks) : null;
          resolve(new Response(bytes, { status, headers: received }));
        });
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}
