/**
 * Octokit, with its plugins and what we set in them: the only module that loads it.
 *
 * @module
 */

import { retry } from "@octokit/plugin-retry";
import { throttling } from "@octokit/plugin-throttling";
import { Octokit as Rest } from "@octokit/rest";
import type Bottleneck from "bottleneck";
import LightBottleneck from "bottleneck/light.js";

/** Options of {@linkcode createOctokit}. */
export interface OctokitOptions {
  /** The API's address. */
  readonly apiUrl: string;
  /** Who asks. */
  readonly token: string | undefined;
  /** The longest wait that GitHub may ask for, in seconds. */
  readonly maxWait: number;
  /** How long a second of waiting is, in milliseconds. */
  readonly second: number;
  /** Told that a request is repeated, and why. */
  readonly onNote: (text: string) => void;
}

/** Octokit as we use it. */
export type Octokit = Rest;

/** How often one request is repeated because GitHub asked to wait. */
const MAX_WAITS = 2;

/** What the plugin uses itself; it comes without types. */
const Base: typeof Bottleneck = LightBottleneck;

/**
 * Queues that keep no timer of their own: the plugin's would keep a program that has nothing left
 * to do alive.
 */
class Queue extends Base {
  static override readonly Group = class extends Base.Group {
    /** Called by the constructor to start that timer. */
    protected _startAutoCleanup(): void {}
  };
}

/**
 * Creates it.
 *
 * Trouble of the server and of the network is tried again three times. A limit of requests is waited
 * for only if it ends soon: nobody wants a command that sleeps for an hour.
 *
 * @param options Where to ask, and for how long.
 * @returns The client.
 */
export function createOctokit(options: OctokitOptions): Octokit {
  const { apiUrl, token, maxWait, second, onNote } = options;
  const waitFor = (limit: string) => (seconds: number, _: unknown, __: unknown, count: number) => {
    if (seconds > maxWait || count >= MAX_WAITS) return false;
    onNote(`GitHub's ${limit} exceeded: waiting ${seconds} s`);
    return true;
  };
  const silent = () => {};
  return new (Rest.plugin(throttling, retry))({
    auth: token,
    baseUrl: apiUrl,
    userAgent: "run-outputs",
    log: { debug: silent, info: silent, warn: silent, error: silent },
    retry: {
      // After a half, two and four and a half seconds.
      retryAfterBaseValue: second / 2,
      // What a limit of requests says is heard by the other plugin.
      doNotRetry: [304, 400, 401, 403, 404, 409, 410, 422, 429, 451],
    },
    throttle: {
      Bottleneck: Queue,
      retryAfterBaseValue: second,
      onRateLimit: waitFor("hourly rate limit"),
      onSecondaryRateLimit: waitFor("secondary rate limit"),
    },
  });
}
