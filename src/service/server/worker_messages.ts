/**
 * Messages between the program and the worker that the service runs in.
 *
 * @module
 */

import type { ErrorCode } from "../../errors/error.ts";
import type { MirrorCall, MirrorReply } from "../mirror/remote.ts";
import type { Place } from "./listen.ts";
import type { ServiceOptions } from "./service.ts";

/** What the worker serves, and how. */
export interface WorkerSettings
  extends
    Required<Pick<ServiceOptions, "dir" | "tool" | "hosts">>,
    Pick<ServiceOptions, "basePath" | "token" | "allowPin" | "allowMirror"> {
  /** Where to listen. */
  readonly place: Place;
  /** The sources that runs may be mirrored from. */
  readonly sources?: readonly string[];
  /** Whether to report each answer. */
  readonly isVerbose: boolean;
}

/** To the worker. */
export type ToWorker =
  | { readonly type: "start"; readonly settings: WorkerSettings }
  | { readonly type: "mirror"; readonly reply: MirrorReply }
  | { readonly type: "close" };

/** From the worker. */
export type FromWorker =
  | { readonly type: "listening"; readonly url: string }
  | { readonly type: "failed"; readonly code: ErrorCode; readonly message: string }
  | { readonly type: "log"; readonly line: string }
  | { readonly type: "answer"; readonly line: string }
  | { readonly type: "mirror"; readonly call: MirrorCall }
  | { readonly type: "closed"; readonly isWhole: boolean };
