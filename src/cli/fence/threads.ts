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
  const { read, write } = permissionsOf(grants);
  return startThreadAt(name, {
    read: narrowed("read", permissions.read, read),
    write: permissions.write && narrowed("write to", permissions.write, write),
  }, port);
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
