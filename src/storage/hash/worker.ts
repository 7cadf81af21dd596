/**
 * The hashing thread.
 *
 * @module
 */

import { serveThread } from "../../threads/serve.ts";
import { type HashAnswer, type HashRequest, HashServer } from "./server.ts";

const server = new HashServer((answer, transfer) => post(answer, transfer));
const post = serveThread<HashRequest, HashAnswer>((request) => server.receive(request));
post({ type: "ready" });
