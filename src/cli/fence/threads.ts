/**
 * Starts threads for a thread with few permissions, which get no more than it has.
 *
 * @module
 */

import {
  startThreadAt,
  type Thread,
  type ThreadName,
  type ThreadPermissions,
} from "../../threads/start.ts";
import { RunOutputsError } from "../../errors/error.ts";
import { type Grant, permissionsOf } from "./grants.ts";
import { isWithin } from "./written.ts";

/** A thread to start for another one. */
export interface ThreadRequest {
  /** Its number. */
  readonly id: number;
  /** What it does. */
  readonly name: ThreadName;
  /** What it may do. */
  readonly permissions: ThreadPermissions;
  /** The port of its messages. */
  readonly port: MessagePort;
}

/** The threads of a thread with few permissions. */
export class GrantedThreads implements Disposable {
  readonly #grants: readonly Grant[];
  readonly #onFailure: (id: number, message: string) => void;
  readonly #threads = new Map<number, Thread>();

  /**
   * Creates a set without threads.
   *
   * @param grants The grants of the thread that they are for.
   * @param onFailure Gets the number of a thread that could not be started or has failed, and why.
   */
  constructor(grants: readonly Grant[], onFailure: (id: number, message: string) => void) {
    this.#grants = grants;
    this.#onFailure = onFailure;
  }

  /**
   * Starts a thread.
   *
   * @param request The thread.
   */
  start({ id, name, permissions, port }: ThreadRequest): void {
    try {
      const thread = startGrantedThread(name, permissions, port, this.#grants);
      this.#threads.set(id, thread);
      thread.onerror = (event) => {
        event.preventDefault();
        this.#onFailure(id, event.message);
      };
    } catch (error) {
      this.#onFailure(id, (error as Error).message);
    }
  }

  /**
   * Ends a thread.
   *
   * @param id Its number.
   */
  end(id: number): void {
    this.#threads.get(id)?.terminate();
    this.#threads.delete(id);
  }

  /** Ends all threads. */
  [Symbol.dispose](): void {
    for (const thread of this.#threads.values()) thread.terminate();
  }
}

/**
 * Starts a thread.
 *
 * @param name What it does.
 * @param permissions What it may do.
 * @param port The port of its messages.
 * @param grants The grants of the thread that it is for.
 * @returns The thread.
 * @throws {RunOutputsError} `denied`, if it were to get more than the grants.
 */
export function startGrantedThread(
  name: ThreadName,
  permissions: ThreadPermissions,
  port: MessagePort,
  grants: readonly Grant[],
): Thread {
  const { read, write, net } = permissionsOf(grants);
  return startThreadAt(name, {
    read: narrowed("read", permissions.read, read),
    write: permissions.write && narrowed("write to", permissions.write, write),
    net: permissions.net && connected(permissions.net, net),
  }, port);
}

function connected(
  wanted: readonly string[],
  granted: Deno.PermissionOptionsObject["net"],
): readonly string[] {
  const all = Array.isArray(granted) ? granted : [];
  const other = wanted.find((address) => !all.includes(address));
  if (other === undefined) return wanted;
  throw new RunOutputsError("denied", `Cannot start a thread: it may not connect to '${other}'`);
}

function narrowed(
  what: string,
  wanted: readonly string[] | "inherit",
  granted: Deno.PermissionOptionsObject["read"],
): readonly string[] {
  const all = Array.isArray(granted) ? granted.map(String) : [];
  if (wanted === "inherit") return all;
  const other = wanted.find((path) => !all.some((directory) => isWithin(directory, path)));
  if (other === undefined) return wanted;
  throw new RunOutputsError("denied", `Cannot start a thread: it may not ${what} '${other}'`);
}
