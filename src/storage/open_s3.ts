/**
 * The way to the S3 driver that loads the AWS SDK only when it is taken.
 *
 * @module
 */

import type { S3Backend } from "./s3/backend.ts";
import type { S3BackendOptions } from "./s3/settings.ts";

/**
 * Creates a driver for a server that speaks S3; nothing is sent before it is used.
 *
 * @param options The server, who signs, limits; what is not given comes from the environment that
 * the AWS SDK reads, then from the profile.
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
