/**
 * Who signs: the SDK's whole chain of credentials, kept until they are about to end.
 *
 * @module
 */

import { defaultProvider } from "@aws-sdk/credential-provider-node";
import { RunOutputsError } from "../../layout/error.ts";
import type { S3Settings, StaticCredentials } from "./settings.ts";

/** How long before their end credentials are renewed, in milliseconds. */
const RENEW_BEFORE = 5 * 60_000;

/** What in the environment says that somebody meant there to be credentials. */
const SIGNS_OF_CREDENTIALS = [
  "AWS_ACCESS_KEY_ID",
  "AWS_PROFILE",
  "AWS_WEB_IDENTITY_TOKEN_FILE",
  "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
  "AWS_CONTAINER_CREDENTIALS_FULL_URI",
] as const;

/** The credentials of a backend. */
export class Credentials {
  readonly #settings: S3Settings;
  #current: Promise<StaticCredentials | undefined> | undefined;
  #expires = Infinity;

  /**
   * Creates the source; nothing is looked up before it is needed.
   *
   * @param settings Profile, environment, `noSignRequest`.
   */
  constructor(settings: S3Settings) {
    this.#settings = settings;
  }

  /**
   * The credentials to sign with now.
   *
   * @returns The credentials; `undefined` if there are none at all, or none are wanted.
   * @throws {RunOutputsError} `unauthenticated`, if there should be some and can't be had.
   */
  async get(): Promise<StaticCredentials | undefined> {
    if (this.#settings.noSignRequest) return undefined;
    if (this.#current === undefined || Date.now() > this.#expires - RENEW_BEFORE) {
      this.#expires = Infinity;
      this.#current = this.#load();
    }
    const loading = this.#current;
    try {
      const found = await loading;
      if (loading === this.#current) this.#expires = found?.expiration?.getTime() ?? Infinity;
      return found;
    } catch (error) {
      if (loading === this.#current) this.#current = undefined;
      throw error;
    }
  }

  /** Forgets the credentials: the server says that they have ended. */
  invalidate(): void {
    this.#current = undefined;
  }

  async #load(): Promise<StaticCredentials | undefined> {
    const { credentials, env, profile } = this.#settings;
    if (credentials !== undefined) return await credentials();
    const accessKeyId = env("AWS_ACCESS_KEY_ID");
    const secretAccessKey = env("AWS_SECRET_ACCESS_KEY");
    if (this.#settings.profile === undefined && accessKeyId && secretAccessKey) {
      return { accessKeyId, secretAccessKey, sessionToken: env("AWS_SESSION_TOKEN") };
    }
    try {
      return await defaultProvider({ profile })();
    } catch (error) {
      const meant = profile !== undefined || SIGNS_OF_CREDENTIALS.some((name) => env(name));
      if (isNone(error) && !meant) return undefined;
      throw new RunOutputsError(
        "unauthenticated",
        `Cannot get credentials: ${reason(error)}; set AWS_ACCESS_KEY_ID and ` +
          "AWS_SECRET_ACCESS_KEY or --profile, or use --no-sign-request for what is public",
        { cause: error },
      );
    }
  }
}

/** Whether the chain came to its end without anybody having any. */
function isNone(error: unknown): boolean {
  return error instanceof Error && /could not load credentials from any/i.test(error.message);
}

function reason(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, " ").trim();
}
