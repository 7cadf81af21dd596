/**
 * Who may use the service: those who send its token, as `Authorization: Bearer`, or a cookie that
 * `/login` has set.
 *
 * @module
 */

import type { Buffer } from "node:buffer";
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { RunOutputsError } from "../errors/error.ts";
import { httpError } from "./problem.ts";

/** The name of the cookie. */
const COOKIE = "run_outputs_session";

/** How many wrong tokens an address may send in {@linkcode WINDOW}. */
const MAX_FAILURES = 10;

/** In milliseconds. */
const WINDOW = 60_000;

/** How many addresses with wrong tokens are remembered. */
const MAX_PEERS = 10_000;

/** The smallest number of bits of a token. */
const MIN_BITS = 128;

/** How a client has shown that it may use the service. */
export type Credential = "bearer" | "cookie";

/**
 * Checks the text of a token.
 *
 * @param name The file, for messages.
 * @param text The content of the file.
 * @returns The token.
 * @throws {RunOutputsError} `invalid`, if it has fewer than 128 bits, or other characters than a
 * header can hold.
 */
export function checkToken(name: string, text: string): string {
  const token = text.trim();
  const create = "create one with 'openssl rand -hex 32'";
  if (!/^[\x21-\x7e]*$/.test(token)) {
    throw new RunOutputsError(
      "invalid",
      `Invalid token in ${name}: expected one line of visible ASCII characters; ${create}`,
    );
  }
  const alphabet = /^[0-9a-f]*$/i.test(token) ? 16 : 64;
  const bits = token.length * Math.log2(alphabet);
  if (bits >= MIN_BITS && new Set(token).size >= 8) return token;
  throw new RunOutputsError(
    "invalid",
    `Invalid token in ${name}: expected at least ${MIN_BITS} random bits; ${create}`,
  );
}

/** Checks the credentials of requests. */
export class TokenGuard {
  readonly #token: Uint8Array;
  readonly #cookie: string;
  readonly #now: () => Date;
  /** When each address sent wrong tokens, in milliseconds. */
  readonly #failures = new Map<string, number[]>();

  /**
   * Creates a guard.
   *
   * @param token The token.
   * @param now The current time.
   */
  constructor(token: string, now: () => Date) {
    this.#token = sha256(token);
    // It stays valid when the service is restarted, and ends with the token.
    this.#cookie = createHmac("sha256", token).update("run-outputs session").digest("base64url");
    this.#now = now;
  }

  /**
   * Checks a request.
   *
   * @param headers Its headers.
   * @param peer The address of its client.
   * @returns How the client has identified itself; `undefined`, if it has not.
   * @throws {RunOutputsError} With the status 401 for a wrong token, and 429 after ten of them.
   */
  check(headers: Headers, peer: string): Credential | undefined {
    const authorization = headers.get("authorization");
    if (authorization !== null) {
      const given = /^bearer +(\S+)$/i.exec(authorization)?.[1];
      if (given !== undefined && this.#isToken(given)) return "bearer";
      throw this.#failure(peer);
    }
    // A cookie of an earlier token is no attempt.
    const cookies = (headers.get("cookie") ?? "").split(";").map((pair) => pair.trim());
    const cookie = cookies.find((pair) => pair.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1);
    return cookie !== undefined && areEqual(cookie, this.#cookie) ? "cookie" : undefined;
  }

  /**
   * Exchanges the token for a cookie.
   *
   * @param token What the client sent.
   * @param peer Its address.
   * @param path The path of the cookie.
   * @returns The value of `Set-Cookie`.
   * @throws {RunOutputsError} As {@linkcode check}.
   */
  login(token: string, peer: string, path: string): string {
    if (!this.#isToken(token.trim())) throw this.#failure(peer);
    return `${COOKIE}=${this.#cookie}; Path=${path}; HttpOnly; SameSite=Strict`;
  }

  #isToken(given: string): boolean {
    return timingSafeEqual(sha256(given), this.#token);
  }

  /**
   * The answer to a wrong token. The right one is never refused: nobody can guess it, and behind a
   * proxy all clients have one address.
   */
  #failure(peer: string): RunOutputsError {
    const now = this.#now().getTime();
    const recent = (this.#failures.get(peer) ?? []).filter((time) => time > now - WINDOW);
    if (recent.length >= MAX_FAILURES) {
      const seconds = Math.max(1, Math.ceil((recent[0] + WINDOW - now) / 1000));
      return httpError(429, "too-many-attempts", "Too many wrong tokens: try again later", {
        headers: { "retry-after": `${seconds}` },
      });
    }
    this.#failures.delete(peer);
    if (this.#failures.size >= MAX_PEERS) this.#failures.clear();
    this.#failures.set(peer, [...recent, now]);
    return unauthenticated("Wrong token");
  }
}

/**
 * The answer to a request without a right token.
 *
 * @param message What is wrong.
 * @returns The error.
 */
export function unauthenticated(message: string): RunOutputsError {
  return httpError(401, "unauthenticated", message, {
    headers: { "www-authenticate": 'Bearer realm="run-outputs"' },
  });
}

function areEqual(a: string, b: string): boolean {
  return timingSafeEqual(sha256(a), sha256(b));
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
