/**
 * The hashing thread.
 *
 * @module
 */

import { type HashAnswer, type HashRequest, HashServer } from "./server.ts";

/** The members of a worker's global scope, which the types of a page do not have. */
const scope = self as unknown as {
  onmessage: (event: MessageEvent<HashRequest>) => void;
  postMessage(answer: HashAnswer, transfer?: Transferable[]): void;
};
const server = new HashServer((answer, transfer) => scope.postMessage(answer, transfer));
scope.onmessage = ({ data }) => server.receive(data);
scope.postMessage({ type: "ready" });
