/**
 * Opens the S3 driver, and loads it only then.
 *
 * @module
 */

import { invalid, RunOutputsError } from "../errors/error.ts";
import { type OutputLocation, uriEncodeKey } from "../layout/output_location.ts";
import { redirectError } from "../errors/service_redirect.ts";
import type { S3Backend } from "./s3/backend.ts";
import type { S3BackendOptions, S3ServerOptions } from "./s3/settings.ts";

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

/**
 * Determines the public URLs of objects, without the driver.
 *
 * @param options The server. Defaults come from the environment variables of the AWS SDK, then from
 * the profile.
 * @returns Returns the URL of a location.
 * @throws {RunOutputsError} `invalid`, naming the option or the variable.
 */
export async function publicUrls(
  options: S3ServerOptions,
): Promise<(location: OutputLocation) => string> {
  const { readServer } = await import("./s3/settings.ts");
  const { publicUrl } = await import("./s3/urls.ts");
  const server = await readServer(options);
  return (location) => publicUrl(server, location);
}

/** Options of {@linkcode openServer}. */
export interface ServerOptions
  extends
    Pick<S3BackendOptions, "onNotice" | "onSkipped" | "onRetry" | "onSlow" | "schedule">,
    Pick<S3BackendOptions, "show" | "retry" | "env" | "fetch"> {
  /** The URL of a service, `run-outputs serve`: `http://lab:8080`, `https://lab.example/ci/`. */
  readonly url: string;
  /** The token of the service, if it needs one. */
  readonly token?: string;
}

/**
 * Opens the runs of a service for reading. It sends no request yet.
 *
 * The service answers as an S3 server does, so this is the driver for S3, which resumes and verifies.
 * Any bucket of a location will do: a service has one place. Writes fail.
 *
 * @param options The service.
 * @returns The driver; disposing of it closes its connections.
 * @throws {RunOutputsError} `invalid`, if the URL is not one.
 *
 * @example
 * ```ts
 * import { openServer } from "@therock/run-outputs/storage";
 *
 * using backend = await openServer({ url: "http://localhost:8080" });
 * console.assert(backend.name === "s3");
 * ```
 */
export async function openServer({ url, token, ...options }: ServerOptions): Promise<S3Backend> {
  const parsed = URL.parse(url);
  const isPlain = parsed !== null && /^https?:$/.test(parsed.protocol) &&
    `${parsed.username}${parsed.password}${parsed.search}${parsed.hash}` === "";
  if (!isPlain) throw invalid("server", url, "the URL of a service, such as http://lab:8080");
  const env = options.env ?? ((name) => Deno.env.get(name) || undefined);
  const send = options.fetch ?? fetch;
  const base = parsed.href.replace(/\/+$/, "");
  return await openS3({
    // The bucket is any name, so an S3 URI would say nothing.
    show: ({ bucket, key }) => `${base}/s3/${bucket}/${uriEncodeKey(key)}`,
    ...options,
    endpointUrl: `${base}/s3`,
    noSignRequest: true,
    region: "us-east-1",
    // What is configured for Amazon does not concern this server.
    env: (name) =>
      /^(?:AWS_(?!CA_BUNDLE$|MAX_ATTEMPTS$)|HOME$|USERPROFILE$)/.test(name) ? undefined : env(name),
    async fetch(input, init = {}) {
      const headers = new Headers(init.headers);
      if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
      const response = await send(input, { ...init, headers });
      const below = new URL(`${input}`).pathname.slice(parsed.pathname.replace(/\/+$/, "").length);
      const redirect = redirectError(parsed.href, below, response);
      if (redirect !== undefined) {
        await response.body?.cancel();
        throw redirect;
      }
      const { status } = response;
      // The service's own 404 is S3's document: this one is of something else.
      const isElsewhere = status === 404 &&
        !response.headers.get("content-type")?.startsWith("application/xml");
      if (status !== 401 && !isElsewhere) return response;
      await response.body?.cancel();
      if (isElsewhere) {
        throw new RunOutputsError(
          "not_found",
          `No run-outputs service at ${parsed.href}: check --server, and its base path`,
        );
      }
      throw new RunOutputsError(
        "unauthenticated",
        token === undefined
          ? `Access denied by ${parsed.href}: it needs a token`
          : `Access denied by ${parsed.href}: it does not accept this token`,
      );
    },
  });
}
