/**
 * What stands between a program and its server: TLS, and a proxy as `HTTPS_PROXY` and
 * `HTTP_PROXY` name it.
 *
 * @module
 */

import type { Certificates } from "./certificates.ts";

/** A server in front of another one. */
export interface Front extends AsyncDisposable {
  /** The port on loopback. */
  readonly port: number;
}

/** A proxy that runs. */
export interface Proxy extends Front {
  /** What it was asked for: `CONNECT host:port`, or `GET http://host/path`. */
  readonly asked: readonly string[];
}

/** Speaks TLS in front of a server. */
export function startTls(server: string, { cert, key }: Certificates): Front {
  const { port } = new URL(server);
  const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
  return serve(listener, async (client) => await connectTo(Number(port), client));
}

/** Options of {@linkcode startProxy}. */
export interface ProxyOptions {
  /** Where names lead: a port on loopback for each. Everything else is refused. */
  readonly names: Readonly<Record<string, number>>;
  /** Let nobody through who does not sign in. */
  readonly closed?: boolean;
}

/** Starts a proxy. One connection carries one request, or one tunnel. */
export function startProxy({ names, closed = false }: ProxyOptions): Proxy {
  const asked: string[] = [];
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const front = serve(listener, async (client) => {
    const buffer = new Uint8Array(65_536);
    let head = new Uint8Array(0);
    let end = -1;
    while (end < 0) {
      const read = await client.read(buffer);
      if (read === null) return;
      head = Uint8Array.from([...head, ...buffer.subarray(0, read)]);
      end = new TextDecoder("latin1").decode(head).indexOf("\r\n\r\n");
    }
    const [line] = new TextDecoder("latin1").decode(head).split("\r\n", 1);
    const [method, target] = line.split(" ");
    asked.push(`${method} ${target}`);
    const host = method === "CONNECT" ? target.split(":")[0] : new URL(target).hostname;
    const say = (text: string) =>
      client.write(new TextEncoder().encode(`HTTP/1.1 ${text}\r\ncontent-length: 0\r\n\r\n`));
    if (closed) return void await say("407 Proxy Authentication Required");
    const port = names[host];
    if (port === undefined) return void await say("502 Bad Gateway");
    if (method === "CONNECT") {
      await client.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\n\r\n"));
      return await connectTo(port, client);
    }
    // The server is given the path alone, and closes, so that the next request is a new one.
    const { pathname, search } = new URL(target);
    const text = new TextDecoder("latin1").decode(head.subarray(0, end));
    const changed = text
      .replace(line, `${method} ${pathname}${search} HTTP/1.1\r\nconnection: close`)
      .replace(/\r\n(?:proxy-)?connection: keep-alive/gi, "");
    const first = Uint8Array.from([
      ...Uint8Array.from(`${changed}\r\n\r\n`, (c) => c.charCodeAt(0)),
      ...head.subarray(end + 4),
    ]);
    await connectTo(port, client, first);
  });
  return { ...front, asked };
}

async function connectTo(port: number, client: Deno.Conn, first?: Uint8Array): Promise<void> {
  using server = await Deno.connect({ hostname: "127.0.0.1", port });
  if (first !== undefined) await writeAll(server, first);
  await Promise.all([pass(client, server), pass(server, client)]);
}

/** Passes bytes on until one side ends; then the other one is told. */
async function pass(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  try {
    for (let read; (read = await from.read(buffer)) !== null;) {
      await writeAll(to, buffer.subarray(0, read));
    }
    await to.closeWrite();
  } catch {
    // One of the two has gone, which is how a tunnel ends.
    for (const one of [from, to]) await one.closeWrite().catch(() => {});
  }
}

async function writeAll(to: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.length;) offset += await to.write(bytes.subarray(offset));
}

function serve(
  listener: Deno.Listener<Deno.Conn>,
  handle: (client: Deno.Conn) => Promise<void>,
): Front {
  const open = new Set<Deno.Conn>();
  const running = new Set<Promise<void>>();
  const accepting = (async () => {
    for (;;) {
      let client: Deno.Conn;
      try {
        client = await listener.accept();
      } catch (error) {
        if (error instanceof Deno.errors.BadResource) return;
        // A client that does not like the certificate.
        continue;
      }
      open.add(client);
      const one = handle(client).catch(() => {}).finally(() => {
        running.delete(one);
        if (open.delete(client)) client.close();
      });
      running.add(one);
    }
  })();
  return {
    port: (listener.addr as Deno.NetAddr).port,
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const client of open) client.close();
      open.clear();
      await Promise.all([...running, accepting]);
    },
  };
}
