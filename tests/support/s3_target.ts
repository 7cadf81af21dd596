/**
 * A bucket on a test server as the target of command lines.
 *
 * @module
 */

import { OutputLocation } from "../../src/layout/output_location.ts";
import { createS3Backend } from "../../src/storage/s3/backend.ts";
import type { Target } from "../e2e/pipeline_suite.ts";
import { s3Env, testOptions } from "./s3_subject.ts";

/** Makes the target; it disposes of its server with itself. */
export async function s3Target(
  url: string,
  bucket: string,
  server: AsyncDisposable,
): Promise<Target> {
  const backend = await createS3Backend(testOptions(url));
  return {
    args: ["--bucket", bucket],
    env: s3Env(url),
    keys: async () => {
      const objects = await Array.fromAsync(backend.list(new OutputLocation(bucket, "")));
      return objects.map(({ location }) => location.key).sort();
    },
    [Symbol.asyncDispose]: async () => {
      backend[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
