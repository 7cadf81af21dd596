/**
 * The thread that runs an invocation with its grants, started by `src/cli/fence/start.ts`.
 *
 * @module
 */

import { allowWorkDirs } from "../operations/fetch/work_names.ts";
import { rememberPlaces } from "../ownership/way_to.ts";
import type { FencedEnd, FencedStart } from "./fence/start.ts";
import { main } from "./main.ts";
import { systemIo } from "./terminal/io.ts";

/** The worker's own side of its messages. */
const here = self as unknown as {
  onmessage: (event: MessageEvent<FencedStart>) => void;
  postMessage(message: FencedEnd): void;
};

here.onmessage = async ({ data: { args, above, workDirs } }) => {
  rememberPlaces(above);
  if (workDirs !== undefined) allowWorkDirs(workDirs);
  here.postMessage({ exitCode: await main(args, systemIo()) });
};
