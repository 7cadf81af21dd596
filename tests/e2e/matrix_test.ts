/** Ten jobs of one matrix at once, on a server that enforces conditions and on one that does not. */

import { startS3Server } from "../support/s3_server.ts";
import { s3Target } from "../support/s3_target.ts";
import { matrixSuite } from "./matrix_suite.ts";

for (const lenient of [false, true]) {
  matrixSuite(lenient ? "fauxqs, lenient" : "fauxqs", async () => {
    const server = await startS3Server({ lenient });
    return await s3Target(server.url, "suite", server);
  });
}
