/** Runs are copied, exported and imported, on a server in this process. */

import { startS3Server } from "../support/s3_server.ts";
import { s3Target } from "../support/s3_target.ts";
import { copySuite } from "./copy_suite.ts";

copySuite("fauxqs", async () => {
  const server = await startS3Server();
  return await s3Target(server.url, "suite", server);
});
