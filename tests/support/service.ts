/**
 * The service in process, on loopback, asked by raw sockets: `fetch` changes what it sends.
 *
 * @module
 */

import { LocalBackend } from "../../src/storage/local/local.ts";
import { listen } from "../../src/service/server/listen.ts";
import { createService, type ServiceOptions } from "../../src/service/server/service.ts";
import { putRun, type TestRun } from "./retained.ts";
import { tempDir } from "./temp_dir.ts";

/** An answer. */
export interface Answer {
  /** The status. */
  readonly status: number;
  /** The headers. */
  readonly headers: Headers;
  /** The body, without the frames of a chunked one. */
  readonly text: string;
}

/** A running service. */
export interface TestService extends AsyncDisposable {
  /** Its URL, with a final `/`. */
  readonly url: string;
  /** The port it listens on. */
  readonly port: number;
  /** The lines of its log. */
  readonly log: readonly string[];
  /**
   * Sends a request and closes the connection.
   *
   * @param target The target, as it is sent.
   * @param options The method, the headers (those of `Host` and `Connection` are added), the body.
   */
  ask(target: string, options?: AskOptions): Promise<Answer>;
}

/** Options of {@linkcode TestService.ask}. */
export interface AskOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Starts a service for a storage. */
export async function startService(
  options: Partial<ServiceOptions> & Pick<ServiceOptions, "backend">,
): Promise<TestService> {
  const log: string[] = [];
  const service = createService({
    bucket: "suite",
    tool: "run-outputs/test",
    hosts: { address: "127.0.0.1", names: [] },
    now: () => new Date("2026-11-30T00:00:00Z"),
    log: (line) => log.push(line),
    ...options,
  });
  const place = { hostname: "127.0.0.1", port: 0 };
  const listening = await listen({ place, service, log: (line) => log.push(line) });
  const { port } = listening.address!;
  return {
    url: listening.url,
    port,
    log,
    ask(target, { method = "GET", headers = {}, body = "" } = {}) {
      const all = { host: `127.0.0.1:${port}`, connection: "close", ...headers };
      const sized = body === "" ? all : { ...all, "content-length": `${body.length}` };
      const lines = Object.entries(sized).map(([name, value]) => `${name}: ${value}\r\n`);
      return send(port, `${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
    },
    async [Symbol.asyncDispose]() {
      await listening.close();
    },
  };
}

/** Starts a service for a staging directory with these runs. */
export async function serveRuns(
  runs: Readonly<Record<string, TestRun>>,
  options: Partial<ServiceOptions> = {},
): Promise<TestService & { readonly dir: string }> {
  const temp = await tempDir();
  const dir = `${temp.path}/staging`;
  await Deno.mkdir(dir);
  const backend = new LocalBackend(dir);
  for (const [key, run] of Object.entries(runs)) await putRun(backend, key, run);
  const service = await startService({ backend, dir, ...options });
  return {
    ...service,
    dir,
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]();
      await temp[Symbol.asyncDispose]();
    },
  };
}

/** Sends raw bytes and reads the answer until the server closes the connection. */
export async function send(port: number, text: string): Promise<Answer> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  // One byte per character, so that a test can send what is not UTF-8.
  const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
  const chunks: Uint8Array[] = [];
  const buffer = new Uint8Array(65536);
  try {
    for (;;) {
      const count = await connection.read(buffer);
      if (count === null) break;
      chunks.push(buffer.slice(0, count));
    }
  } catch (error) {
    // A server that refuses a request may not read all of it.
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  }
  return parseAnswer(new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer()));
}

function parseAnswer(bytes: Uint8Array): Answer {
  const raw = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  const end = raw.indexOf("\r\n\r\n");
  const [first, ...lines] = raw.slice(0, end).split("\r\n");
  const headers = new Headers(lines.map((line) => {
    const at = line.indexOf(":");
    return [line.slice(0, at), line.slice(at + 1).trim()] as [string, string];
  }));
  const body = raw.slice(end + 4);
  const isChunked = headers.get("transfer-encoding") === "chunked";
  const whole = isChunked ? withoutFrames(body) : body;
  return {
    status: Number(first.split(" ")[1]),
    headers,
    text: new TextDecoder().decode(Uint8Array.from(whole, (c) => c.charCodeAt(0))),
  };
}

function withoutFrames(body: string): string {
  let text = "";
  for (let at = 0;;) {
    const end = body.indexOf("\r\n", at);
    const size = parseInt(body.slice(at, end), 16);
    if (!(size > 0)) return text;
    text += body.slice(end + 2, end + 2 + size);
    at = end + 2 + size + 2;
  }
}
