/**
 * A web server for a directory, as simple as they come: files by their names, `index.html` for a
 * directory, nothing else.
 *
 * @module
 */

import { join } from "node:path";
import { contentType } from "../../src/storage/content_type.ts";

/** Serves a directory on loopback. */
export function serveDirectory(dir: string): { readonly url: string } & AsyncDisposable {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (r) => {
    const { pathname } = new URL(r.url);
    const name = decodeURIComponent(pathname) + (pathname.endsWith("/") ? "index.html" : "");
    try {
      const bytes = await Deno.readFile(join(dir, name));
      return new Response(bytes, { headers: { "content-type": contentType(name) } });
    } catch {
      return new Response("not found", { status: 404 });
    }
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
