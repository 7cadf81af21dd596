/**
 * Finds credentials with the SDK's provider chain, and keeps them until they are about to expire.
 *
 * @module
 */

import type { defaultProvider } from "@aws-sdk/credential-provider-node";
import { RunOutputsError } from "../../errors/error.ts";
import { textOf } from "./body_text.ts";
import { s3Error } from "./errors.ts";
import type { RawRequest, S3Response } from "./request.ts";
import {
  requestHandler,
  requestUrl,
  type SdkRequest,
  type SdkResponse,
  sdkResponse,
} from "./sdk_request.ts";
import type { S3Settings, StaticCredentials } from "./settings.ts";
import { StalledError } from "./watchdog.ts";

type SdkHandler = NonNullable<
  NonNullable<Parameters<typeof defaultProvider>[0]>["clientConfig"]
>["requestHandler"];

/** How long before their expiration credentials are renewed, in milliseconds. */
const RENEW_BEFORE = 5 * 60_000;

/** The pause after a failed renewal, in milliseconds. */
const RETRY_AFTER = 30_000;

/** Environment variables that show that credentials are expected. */
const SIGNS_OF_CREDENTIALS = [
  "AWS_ACCESS_KEY_ID",
  "AWS_WEB_IDENTITY_TOKEN_FILE",
  "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
  "AWS_CONTAINER_CREDENTIALS_FULL_URI",
] as const;

/** Settings of a profile that show the same. */
const SIGNS_IN_PROFILE = [
  "aws_access_key_id",
  "credential_process",
  "credential_source",
  "login_session",
  "role_arn",
  "sso_session",
  "sso_start_url",
  "web_identity_token_file",
] as const;

const ENVIRONMENT = "the environment ($AWS_ACCESS_KEY_ID)";

const CONTAINER = "a container's endpoint";

/** Sources by the marks that the SDK's providers leave, the most telling first. */
const SOURCES: Readonly<Record<string, string>> = {
  CREDENTIALS_ENV_VARS_STS_WEB_ID_TOKEN: "a role with a web identity ($AWS_ROLE_ARN)",
  CREDENTIALS_PROFILE_STS_WEB_ID_TOKEN: "a role with a web identity of PROFILE",
  CREDENTIALS_STS_ASSUME_ROLE: "a role of PROFILE",
  CREDENTIALS_SSO: "single sign-on of PROFILE",
  CREDENTIALS_SSO_LEGACY: "single sign-on of PROFILE",
  CREDENTIALS_LOGIN: "the login of PROFILE",
  CREDENTIALS_PROCESS: "a program of PROFILE",
  CREDENTIALS_HTTP: CONTAINER,
  CREDENTIALS_PROFILE: "PROFILE",
  CREDENTIALS_ENV_VARS: ENVIRONMENT,
};

/** Silences the SDK's log messages, which are about itself and would mix with our output. */
const SILENCE = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

/** Sends a request, and returns the response with any status. */
export type Send = (request: RawRequest, signal?: AbortSignal) => Promise<S3Response>;

/** The result of a look-up: credentials, or none. */
interface Held {
  readonly credentials: StaticCredentials | undefined;
}

/** The credentials of a backend. */
export class Credentials {
  readonly #settings: S3Settings;
  readonly #send: Send;
  readonly #now: () => number;
  #held: Held | undefined;
  #loading: Promise<Held> | undefined;
  #renewAt = Infinity;
  #asked = { host: "", target: "" };

  /**
   * Creates the source. Credentials are looked up on demand.
   *
   * @param settings Profile, environment, `noSignRequest`.
   * @param send Sends requests to credential providers.
   * @param now The time in milliseconds. Default: the system's.
   */
  constructor(settings: S3Settings, send: Send, now: () => number = Date.now) {
    this.#settings = settings;
    this.#send = send;
    this.#now = now;
  }

  /**
   * Returns the present credentials.
   *
   * @returns The credentials; `undefined` if there are none, or signing is disabled.
   * @throws {RunOutputsError} `unauthenticated`, if there should be some but they are unavailable.
   */
  async get(): Promise<StaticCredentials | undefined> {
    if (this.#settings.noSignRequest) return undefined;
    if (this.#held !== undefined && this.#now() < this.#renewAt) return this.#held.credentials;
    this.#loading ??= this.#renew().finally(() => this.#loading = undefined);
    return (await this.#loading).credentials;
  }

  /**
   * Says where credentials come from.
   *
   * @param credentials Those of {@linkcode Credentials.get}.
   * @returns A few words, such as `a container's endpoint`.
   */
  sourceOf(credentials: StaticCredentials): string {
    const { env, profile } = this.#settings;
    if (this.#settings.credentials !== undefined) return "the caller";
    if (profile === undefined && env("AWS_ACCESS_KEY_ID") === credentials.accessKeyId) {
      return ENVIRONMENT;
    }
    // Providers of the SDK leave marks. Those of metadata services don't.
    const { $source = {} } = credentials as { readonly $source?: Readonly<Record<string, string>> };
    const known = Object.entries(SOURCES).find(([mark]) => Object.hasOwn($source, mark))?.[1];
    if (known !== undefined) return known.replace("PROFILE", `profile '${profile ?? "default"}'`);
    if (Object.keys($source).length > 0) return Object.keys($source).join(", ");
    return env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
      ? CONTAINER
      : "the instance's metadata service";
  }

  /**
   * Drops credentials that have expired according to the server.
   *
   * @param ended The expired credentials. If they have been renewed already, nothing is dropped.
   */
  invalidate(ended: StaticCredentials | undefined): void {
    if (this.#held?.credentials === ended) this.#held = undefined;
  }

  async #renew(): Promise<Held> {
    const before = this.#held;
    try {
      const credentials = await this.#load();
      this.#renewAt = renewalOf(credentials, this.#now());
      return this.#held = { credentials };
    } catch (error) {
      // The provider may be unavailable for a while; the existing credentials are used until they
      // expire.
      const end = before?.credentials?.expiration?.getTime() ?? 0;
      if (before === undefined || this.#now() >= end) throw error;
      this.#renewAt = Math.min(end, this.#now() + RETRY_AFTER);
      return before;
    }
  }

  async #load(): Promise<StaticCredentials | undefined> {
    const { credentials, env, profile } = this.#settings;
    if (credentials !== undefined) return await credentials();
    const accessKeyId = env("AWS_ACCESS_KEY_ID");
    const secretAccessKey = env("AWS_SECRET_ACCESS_KEY");
    if (this.#settings.profile === undefined && accessKeyId && secretAccessKey) {
      return { accessKeyId, secretAccessKey, sessionToken: env("AWS_SESSION_TOKEN") };
    }
    const { defaultProvider } = await import("@aws-sdk/credential-provider-node");
    try {
      return await defaultProvider({
        profile,
        logger: SILENCE,
        clientConfig: {
          requestHandler: requestHandler<SdkHandler>((request, signal) =>
            this.#handle(request, signal)
          ),
        },
        // Not the clients' own, which would override the region of a profile's SSO session.
        parentClientConfig: { region: this.#settings.region },
      })();
    } catch (error) {
      const { shared } = this.#settings;
      const signs = [
        ...profile === undefined ? [] : [`profile '${profile}'`],
        ...SIGNS_OF_CREDENTIALS.filter((name) => env(name)).map((name) => `$${name}`),
        ...SIGNS_IN_PROFILE.filter((name) => shared[name]),
      ];
      if (isNone(error) && signs.length === 0) return undefined;
      // `fetch` throws TypeErrors for all network errors.
      const network = error instanceof TypeError || error instanceof StalledError;
      if (network && this.#asked.host !== "") {
        throw s3Error({ action: "get credentials from", ...this.#asked, signed: false }, error);
      }
      throw new RunOutputsError(
        "unauthenticated",
        `Cannot get credentials: ${reason(error, signs)}; set AWS_ACCESS_KEY_ID and ` +
          "AWS_SECRET_ACCESS_KEY or --profile, or use --no-sign-request for public data",
        { cause: error },
      );
    }
  }

  async #handle(request: SdkRequest, signal: AbortSignal | undefined): Promise<SdkResponse> {
    const { method, headers } = request;
    const url = requestUrl(request);
    const { host, origin } = new URL(url);
    this.#asked = { host, target: origin };
    using answer = await this.#send(
      { method, url, headers, body: request.body as string | undefined },
      signal,
    );
    return sdkResponse(answer.response, await textOf(answer));
  }
}

/**
 * When to renew credentials. Those received shortly before their expiration are not requested again
 * for each request, because the provider has no others yet.
 */
function renewalOf(credentials: StaticCredentials | undefined, now: number): number {
  const end = credentials?.expiration?.getTime();
  if (end === undefined) return Infinity;
  return Math.max(end - RENEW_BEFORE, now + Math.max(0, end - now) / 2);
}

/** Whether the provider chain found no credentials at all. */
function isNone(error: unknown): boolean {
  return error instanceof Error && /could not load credentials from any/i.test(error.message);
}

function reason(error: unknown, signs: readonly string[]): string {
  if (isNone(error)) {
    return signs.includes("credential_process")
      ? "the profile uses credential_process, and run-outputs may not start programs"
      : `${signs.join(", ")} gave no credentials`;
  }
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, " ").trim();
}
