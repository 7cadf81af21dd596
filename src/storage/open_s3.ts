/**
 * Opens the S3 driver, and loads the AWS SDK only then.
 *
 * @module
 */

import type { S3Backend } from "./s3/backend.ts";
import type { S3BackendOptions } from "./s3/settings.ts";

/**
 * Creates a driver for an S3 server. It sends no request yet.
 *
 * @param options The server, credentials, limits. Defaults come from the environment variables of
 * the AWS SDK, then from the profile.
 * @returns The driver; disposing of it closes its connections.
 * @throws {RunOutputsError} `invalid`, naming the option or the variable.
 *
 * @example
 * ```ts
 * import { openS3 } from "@therock/run-outputs";
 *
 * using backend = await openS3({ noSignRequest: true, region: "us-east-2" });
 * console.assert(backend.name === "s3");
 * ```
 */
export async function openS3(options: S3BackendOptions = {}): Promise<S3Backend> {
  const { createS3Backend } = await import("./s3/backend.ts");
  return await createS3Backend(options);
}
