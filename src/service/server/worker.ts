/**
 * The worker that the service runs in. It may read the staging directory and nothing else, so it
 * imports all that it needs before it starts.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import { missingPermission } from "../../errors/permission.ts";
import { RemoteMirror } from "../mirror/remote.ts";
import { listen, type Listening } from "./listen.ts";
import { createService } from "./service.ts";
import { openStaging } from "./staging.ts";
import type { FromWorker, ToWorker, WorkerSettings } from "./worker_messages.ts";

/** The worker's own side of its messages. */
const here = self as unknown as {
  onmessage: (event: MessageEvent<ToWorker>) => void;
  postMessage(message: FromWorker): void;
};

let listening: Listening | undefined;
let mirror: RemoteMirror | undefined;

here.onmessage = async ({ data }) => {
  try {
    if (data.type === "start") {
      listening = await start(data.settings);
      here.postMessage({ type: "listening", url: listening.url });
    } else if (data.type === "mirror") mirror?.receive(data.reply);
    else {
      here.postMessage({ type: "closed", isWhole: await listening?.close() ?? true });
    }
  } catch (error) {
    const missing = missingPermission(error);
    const message = missing === undefined
      ? error instanceof Error ? error.message : String(error)
      : `Cannot start the service: ${missing}`;
    const code = error instanceof RunOutputsError ? error.code : missing ? "denied" : "failed";
    here.postMessage({ type: "failed", code, message });
  }
};

async function start(
  { place, sources, isVerbose, ...settings }: WorkerSettings,
): Promise<Listening> {
  const log = (line: string) => here.postMessage({ type: "log", line });
  if (sources !== undefined) {
    mirror = new RemoteMirror(sources, (call) => here.postMessage({ type: "mirror", call }));
  }
  const service = createService({
    ...settings,
    mirror,
    backend: openStaging(settings.dir, log),
    bucket: "local",
    log,
    onAnswer: isVerbose ? (line) => here.postMessage({ type: "answer", line }) : undefined,
  });
  return await listen({ place, service, log });
}
