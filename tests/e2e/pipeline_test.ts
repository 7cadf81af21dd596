/** Every upload of a pipeline, on a disk and on S3. */

import { startS3Server } from "../support/s3_server.ts";
import { fileNames } from "../support/snapshot.ts";
import { s3Target } from "../support/s3_target.ts";
import { pipelineSuite } from "./pipeline_suite.ts";

pipelineSuite("disk", (dir) =>
  Promise.resolve({
    args: ["--output-dir", dir],
    env: {},
    keys: async () => {
      try {
        return await fileNames(dir);
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return [];
        throw error;
      }
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }));

pipelineSuite("fauxqs", async () => {
  const server = await startS3Server();
  return await s3Target(server.url, "suite", server);
});
