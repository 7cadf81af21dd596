/**
 * A bucket on a test server as the target of command lines.
 *
 * @module
 */

import { OutputLocation } from "../../src/layout/output_location.ts";
import { createS3Backend } from "../../src/storage/s3/s3_backend.ts";
import type { Target } from "../e2e/pipeline_suite.ts";
import { KEYS, testOptions } from "./s3_subject.ts";

/** Makes the target; it disposes of its server with itself. */
export async function s3Target(
  url: string,
  bucket: string,
  server: AsyncDisposable,
): Promise<Target> {
  const backend = await createS3Backend(testOptions(url));
  return {
    args: ["--bucket", bucket],
    env: {
      AWS_ENDPOINT_URL_S3: url,
      AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
      AWS_REGION: "us-east-1",
    },
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
