/**
 * The thread that runs an invocation with its grants, started by `src/cli/fence/start.ts`.
 *
 * @module
 */

import { makeLinksBy } from "../archive/unpack/staged_links.ts";
import { RunOutputsError } from "../errors/error.ts";
import { allowWorkDirs } from "../operations/fetch/work_names.ts";
import { rememberPlaces } from "../ownership/way_to.ts";
import type { Failure, FromFenced, ToFenced } from "./fence/start.ts";
import { main } from "./main.ts";
import { systemIo } from "./terminal/io.ts";

/** The worker's own side of its messages. */
const here = self as unknown as {
  onmessage: (event: MessageEvent<ToFenced>) => void;
  postMessage(message: FromFenced): void;
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

here.onmessage = async ({ data }) => {
  if (data.type === "links made") return waiting.shift()?.(data.error);
  const { args, above, workDirs } = data.start;
  rememberPlaces(above);
  if (workDirs !== undefined) allowWorkDirs(workDirs);
  here.postMessage({ type: "end", exitCode: await main(args, systemIo()) });
};
