/**
 * The thread that runs an invocation with its grants, started by `src/cli/fence/start.ts`.
 *
 * @module
 */

import { makeLinksBy } from "../archive/unpack/staged_links.ts";
import { RunOutputsError } from "../errors/error.ts";
import { allowWorkDirs } from "../operations/fetch/work_names.ts";
import { rememberPlaces } from "../ownership/way_to.ts";
import { PortThread } from "../threads/port_thread.ts";
import { startThreadsBy } from "../threads/start.ts";
import { type DiskSpace, readSpaceBy, readSpaceHere } from "../storage/local/free_space.ts";
import type { Failure, FromFenced, ToFenced } from "./fence/start.ts";
import type { CommandLine } from "./fence/invocation.ts";
import { main } from "./main.ts";
import { systemIo } from "./terminal/io.ts";

/** The worker's own side of its messages. */
const here = self as unknown as {
  onmessage: (event: MessageEvent<ToFenced>) => void;
  postMessage(message: FromFenced, transfer?: Transferable[]): void;
};

/** Requests for links that are not answered yet, in their order. */
const waiting: ((error: Failure | undefined) => void)[] = [];

makeLinksBy((request) =>
  new Promise((resolve, reject) => {
    waiting.push((error) => {
      if (error === undefined) resolve();
      else reject(new RunOutputsError(error.code, error.message));
    });
    here.postMessage({ type: "links", request });
  })
);

/** The threads that the first one has started for this one, by their numbers. */
const threads = new Map<number, PortThread>();
let lastThread = 0;

startThreadsBy((name, permissions) => {
  const { port1, port2 } = new MessageChannel();
  const id = ++lastThread;
  const thread = new PortThread(port1, () => {
    threads.delete(id);
    here.postMessage({ type: "end thread", id });
  });
  threads.set(id, thread);
  here.postMessage({ type: "thread", id, name, permissions, port: port2 }, [port2]);
  return thread;
});

/** Requests for free space that are not answered yet. */
const asked = new Map<string, PromiseWithResolvers<DiskSpace>>();

readSpaceBy(async (path) => {
  try {
    return await readSpaceHere(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
  }
  let request = asked.get(path);
  if (request === undefined) {
    asked.set(path, request = Promise.withResolvers());
    here.postMessage({ type: "space", path });
  }
  return await request.promise;
});

/** Resolved when the command may run. */
const mayRun = Promise.withResolvers<void>();

here.onmessage = async ({ data }) => {
  if (data.type === "links made") return waiting.shift()?.(data.error);
  if (data.type === "space") {
    const request = asked.get(data.path);
    asked.delete(data.path);
    if (data.space !== undefined) return request?.resolve(data.space);
    return request?.reject(new RunOutputsError("failed", "Cannot read the free space"));
  }
  if (data.type === "thread failed") {
    return threads.get(data.id)?.fail(data.message);
  }
  if (data.type === "run") return mayRun.resolve();
  const { args, above, grants, workDirs } = data.start;
  rememberPlaces(above);
  if (workDirs !== undefined) allowWorkDirs(workDirs);
  const exitCode = await main(args, systemIo(), async (line, output) => {
    here.postMessage({ type: "line", line: plain(line) });
    await mayRun.promise;
    for (const text of grants) output.explain(`permission: ${text}`);
    return undefined;
  });
  here.postMessage({ type: "end", exitCode });
};

/** A command line without the values that are not text, which grants do not depend on. */
function plain({ command, args, options }: CommandLine): CommandLine {
  const isText = (value: unknown) =>
    [value].flat().every((one) => typeof one === "string" || typeof one === "boolean");
  return {
    command,
    args,
    options: Object.fromEntries(Object.entries(options).filter(([, value]) => isText(value))),
  };
}
