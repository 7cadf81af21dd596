/**
 * An S3 server like a big one seen from a fast runner: latency before each answer, a bound on the speed
 * of each connection and on all of them together, up and down, and `SlowDown` above a number of bodies.
 *
 * Objects have no content of their own: all of them are made of the same bytes, and what is uploaded
 * is counted. Signatures are not checked. HTTP is spoken on plain sockets, because the server shares
 * the processors with what is measured.
 *
 * As a program: `paced_s3.ts JSON`, with the options; it prints its URL, and `GET /stat` tells what was
 * seen.
 *
 * @module
 */

const KiB = 1024;
/** So much is passed at once: small enough that many connections share a line evenly. */
const PIECE = 128 * KiB;
/** Below this, nobody waits: timers are no finer. */
const SHORTEST = 2;

/** Options of {@linkcode startPacedS3}. */
export interface PacedOptions {
  /** The time until the first byte of each answer, in milliseconds. Default: 0. */
  readonly latency?: number;
  /** The bytes a second of each connection. Default: no bound. */
  readonly each?: number;
  /** The bytes a second of all connections together, in each direction. Default: no bound. */
  readonly total?: number;
  /** The number of objects `p/f0`, `p/f1`, … that are there in each bucket. Default: 0. */
  readonly count?: number;
  /** Their size in bytes. */
  readonly size?: number;
  /** Above this number of bodies, requests with a body or for one are refused. Default: no bound. */
  readonly refusesAbove?: number;
}

/** What a server has seen. */
export interface PacedStat {
  /** The most bodies at once. */
  readonly most: number;
  /** The number of requests. */
  readonly requests: number;
  /** The number of those that were refused. */
  readonly refused: number;
  /** The bytes of the bodies that were received. */
  readonly received: number;
}

/** A server that runs. */
export interface PacedS3 extends AsyncDisposable {
  /** Its URL. */
  readonly url: string;
  /** What it has seen since it was asked last. */
  stat(): PacedStat;
}

/** The request line and the headers that matter. */
interface Head {
  readonly method: string;
  readonly url: URL;
  readonly length: number;
  readonly range: RegExpExecArray | null;
  readonly expects: boolean;
}

/** The bytes of every object: not zeros, which nothing would compress by chance. */
const BLOCK = crypto.getRandomValues(new Uint8Array(64 * KiB));

/**
 * The bytes of every object, from its start.
 *
 * @param size Their number.
 * @returns The bytes.
 */
export function pacedBytes(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += BLOCK.length) {
    bytes.set(BLOCK.subarray(0, Math.min(BLOCK.length, size - at)), at);
  }
  return bytes;
}

const PIECES = pacedBytes(PIECE + BLOCK.length);

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A direction of the line. */
class Pace {
  readonly #rate: number;
  #free = 0;

  constructor(rate: number) {
    this.#rate = rate / 1000;
  }

  /** When bytes that come now have passed. */
  pass(bytes: number): number {
    // A line that was idle for a moment has lost nothing: timers are late.
    this.#free = Math.max(this.#free, performance.now() - 20) + bytes / this.#rate;
    return this.#free;
  }
}

/** Reads and answers the requests of one connection. */
class Connection {
  readonly #server: Server;
  readonly #connection: Deno.TcpConn;
  readonly #up: Pace;
  readonly #down: Pace;
  readonly #buffer = new Uint8Array(PIECE);
  #filled = new Uint8Array(0);

  constructor(server: Server, connection: Deno.TcpConn) {
    this.#server = server;
    this.#connection = connection;
    this.#up = new Pace(server.options.each ?? Infinity);
    this.#down = new Pace(server.options.each ?? Infinity);
  }

  async serve(): Promise<void> {
    for (let head = await this.#head(); head !== undefined; head = await this.#head()) {
      if (head.expects) {
        await this.#write(new TextEncoder().encode("HTTP/1.1 100 Continue\r\n\r\n"));
      }
      await this.#answer(head);
    }
  }

  async #head(): Promise<Head | undefined> {
    for (let text = "";;) {
      text = new TextDecoder().decode(this.#filled);
      const end = text.indexOf("\r\n\r\n");
      if (end !== -1) {
        this.#filled = this.#filled.slice(end + 4);
        const [first, ...lines] = text.slice(0, end).split("\r\n");
        const [method, path] = first.split(" ");
        const headers = new Map(
          lines.map((line) => {
            const [name] = line.split(":", 1);
            return [name.toLowerCase(), line.slice(name.length + 1).trim()];
          }),
        );
        return {
          method,
          url: new URL(path, "http://x"),
          length: Number(headers.get("content-length") ?? 0),
          range: /bytes=(\d+)-(\d*)/.exec(headers.get("range") ?? ""),
          expects: headers.has("expect"),
        };
      }
      const count = await this.#connection.read(this.#buffer);
      if (count === null) return undefined;
      const more = new Uint8Array(this.#filled.length + count);
      more.set(this.#filled);
      more.set(this.#buffer.subarray(0, count), this.#filled.length);
      this.#filled = more;
    }
  }

  async #answer(head: Head): Promise<void> {
    const server = this.#server;
    const { method, url, length, range } = head;
    const key = decodeURIComponent(url.pathname).split("/").slice(2).join("/");
    if (url.pathname === "/stat") return await this.#send(200, JSON.stringify(server.stat()));
    server.requests++;
    const { latency = 0, refusesAbove = Infinity } = server.options;
    const isList = method === "GET" && key === "";
    const hasBody = method === "PUT" || (method === "GET" && !isList);
    if (hasBody && server.active >= refusesAbove) {
      server.refused++;
      await this.#receive(length, false);
      await wait(latency);
      return await this.#send(503, error("SlowDown", "Please reduce your request rate."));
    }
    if (hasBody) server.most = Math.max(server.most, ++server.active);
    try {
      const received = await this.#receive(length, method === "PUT");
      if (latency > 0) await wait(latency);
      if (isList) return await this.#send(200, server.list(url));
      if (method === "PUT") {
        server.received += length;
        server.put(key, url, length);
        return await this.#send(200, "", [`etag: ${ETAG}`]);
      }
      if (method === "POST") {
        return await this.#send(200, server.post(key, url, received));
      }
      if (method === "DELETE") return await this.#send(204, "");
      const size = server.objects.get(key);
      if (size === undefined) {
        return await this.#send(404, method === "HEAD" ? "" : error("NoSuchKey", "There is none."));
      }
      const start = Number(range?.[1] ?? 0);
      const end = range?.[2] ? Math.min(size, Number(range[2]) + 1) : size;
      const headers = [`etag: ${ETAG}`, `last-modified: ${MODIFIED.toUTCString()}`];
      if (range !== null) headers.push(`content-range: bytes ${start}-${end - 1}/${size}`);
      await this.#headers(range === null ? 200 : 206, end - start, headers);
      if (method === "GET") await this.#body(start, end);
    } finally {
      if (hasBody) server.active--;
    }
  }

  /** Receives a body; a short one is returned. */
  async #receive(length: number, isPaced: boolean): Promise<string> {
    let text = "";
    for (let left = length; left > 0;) {
      let count = Math.min(left, this.#filled.length);
      let bytes = this.#filled.subarray(0, count);
      if (count > 0) this.#filled = this.#filled.slice(count);
      else {
        count = await this.#connection.read(this.#buffer.subarray(0, Math.min(left, PIECE))) ?? -1;
        if (count === -1) throw new Deno.errors.UnexpectedEof();
        bytes = this.#buffer.subarray(0, count);
      }
      left -= count;
      if (length < PIECE) text += new TextDecoder().decode(bytes);
      if (isPaced) await this.#pace(this.#up, this.#server.up, count);
    }
    return text;
  }

  async #body(start: number, end: number): Promise<void> {
    for (let at = start; at < end;) {
      const count = Math.min(PIECE, end - at);
      const from = at % BLOCK.length;
      await this.#pace(this.#down, this.#server.down, count);
      await this.#write(PIECES.subarray(from, from + count));
      at += count;
    }
  }

  async #pace(own: Pace, all: Pace, bytes: number): Promise<void> {
    const late = Math.max(own.pass(bytes), all.pass(bytes)) - performance.now();
    if (late > SHORTEST) await wait(late);
  }

  async #send(status: number, text: string, headers: readonly string[] = []): Promise<void> {
    const body = new TextEncoder().encode(text);
    await this.#headers(status, body.length, headers);
    if (body.length > 0) await this.#write(body);
  }

  async #headers(status: number, length: number, headers: readonly string[]): Promise<void> {
    const lines = [`HTTP/1.1 ${status} ${status}`, `content-length: ${length}`, ...headers];
    await this.#write(new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`));
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let offset = 0; offset < bytes.length;) {
      offset += await this.#connection.write(bytes.subarray(offset));
    }
  }
}

/** Not an MD5, because nobody computes it. */
const ETAG = `"${"0".repeat(32)}-1"`;
const MODIFIED = new Date(Date.UTC(2026, 0));

function error(code: string, message: string): string {
  return `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
}

class Server {
  readonly options: PacedOptions;
  readonly up: Pace;
  readonly down: Pace;
  readonly objects = new Map<string, number>();
  readonly #parts = new Map<string, number>();
  active = 0;
  most = 0;
  requests = 0;
  refused = 0;
  received = 0;

  constructor(options: PacedOptions) {
    this.options = options;
    this.up = new Pace(options.total ?? Infinity);
    this.down = new Pace(options.total ?? Infinity);
    const { count = 0, size = 0 } = options;
    for (let i = 0; i < count; i++) this.objects.set(`p/f${i}`, size);
  }

  stat(): PacedStat {
    const { most, requests, refused, received } = this;
    this.most =
      this.requests =
      this.refused =
      this.received =
        0;
    return { most, requests, refused, received };
  }

  put(key: string, url: URL, size: number): void {
    const id = url.searchParams.get("uploadId");
    if (id === null) this.objects.set(key, size);
    else this.#parts.set(id, (this.#parts.get(id) ?? 0) + size);
  }

  /** Begins or completes an upload in parts. */
  post(key: string, url: URL, _body: string): string {
    const id = url.searchParams.get("uploadId");
    if (id === null) {
      const uploadId = crypto.randomUUID();
      this.#parts.set(uploadId, 0);
      return `<?xml version="1.0"?><InitiateMultipartUploadResult><Bucket>b</Bucket><Key>${key}</Key>` +
        `<UploadId>${uploadId}</UploadId></InitiateMultipartUploadResult>`;
    }
    this.objects.set(key, this.#parts.get(id) ?? 0);
    this.#parts.delete(id);
    return `<?xml version="1.0"?><CompleteMultipartUploadResult><Bucket>b</Bucket><Key>${key}</Key>` +
      `<ETag>${ETAG}</ETag></CompleteMultipartUploadResult>`;
  }

  list(url: URL): string {
    const prefix = url.searchParams.get("prefix") ?? "";
    if (url.searchParams.has("uploads")) {
      return `<?xml version="1.0"?><ListMultipartUploadsResult><IsTruncated>false</IsTruncated>` +
        `</ListMultipartUploadsResult>`;
    }
    const items = [...this.objects].filter(([key]) => key.startsWith(prefix)).sort().map((
      [key, size],
    ) =>
      `<Contents><Key>${key}</Key><LastModified>${MODIFIED.toISOString()}</LastModified>` +
      `<ETag>${ETAG}</ETag><Size>${size}</Size></Contents>`
    );
    return `<?xml version="1.0"?><ListBucketResult><Name>b</Name><Prefix>${prefix}</Prefix>` +
      `<KeyCount>${items.length}</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>` +
      `${items.join("")}</ListBucketResult>`;
  }
}

/** Starts a server on loopback. */
export function startPacedS3(options: PacedOptions): PacedS3 {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const server = new Server(options);
  const open = new Map<Deno.TcpConn, Promise<void>>();
  const accepting = (async () => {
    for await (const connection of listener) {
      connection.setNoDelay();
      const serving = new Connection(server, connection).serve()
        .catch(() => {/* the client has gone */})
        .finally(() => {
          open.delete(connection);
          try {
            connection.close();
          } catch {
            // It is closed already.
          }
        });
      open.set(connection, serving);
    }
  })();
  return {
    url: `http://127.0.0.1:${listener.addr.port}`,
    stat: () => server.stat(),
    async [Symbol.asyncDispose]() {
      listener.close();
      const all = [...open];
      for (const [connection] of all) connection.close();
      await Promise.all([accepting, ...all.map(([, serving]) => serving)]);
    },
  };
}

if (import.meta.main) {
  console.log(startPacedS3(JSON.parse(Deno.args[0])).url);
}
