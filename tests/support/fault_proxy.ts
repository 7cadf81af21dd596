/**
 * A proxy on loopback that stands before an S3 server and does what networks and servers do on
 * bad days.
 *
 * It is a proxy of bytes, so that it can do what no HTTP library would: cut a connection inside a
 * body, announce a length and send fewer bytes. One connection carries one request.
 *
 * @module
 */

/** What goes wrong. Offsets count the bytes of a body. */
export type Fault =
  /** An error of the server, before it has looked at the request's body. */
  | { readonly kind: "status"; readonly status: number; readonly retryAfter?: number }
  /** A page of some proxy in place of the answer. */
  | { readonly kind: "html"; readonly status?: number }
  /** The connection ends inside a body. */
  | { readonly kind: "cut"; readonly on: "request" | "response"; readonly at: number }
  /** Nothing moves any more inside a body, and the connection stays. */
  | { readonly kind: "stall"; readonly on: "request" | "response"; readonly at: number }
  /** One byte of a body is another. */
  | { readonly kind: "flip"; readonly on: "request" | "response"; readonly at: number }
  /** The answer is whole by its own account, and the object is not: its end is missing. */
  | { readonly kind: "truncate"; readonly at: number }
  /** The server does it all, and its answer is lost. */
  | { readonly kind: "lost" };

/** When something goes wrong. */
export interface FaultRule {
  /** For which requests: by method and path with query. All, if not given. */
  readonly when?: (method: string, path: string) => boolean;
  /** How often. Default: once. */
  readonly times?: number;
  /** What. */
  readonly fault: Fault;
}

/** A proxy that runs. */
export interface FaultProxy extends AsyncDisposable {
  /** Its URL, in place of the server's. */
  readonly url: string;
  /** What is to go wrong from now on; replaces what was set before. */
  set(...rules: readonly FaultRule[]): void;
  /** How many faults there were since they were set. */
  readonly count: number;
  /** How many bytes of bodies of requests came through here. */
  readonly bytesUp: number;
  /** How many requests are here now. */
  readonly active: number;
  /**
   * Holds requests from now on: they come in and go no further.
   *
   * @returns Lets them go on; what is to go wrong with them is decided then.
   */
  hold(): () => void;
}

const END_OF_HEAD = new TextEncoder().encode("\r\n\r\n");

const PAGE =
  "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Welcome</body></html>\n";

/** Starts a proxy before a server. */
export function startFaultProxy(server: string): FaultProxy {
  const upstream = new URL(server);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const running = new Set<Promise<void>>();
  let rules: { rule: FaultRule; left: number }[] = [];
  let count = 0;
  let bytesUp = 0;
  let active = 0;
  let gate: Promise<void> | undefined;

  const take = (method: string, path: string): Fault | undefined => {
    const found = rules.find(({ rule, left }) =>
      left > 0 && (rule.when === undefined || rule.when(method, path))
    );
    if (found === undefined) return undefined;
    found.left--;
    count++;
    return found.rule.fault;
  };

  async function serve(client: Deno.Conn): Promise<void> {
    open.add(client);
    let server: Deno.Conn | undefined;
    let counted = 0;
    try {
      const request = await readHead(client);
      if (request === undefined) return;
      active += counted = 1;
      await gate;
      const [method, path] = request.lines[0].split(" ");
      const fault = take(method, path);
      const length = Number(header(request, "content-length") ?? 0);
      if (fault?.kind === "status" || fault?.kind === "html") {
        await drain(client, length - request.rest.length);
        await answer(client, fault, method);
        return;
      }
      server = await Deno.connect({ hostname: upstream.hostname, port: Number(upstream.port) });
      open.add(server);
      await writeAll(server, encodeHead(request, { connection: "close" }));
      const sent = await pass(client, server, request.rest, length, fault, "request", (bytes) => {
        bytesUp += bytes;
      });
      if (!sent) return;
      const response = await readHead(server);
      if (response === undefined) return;
      if (fault?.kind === "lost") return;
      const announced = header(response, "content-length");
      const size = announced === undefined ? Infinity : Number(announced);
      const shorter: Record<string, string> = fault?.kind === "truncate"
        ? { "content-length": `${fault.at}` }
        : {};
      await writeAll(client, encodeHead(response, { connection: "close", ...shorter }));
      if (method === "HEAD") return;
      const until = fault?.kind === "truncate" ? Math.min(fault.at, size) : size;
      await pass(server, client, response.rest, until, fault, "response", () => {});
    } catch (error) {
      // Either side may go away at any time; that is what this is for.
      if (!(error instanceof Deno.errors.Http) && !isGone(error)) throw error;
    } finally {
      active -= counted;
      for (const connection of [client, server]) {
        if (connection === undefined || !open.delete(connection)) continue;
        connection.close();
      }
    }
  }

  const accepting = (async () => {
    for await (const client of listener) {
      const one = serve(client).finally(() => running.delete(one));
      running.add(one);
    }
  })();

  return {
    url: `http://127.0.0.1:${listener.addr.port}`,
    set(...wanted) {
      rules = wanted.map((rule) => ({ rule, left: rule.times ?? 1 }));
      count = 0;
      bytesUp = 0;
    },
    get count() {
      return count;
    },
    get bytesUp() {
      return bytesUp;
    },
    get active() {
      return active;
    },
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return () => {
        if (gate === promise) gate = undefined;
        resolve();
      };
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const connection of open) {
        open.delete(connection);
        connection.close();
      }
      await Promise.all(running);
      await accepting;
    },
  };
}

interface Head {
  /** The first line and the headers. */
  readonly lines: readonly string[];
  /** What of the body came along. */
  readonly rest: Uint8Array;
}

async function readHead(from: Deno.Conn): Promise<Head | undefined> {
  let bytes = new Uint8Array(0);
  const buffer = new Uint8Array(65_536);
  for (;;) {
    const read = await from.read(buffer);
    if (read === null) return undefined;
    bytes = concat(bytes, buffer.subarray(0, read));
    const end = indexOf(bytes, END_OF_HEAD);
    if (end === -1) continue;
    const lines = new TextDecoder("latin1").decode(bytes.subarray(0, end)).split("\r\n");
    const rest = bytes.slice(end + END_OF_HEAD.length);
    // "100 Continue" is a head of its own before the answer's.
    if (!/^HTTP\/1\.1 1\d\d/.test(lines[0])) return { lines, rest };
    bytes = rest;
  }
}

function header(head: Head, name: string): string | undefined {
  const line = head.lines.slice(1).find((line) => line.toLowerCase().startsWith(`${name}:`));
  return line?.slice(name.length + 1).trim();
}

function encodeHead(head: Head, changed: Readonly<Record<string, string>>): Uint8Array {
  const kept = head.lines.filter((line, i) =>
    i === 0 || !(line.split(":")[0].toLowerCase() in changed)
  );
  const added = Object.entries(changed).map(([name, value]) => `${name}: ${value}`);
  const text = [...kept, ...added, "", ""].join("\r\n");
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

/** Passes a body on; `false`, if the connection is to end here. */
async function pass(
  from: Deno.Conn,
  to: Deno.Conn,
  first: Uint8Array,
  length: number,
  fault: Fault | undefined,
  on: "request" | "response",
  onBytes: (bytes: number) => void,
): Promise<boolean> {
  const mine = fault !== undefined && "on" in fault && fault.on === on ? fault : undefined;
  const buffer = new Uint8Array(65_536);
  let offset = 0;
  let chunk: Uint8Array | null = first;
  while (offset < length) {
    if (chunk.length === 0) {
      const read = await from.read(buffer);
      if (read === null) return false;
      chunk = buffer.subarray(0, read);
    }
    chunk = chunk.subarray(0, length - offset);
    const at = mine === undefined ? -1 : mine.at - offset;
    if (mine !== undefined && at >= 0 && at < chunk.length) {
      if (mine.kind === "flip") chunk[at] ^= 0x01;
      else {
        await writeAll(to, chunk.subarray(0, at));
        if (mine.kind === "cut") return false;
        // Until one of the sides gives up. Reading on would take bytes off a sender's hands.
        if (on === "response") await from.read(new Uint8Array(1)).catch(() => null);
        await waitForEnd(on === "response" ? to : from);
        return false;
      }
    }
    await writeAll(to, chunk);
    onBytes(chunk.length);
    offset += chunk.length;
    chunk = new Uint8Array(0);
  }
  return true;
}

/** Waits until the other side has closed. */
async function waitForEnd(connection: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(1024);
  while (await connection.read(buffer) !== null) { /* what still comes in goes nowhere */ }
}

async function drain(from: Deno.Conn, left: number): Promise<void> {
  const buffer = new Uint8Array(65_536);
  while (left > 0) {
    const read = await from.read(buffer);
    if (read === null) return;
    left -= read;
  }
}

async function answer(
  to: Deno.Conn,
  fault: Fault & { readonly kind: "status" | "html" },
  method: string,
): Promise<void> {
  const page = fault.kind === "html";
  const status = fault.status ?? 200;
  const code = status === 503 ? "SlowDown" : status === 429 ? "TooManyRequests" : "InternalError";
  const body = page
    ? PAGE
    : `<?xml version="1.0"?><Error><Code>${code}</Code><Message>Try again</Message></Error>`;
  const lines = [
    `HTTP/1.1 ${status} ${page ? "OK" : "Trouble"}`,
    `content-type: ${page ? "text/html" : "application/xml"}`,
    `content-length: ${body.length}`,
    "connection: close",
    ...(fault.kind === "status" && fault.retryAfter !== undefined
      ? [`retry-after: ${fault.retryAfter}`]
      : []),
  ];
  await writeAll(
    to,
    new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n${method === "HEAD" ? "" : body}`),
  );
}

async function writeAll(to: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.length;) offset += await to.write(bytes.subarray(offset));
}

function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.ConnectionAborted || error instanceof Deno.errors.BadResource ||
    error instanceof Deno.errors.Interrupted || error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.ConnectionRefused || error instanceof Deno.errors.UnexpectedEof;
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function indexOf(bytes: Uint8Array, wanted: Uint8Array): number {
  for (let i = 0; i + wanted.length <= bytes.length; i++) {
    if (wanted.every((byte, j) => bytes[i + j] === byte)) return i;
  }
  return -1;
}
