/**
 * The other side of a thread that `start.ts` starts.
 *
 * @module
 */

import { BY_PORT } from "./start.ts";

/** The members of a worker's global scope, which the types of a page do not have. */
interface Scope {
  readonly name: string;
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown, transfer?: Transferable[]): void;
}

/**
 * Receives the messages of this thread.
 *
 * @param receive Gets each message.
 * @returns Sends one.
 */
export function serveThread<In, Out>(
  receive: (message: In) => void,
): (message: Out, transfer?: Transferable[]) => void {
  const scope = self as unknown as Scope;
  const onmessage = ({ data }: MessageEvent) => receive(data);
  if (scope.name !== BY_PORT) {
    scope.onmessage = onmessage;
    return (message, transfer = []) => scope.postMessage(message, transfer);
  }
  let port: MessagePort | undefined;
  const early: [Out, Transferable[]][] = [];
  scope.onmessage = ({ data }: MessageEvent<MessagePort>) => {
    port = data;
    for (const [message, transfer] of early.splice(0)) port.postMessage(message, transfer);
    port.onmessage = onmessage;
  };
  return (message, transfer = []) => {
    if (port === undefined) early.push([message, transfer]);
    else port.postMessage(message, transfer);
  };
}
