/**
 * The worker that the service runs in. It may read the staging directory and nothing else, so it
 * imports all that it needs before it starts.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import { missingPermission } from "../../errors/permission.ts";
import { serveThread } from "../../threads/serve.ts";
import { RemoteMirror } from "../mirror/remote.ts";
import { listen, type Listening } from "./listen.ts";
import { createService } from "./service.ts";
import { openStaging } from "./staging.ts";
import type { FromWorker, ToWorker, WorkerSettings } from "./worker_messages.ts";

let listening: Listening | undefined;
let mirror: RemoteMirror | undefined;

const post = serveThread<ToWorker, FromWorker>(async (data) => {
  try {
    if (data.type === "start") {
      listening = await start(data.settings);
      post({ type: "listening", url: listening.url });
    } else if (data.type === "mirror") mirror?.receive(data.reply);
    else {
      post({ type: "closed", isWhole: await listening?.close() ?? true });
    }
  } catch (error) {
    const missing = missingPermission(error);
    const message = missing === undefined
      ? error instanceof Error ? error.message : String(error)
      : `Cannot start the service: ${missing}`;
    const code = error instanceof RunOutputsError ? error.code : missing ? "denied" : "failed";
    post({ type: "failed", code, message });
  }
});

async function start(
  { place, sources, isVerbose, ...settings }: WorkerSettings,
): Promise<Listening> {
  const log = (line: string) => post({ type: "log", line });
  if (sources !== undefined) {
    mirror = new RemoteMirror(sources, (call) => post({ type: "mirror", call }));
  }
  const service = createService({
    ...settings,
    mirror,
    backend: openStaging(settings.dir, log),
    bucket: "local",
    log,
    onAnswer: isVerbose ? (line) => post({ type: "answer", line }) : undefined,
  });
  return await listen({ place, service, log });
}
