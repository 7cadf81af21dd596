/**
 * Paths that nobody can guess, for documents of runs: `{expiry}.{mac}`.
 *
 * A document of a run has an origin of its own, so that it can't use the service in the name of its
 * reader. But then it can't load its own data either. Below such a path it can, because there every
 * origin may read; and nobody else knows the path.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** How long a path is valid, in milliseconds. */
const VALID = 12 * 60 * 60 * 1000;

/** Makes and checks the paths of one process. */
export class Capabilities {
  readonly #key = randomBytes(32);

  /**
   * Makes a path for one run.
   *
   * @param run The run's key.
   * @param now The current time.
   * @returns A segment of a URL.
   */
  make(run: string, now: Date): string {
    const expiry = Math.floor((now.getTime() + VALID) / 1000);
    return `${expiry}.${this.#mac(run, String(expiry)).toString("base64url")}`;
  }

  /**
   * Whether a path is valid for a run.
   *
   * @param capability The segment of the URL.
   * @param run The run's key.
   * @param now The current time.
   * @returns `false` also for one of an earlier process.
   */
  isValid(capability: string, run: string, now: Date): boolean {
    const [, expiry, mac] = /^(\d{1,15})\.([A-Za-z0-9_-]{43})$/.exec(capability) ?? [];
    if (expiry === undefined || Number(expiry) * 1000 <= now.getTime()) return false;
    return timingSafeEqual(Buffer.from(mac, "base64url"), this.#mac(run, expiry));
  }

  #mac(run: string, expiry: string): Buffer {
    return createHmac("sha256", this.#key).update(`${expiry}\n${run}`).digest();
  }
}
