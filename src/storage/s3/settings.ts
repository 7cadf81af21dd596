/**
 * The settings of the S3 driver: from its options, the environment variables of the AWS SDK, and
 * the profile in the shared configuration file, in this order.
 *
 * @module
 */

import { invalid, RunOutputsError } from "../../errors/error.ts";
import { diskError } from "../../errors/disk.ts";
import { HOME_REGION } from "../../layout/bucket_inventory.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { RetryPolicy } from "../retry.ts";
import { isRegion } from "./region.ts";
import { amazonDomain, type HostVariant } from "./amazon_host.ts";
import { checkRequestedHeaders } from "./requested_headers.ts";
import { type Profile, readProfile } from "./shared_config.ts";

const MiB = 1024 * 1024;

/** Limits of the S3 protocol, and good defaults. */
export const DEFAULTS = {
  partSize: 8 * MiB,
  multipartThreshold: 16 * MiB,
  maxMultipartThreshold: 64 * MiB,
  maxParts: 10_000,
  copyLimit: 5 * 1024 ** 3,
  /** Eight parts or, measured on two processors, six: more slow each other down there. */
  maxBytesInMemory: (navigator.hardwareConcurrency > 2 ? 64 : 48) * MiB,
  mostBytesInMemory: 256 * MiB,
  maxRequests: 32,
  stallTimeout: 60_000,
} as const;

/** Looks up a variable of the environment. */
export type Env = (name: string) => string | undefined;

/** Static credentials, instead of the SDK's provider chain. */
export interface StaticCredentials {
  /** The access key's id. */
  readonly accessKeyId: string;
  /** The secret key. */
  readonly secretAccessKey: string;
  /** The session token of temporary keys. */
  readonly sessionToken?: string;
  /** When temporary keys expire. */
  readonly expiration?: Date;
}

/** Options of `createS3Backend`. */
export interface S3BackendOptions {
  /** The server. Default: `$AWS_ENDPOINT_URL_S3`, `$AWS_ENDPOINT_URL`, the profile's, Amazon's. */
  readonly endpointUrl?: string;
  /** The region. Default: `$AWS_REGION`, `$AWS_DEFAULT_REGION`, the profile's, us-east-2. */
  readonly region?: string;
  /** The profile of the shared configuration. Default: `$AWS_PROFILE`, `default`. */
  readonly profile?: string;
  /** Sign no requests: public objects can be read, nothing can be written. */
  readonly noSignRequest?: boolean;
  /**
   * `requester`: this account pays for requests, as buckets with Requester Pays demand. Goes with
   * every request; in a copy, for the source and the destination.
   */
  readonly requestPayer?: "requester";
  /** How S3 encrypts the objects that are created. Default: as the bucket says. */
  readonly sse?: "AES256" | "aws:kms" | "aws:kms:dsse";
  /** The KMS key for `sse`: its ID, alias or ARN. Default: the account's own key for S3. */
  readonly sseKmsKeyId?: string;
  /** The canned ACL of the objects that are created. Default: none, as the bucket says. */
  readonly acl?:
    | "private"
    | "public-read"
    | "public-read-write"
    | "authenticated-read"
    | "aws-exec-read"
    | "bucket-owner-read"
    | "bucket-owner-full-control";
  /** Returns credentials, instead of the SDK's provider chain; called again when they expire. */
  readonly credentials?: () => Promise<StaticCredentials>;
  /** The part size of a multipart upload in bytes, at least 5 MiB on Amazon. Default: 8 MiB. */
  readonly partSize?: number;
  /** The size in bytes from which an upload is in parts. Default: two parts, but 16 to 64 MiB. */
  readonly multipartThreshold?: number;
  /** The maximum number of parts of an upload; the part size grows to fit. Default: 10,000. */
  readonly maxParts?: number;
  /** The maximum size of an object that is copied by one request, in bytes. Default: 5 GiB. */
  readonly copyLimit?: number;
  /**
   * The maximum memory of uploads, in bytes, over all files. Default: 64 MiB, 48 MiB on two
   * processors, and up to 256 MiB if the line is faster with more concurrent parts.
   */
  readonly maxBytesInMemory?: number;
  /** The maximum number of concurrent requests, over all files. Default: 32. */
  readonly maxRequests?: number;
  /** The time without progress after which a request is repeated, in ms. Default: 60 s. */
  readonly stallTimeout?: number;
  /**
   * How far the server's clock is ahead of this machine's, in ms, for signatures. Default:
   * determined when the server rejects a signature.
   */
  readonly clockOffset?: number;
  /** How transient failures are retried; `$AWS_MAX_ATTEMPTS` sets the number of attempts. */
  readonly retry?: RetryPolicy;
  /**
   * A directory for journals of uploads, with which another process can resume them. Default: none.
   */
  readonly journalDir?: string;
  /** Formats a location for messages about reading. Default: its S3 URI. */
  readonly show?: (location: OutputLocation) => string;
  /** Called with one-line notes for the user that are not errors. */
  readonly onNotice?: (message: string) => void;
  /**
   * Called with one line for each object that a list skips because no location can have its key,
   * once per object. Default: `onNotice`.
   */
  readonly onSkipped?: (message: string) => void;
  /** Called for each failure that is retried. */
  readonly onRetry?: (error: Error) => void;
  /**
   * Called with one line, once, if the server has not answered for two seconds, be it that it does not
   * answer or that requests are repeated.
   */
  readonly onSlow?: (text: string) => void;
  /** Calls a function later, and returns how to prevent it. Default: the runtime's timer. */
  readonly schedule?: (milliseconds: number, callback: () => void) => () => void;
  /**
   * The environment. Default: that of this process. The SDK's provider chain always uses the
   * latter.
   */
  readonly env?: Env;
  /** Sends the requests. Default: the runtime's `fetch`. */
  readonly fetch?: typeof fetch;
}

/** Which server an S3 URI means. */
export interface S3Server {
  /** The server, if one was given. */
  readonly endpoint?: URL;
  /** The variant of Amazon's hosts, if no server was given. */
  readonly variant: { readonly fips: boolean; readonly dualStack: boolean };
  /** Whether the region was given as an option, which then overrides what we know. */
  readonly regionIsExplicit: boolean;
  /** The region to start with. */
  readonly region: string;
}

/** The options with all defaults resolved. */
export interface S3Settings extends S3BackendOptions, S3Server {
  /** See {@linkcode S3Server.region}. */
  readonly region: string;
  /** The profile in the shared configuration files; empty, if there is none. */
  readonly shared: Readonly<Record<string, string | undefined>>;
  /** The certificates of `$AWS_CA_BUNDLE`, as PEM. */
  readonly caBundle?: string;
  /** Whether requests have checksum headers in addition to the signed hash. */
  readonly requestChecksums: boolean;
  /** Whether to request checksums in responses with whole objects, and verify them. */
  readonly responseChecksums: boolean;
  /** See {@linkcode S3BackendOptions.partSize}. */
  readonly partSize: number;
  /** See {@linkcode S3BackendOptions.multipartThreshold}. */
  readonly multipartThreshold: number;
  /** See {@linkcode S3BackendOptions.maxParts}. */
  readonly maxParts: number;
  /** See {@linkcode S3BackendOptions.copyLimit}. */
  readonly copyLimit: number;
  /** See {@linkcode S3BackendOptions.maxBytesInMemory}. */
  readonly maxBytesInMemory: number;
  /** What it may grow to on a fast line, in bytes. */
  readonly mostBytesInMemory: number;
  /** See {@linkcode S3BackendOptions.maxRequests}. */
  readonly maxRequests: number;
  /** See {@linkcode S3BackendOptions.stallTimeout}. */
  readonly stallTimeout: number;
  /** See {@linkcode S3BackendOptions.env}. */
  readonly env: Env;
}

/**
 * Resolves the settings.
 *
 * @param options The caller's options.
 * @returns The options with defaults from environment and profile.
 * @throws {RunOutputsError} `invalid`, naming the option or variable, if a value is invalid; errors
 * of the disk, if `$AWS_CA_BUNDLE` cannot be read.
 */
export async function readSettings(options: S3BackendOptions): Promise<S3Settings> {
  checkRequestedHeaders(options);
  const { env, profile, shared, ...server } = await readServer(options);
  readRegion([[`sso_region of profile '${profile ?? "default"}'`, shared.sso_region]]);
  const partSize = positive("part size", options.partSize ?? DEFAULTS.partSize);
  return {
    ...options,
    env,
    profile,
    shared,
    ...server,
    caBundle: await readCaBundle(env("AWS_CA_BUNDLE") ?? shared.ca_bundle),
    requestChecksums: whenSupported(
      "AWS_REQUEST_CHECKSUM_CALCULATION",
      env("AWS_REQUEST_CHECKSUM_CALCULATION") ?? shared.request_checksum_calculation,
    ),
    responseChecksums: whenSupported(
      "AWS_RESPONSE_CHECKSUM_VALIDATION",
      env("AWS_RESPONSE_CHECKSUM_VALIDATION") ?? shared.response_checksum_validation,
    ),
    retry: {
      maxAttempts: maxAttempts(env("AWS_MAX_ATTEMPTS") ?? shared.max_attempts),
      ...options.retry,
    },
    partSize,
    multipartThreshold: positive(
      "multipart threshold",
      options.multipartThreshold ?? Math.max(
        DEFAULTS.multipartThreshold,
        Math.min(2 * partSize, DEFAULTS.maxMultipartThreshold),
      ),
    ),
    maxParts: positive("maximum number of parts", options.maxParts ?? DEFAULTS.maxParts),
    copyLimit: positive("copy limit", options.copyLimit ?? DEFAULTS.copyLimit),
    maxBytesInMemory: positive(
      "bytes in memory",
      options.maxBytesInMemory ?? DEFAULTS.maxBytesInMemory,
    ),
    mostBytesInMemory: options.maxBytesInMemory ?? DEFAULTS.mostBytesInMemory,
    maxRequests: positive("number of requests", options.maxRequests ?? DEFAULTS.maxRequests),
    stallTimeout: positive("stall timeout", options.stallTimeout ?? DEFAULTS.stallTimeout),
  };
}

/** The options that name the server. */
export type S3ServerOptions = Pick<S3BackendOptions, "endpointUrl" | "region" | "profile" | "env">;

/**
 * Determines the server.
 *
 * @param options The caller's options.
 * @returns The server, and where the other settings come from.
 * @throws {RunOutputsError} `invalid`, naming the option or variable, if a value is invalid.
 */
export async function readServer(
  options: S3ServerOptions,
): Promise<S3Server & Pick<S3Settings, "env" | "profile" | "shared">> {
  const env: Env = options.env ?? ((name) => Deno.env.get(name) || undefined);
  const profile = options.profile ?? env("AWS_PROFILE");
  const shared = await readProfile(profile, env);
  const endpoint = options.endpointUrl ?? configuredEndpoint(env, shared);
  const region = readRegion([
    ["region", options.region],
    ["AWS_REGION", env("AWS_REGION")],
    ["AWS_DEFAULT_REGION", env("AWS_DEFAULT_REGION")],
    [`region of profile '${profile ?? "default"}'`, shared.region],
  ]) ?? HOME_REGION;
  return {
    env,
    profile,
    shared,
    endpoint: endpoint === undefined ? undefined : parseEndpoint(endpoint),
    region,
    variant: readVariant(env, shared, region),
    regionIsExplicit: options.region !== undefined,
  };
}

/** The first given region. */
function readRegion(
  sources: readonly (readonly [source: string, value: string | undefined])[],
): string | undefined {
  const [source, value] = sources.find(([, value]) => value) ?? [];
  if (value === undefined || isRegion(value)) return value;
  throw invalid(source!, value, "lower-case letters, digits and '-' in between, such as us-east-2");
}

function readVariant(env: Env, shared: Profile, region: string): HostVariant {
  const fips = isTrue("AWS_USE_FIPS_ENDPOINT", env, shared.use_fips_endpoint);
  const dualStack = isTrue("AWS_USE_DUALSTACK_ENDPOINT", env, shared.use_dualstack_endpoint);
  if (fips && amazonDomain(region) === "amazonaws.com.cn") {
    throw invalid("AWS_USE_FIPS_ENDPOINT", "true", `false: ${region} has no FIPS endpoints`);
  }
  return { fips, dualStack };
}

function isTrue(name: string, env: Env, configured: string | undefined): boolean {
  const value = env(name) ?? configured ?? "false";
  if (!/^(?:true|false)$/i.test(value)) throw invalid(name, value, "true or false");
  return value.toLowerCase() === "true";
}

/** The server from environment or profile, unless they disable that. */
function configuredEndpoint(env: Env, shared: Profile): string | undefined {
  const ignored = env("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") ??
    shared.ignore_configured_endpoint_urls;
  if (ignored?.toLowerCase() === "true") return undefined;
  return env("AWS_ENDPOINT_URL_S3") ?? env("AWS_ENDPOINT_URL") ?? shared.endpoint_url;
}

function parseEndpoint(value: string): URL {
  const url = URL.parse(value);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.search !== "") {
    throw invalid("endpoint URL", value, "http://HOST[:PORT] or https://HOST[:PORT]");
  }
  return url;
}

async function readCaBundle(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    const reason = diskError("read", path, error);
    throw new RunOutputsError(
      reason instanceof RunOutputsError ? reason.code : "failed",
      `${reason.message} (from AWS_CA_BUNDLE)`,
      { cause: error },
    );
  }
  if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw invalid("AWS_CA_BUNDLE", path, "a file of PEM certificates");
}

function whenSupported(name: string, value: string | undefined): boolean {
  const wanted = value?.toUpperCase() ?? "WHEN_SUPPORTED";
  if (wanted !== "WHEN_SUPPORTED" && wanted !== "WHEN_REQUIRED") {
    throw invalid(name, value, "WHEN_SUPPORTED or WHEN_REQUIRED");
  }
  return wanted === "WHEN_SUPPORTED";
}

function maxAttempts(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  return positive("AWS_MAX_ATTEMPTS", /^\d+$/.test(value) ? Number(value) : value);
}

function positive(field: string, value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value;
  throw invalid(field, value, "a whole number greater than 0");
}
