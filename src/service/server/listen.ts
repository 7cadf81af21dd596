/**
 * Listens for requests, and listens again when the runtime has stopped: its server ends when the
 * process has no file descriptor left for a connection.
 *
 * @module
 */

import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import { freeSentChunks } from "../objects/body.ts";
import type { Service } from "./service.ts";

/** How long to wait before listening again, if that has just failed, in milliseconds. */
const FIRST_DELAY = 20;
const LAST_DELAY = 1000;

function longer(delay: number): number {
  return Math.min(Math.max(FIRST_DELAY, 2 * delay), LAST_DELAY);
}

/** Where to listen. */
export type Place =
  | { readonly hostname: string; readonly port: number }
  | {
    /** The path of a Unix socket. */
    readonly path: string;
    /** Its mode. Default: 0o600. */
    readonly mode?: number;
  };

/** Options of {@linkcode listen}. */
export interface ListenOptions {
  /** Where. Port 0 is any free port. */
  readonly place: Place;
  /** Answers requests. */
  readonly service: Service;
  /** Receives a line when the server has ended and when it listens again. */
  readonly log?: (line: string) => void;
}

/** A service that listens. */
export interface Listening {
  /** Its URL, with a final `/`; for a Unix socket, `unix:` and its path. */
  readonly url: string;
  /** The address it listens on; none for a Unix socket. */
  readonly address?: Deno.NetAddr;
  /**
   * Stops listening and waits until all answers have been sent.
   *
   * @param patience How long to wait, in milliseconds. Default: 30,000.
   * @returns Whether all have been sent.
   */
  close(patience?: number): Promise<boolean>;
}

/**
 * Listens.
 *
 * @param options Where, and for what.
 * @returns The listening service.
 * @throws {RunOutputsError} `denied`, `conflict` or `invalid`, if it can't listen there.
 */
export async function listen(options: ListenOptions): Promise<Listening> {
  if ("path" in options.place) await removeOldSocket(options.place.path);
  return new Supervisor(options);
}

type Server = Deno.HttpServer<Deno.Addr>;

class Supervisor implements Listening {
  readonly url: string;
  readonly address?: Deno.NetAddr;
  readonly #service: Service;
  readonly #log: (line: string) => void;
  /** How many answers are being sent, also by servers that have ended. */
  #active = 0;
  #idle: (() => void) | undefined;
  #place: Place;
  #server: Server;
  #isClosing = false;
  readonly #supervision: Promise<void>;

  constructor({ place, service, log = () => {} }: ListenOptions) {
    this.#service = service;
    this.#log = log;
    this.#place = place;
    this.#server = this.#serve();
    const { addr } = this.#server;
    if (addr.transport === "tcp") {
      this.address = addr;
      // Listening again must not change the port.
      if ("port" in place) this.#place = { ...place, port: addr.port };
      const host = addr.hostname.includes(":") ? `[${addr.hostname}]` : addr.hostname;
      this.url = `http://${host}:${addr.port}/`;
    } else this.url = `unix:${(addr as Deno.UnixAddr).path}`;
    this.#supervision = this.#supervise();
  }

  async close(patience = 30_000): Promise<boolean> {
    this.#isClosing = true;
    const timeout = Promise.withResolvers<false>();
    const timer = setTimeout(() => timeout.resolve(false), patience);
    try {
      return await Promise.race([this.#end(), timeout.promise]);
    } finally {
      clearTimeout(timer);
      if ("path" in this.#place) removeSocket(this.#place.path);
    }
  }

  async #end(): Promise<true> {
    // A server that has ended by itself has no connections to close.
    await Promise.all([this.#server.shutdown().catch(() => {}), this.#drained()]);
    await this.#supervision;
    return true;
  }

  async #supervise(): Promise<void> {
    let delay = 0;
    while (!this.#isClosing) {
      const began = performance.now();
      try {
        await this.#server.finished;
      } catch (error) {
        if (this.#isClosing) break;
        this.#log(`the server has ended: ${(error as Error).message}; listening again`);
      }
      // A server that has ended soon would end soon again.
      const lived = performance.now() - began;
      delay = lived < LAST_DELAY ? longer(delay) : 0;
      while (!this.#isClosing && !await this.#listenAgain(delay)) delay = longer(delay);
    }
  }

  async #listenAgain(delay: number): Promise<boolean> {
    if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
    if (this.#isClosing) return true;
    try {
      if ("path" in this.#place) removeSocket(this.#place.path);
      this.#server = this.#serve();
      return true;
    } catch {
      return false;
    }
  }

  #serve(): Server {
    const place = this.#place;
    try {
      const options = { ...place, onListen: () => {} };
      const handler = (request: Request, info: Deno.ServeHandlerInfo) =>
        this.#answer(request, info);
      const server = Deno.serve(options as Deno.ServeTcpOptions, handler) as Server;
      // Until now the umask decides, which may let others connect.
      if ("path" in place && Deno.build.os !== "windows") {
        Deno.chmodSync(place.path, place.mode ?? 0o600);
      }
      return server;
    } catch (error) {
      throw listenError(place, error);
    }
  }

  async #answer(request: Request, info: Deno.ServeHandlerInfo): Promise<Response> {
    const { remoteAddr, completed } = info;
    this.#active++;
    const end = () => {
      this.#active--;
      if (this.#active === 0) this.#idle?.();
    };
    completed.then(end, end);
    const peer = remoteAddr.transport === "tcp" ? remoteAddr.hostname : "localhost";
    const response = await this.#service(request, { peer, completed });
    freeSentChunks(response);
    return response;
  }

  #drained(): Promise<void> {
    if (this.#active === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle = resolve);
  }
}

/** Deletes a socket that nobody listens on any more. */
async function removeOldSocket(path: string): Promise<void> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) removeSocket(path);
    return;
  }
  throw new RunOutputsError("conflict", `Cannot listen on '${path}': another program does`);
}

function removeSocket(path: string): void {
  try {
    if (Deno.lstatSync(path).isSocket) Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw diskError("delete", path, error);
  }
}

function listenError(place: Place, error: unknown): unknown {
  const where = "path" in place ? `'${place.path}'` : `${place.hostname}, port ${place.port}`;
  const cannot = `Cannot listen on ${where}`;
  if (error instanceof Deno.errors.AddrInUse) {
    return new RunOutputsError("conflict", `${cannot}: it is in use; choose another one`, {
      cause: error,
    });
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return new RunOutputsError("denied", `${cannot}: permission denied`, { cause: error });
  }
  if (error instanceof Deno.errors.NotCapable || !(error instanceof Error)) return error;
  return new RunOutputsError("invalid", `${cannot}: ${error.message}`, { cause: error });
}
