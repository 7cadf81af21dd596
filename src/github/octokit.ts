/**
 * Loads and configures Octokit and its plugins. No other module loads it.
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
  /** The URL of the API. */
  readonly apiUrl: string;
  /** The authentication. */
  readonly token: string | undefined;
  /** The longest wait that GitHub may demand, in seconds. */
  readonly maxWait: number;
  /** The length of a second of waiting, in milliseconds. */
  readonly second: number;
  /** Called when a request is retried, with the reason. */
  readonly onNote: (text: string) => void;
}

/** Octokit with our plugins. */
export type Octokit = Rest;

/** The maximum number of retries of one request because GitHub asked to wait. */
const MAX_WAITS = 2;

/** The part of Bottleneck that the plugin uses; it has no types. */
const Base: typeof Bottleneck = LightBottleneck;

/** Queues without a timer. The plugin's own timer would keep a finished program alive. */
class Queue extends Base {
  static override readonly Group = class extends Base.Group {
    /** The constructor calls it to start the timer. */
    protected _startAutoCleanup(): void {}
  };
}

/**
 * Creates Octokit.
 *
 * Errors of the server and of the network are retried three times. A rate limit is waited for only
 * if it resets soon: nobody wants a command that sleeps for an hour.
 *
 * @param options The API, and limits for waiting.
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
      // After 0.5, 2 and 4.5 seconds.
      retryAfterBaseValue: second / 2,
      // Rate limits are handled by the other plugin.
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
