/**
 * Starts the threads that hash, pack, unpack and serve.
 *
 * @module
 */

import { areWorkersNarrowed } from "./permissions.ts";

/** What a thread does. */
export type ThreadName = "hash" | "pack" | "unpack" | "service";

/** What a thread may do: absolute paths, all that this thread may do, or nothing. */
export interface ThreadPermissions {
  /** What it may read. */
  readonly read: readonly string[] | "inherit";
  /** What it may write to. */
  readonly write: readonly string[] | "inherit" | false;
  /** The addresses it may use. Default: none. */
  readonly net?: readonly string[];
}

/** A running thread: what is used of a `Worker`. */
export interface Thread {
  /** Gets its messages. */
  onmessage: ((event: MessageEvent) => void) | null;
  /** Gets its end by an error. */
  onerror: ((event: ErrorEvent) => void) | null;
  /** Gets messages that can't be read. */
  onmessageerror: ((event: MessageEvent) => void) | null;
  /** Sends a message. */
  postMessage(message: unknown, transfer?: Transferable[]): void;
  /** Ends the thread. */
  terminate(): void;
}

/** The name of a thread that gets a port for its messages first; see `serve.ts`. */
export const BY_PORT = "by port";

let starter: ((name: ThreadName, permissions: ThreadPermissions) => Thread) | undefined;

/**
 * Lets another thread start the threads: in Deno, a thread of the first one starts in 20 ms, and a
 * thread of any other in 500.
 *
 * @param start Starts one. What fails then is reported by the thread. `undefined`: this thread does.
 */
export function startThreadsBy(
  start: ((name: ThreadName, permissions: ThreadPermissions) => Thread) | undefined,
): void {
  starter = start;
}

/**
 * Starts a thread.
 *
 * @param name What it does.
 * @param permissions What it may do.
 * @param narrow Whether it gets these permissions; otherwise it has all of this thread.
 * @returns The thread.
 * @throws {Deno.errors.NotCapable} If this thread lacks a permission; or an error of a runtime without
 * workers.
 */
export function startThread(
  name: ThreadName,
  permissions: ThreadPermissions,
  narrow: boolean = areWorkersNarrowed(),
): Thread {
  if (starter !== undefined) {
    return starter(name, narrow ? permissions : { read: "inherit", write: "inherit" });
  }
  if (!narrow) return new Worker(urlOf(name), { type: "module" });
  return new Worker(urlOf(name), { type: "module", deno: { permissions: only(permissions) } });
}

/**
 * Starts a thread for another one, which has its messages.
 *
 * @param name What it does.
 * @param permissions What it may do.
 * @param port The port of its messages.
 * @returns The thread. Nothing must be sent to it.
 * @throws {Deno.errors.NotCapable} If this thread lacks a permission.
 */
export function startThreadAt(
  name: ThreadName,
  permissions: ThreadPermissions,
  port: MessagePort,
): Thread {
  const worker = new Worker(urlOf(name), {
    type: "module",
    name: BY_PORT,
    deno: { permissions: only(permissions) },
  });
  worker.postMessage(port, [port]);
  return worker;
}

/** `.ci/bundle.ts` finds the files by these paths. */
function urlOf(name: ThreadName): URL {
  switch (name) {
    case "hash":
      return new URL("../storage/hash/worker.ts", import.meta.url);
    case "pack":
      return new URL("../archive/pack/worker.ts", import.meta.url);
    case "unpack":
      return new URL("../archive/unpack/worker.ts", import.meta.url);
    case "service":
      return new URL("../service/server/worker.ts", import.meta.url);
  }
}

/**
 * The permissions of a thread as the runtime needs them. All others are denied.
 *
 * @param permissions What it may do.
 * @returns Each permission.
 */
export function only({ read, write, net }: ThreadPermissions): Deno.PermissionOptionsObject {
  const paths = (list: ThreadPermissions["write"]) => typeof list === "object" ? [...list] : list;
  return {
    read: paths(read),
    write: paths(write),
    env: false,
    ffi: false,
    import: false,
    net: net === undefined ? false : [...net],
    run: false,
    sys: false,
  };
}
