/**
 * Checks GitHub's API: the token and the requests that are left.
 *
 * @module
 */

import { apiUrlOf, findTokenSource } from "../../github/settings.ts";
import { readQuota } from "../../github/quota.ts";
import { type Check, failed, ok, warning } from "./check.ts";
import { duration } from "./text.ts";

/** Fewer requests may not be enough for one search. */
const FEW = 20;

/**
 * The check.
 *
 * @param options The environment; the clock; whether GitHub is needed. If it is not, and there is no
 * token, no answer is only a warning.
 * @returns The check.
 */
export function githubCheck(
  { env, now, isNeeded = true }: {
    readonly env: (name: string) => string | undefined;
    readonly now: () => number;
    readonly isNeeded?: boolean;
  },
): Check {
  return {
    name: "github",
    run: async (signal) => {
      const { host } = new URL(apiUrlOf({ env }));
      const found = await findTokenSource({ env });
      const who = found === undefined ? "no token" : `token of ${found.source}`;
      const set = found === undefined ? "set GH_TOKEN for more" : undefined;
      const known = { host, token: found?.source ?? null };
      let quota;
      try {
        quota = await readQuota({ env, token: found?.token, signal });
      } catch (error) {
        signal.throwIfAborted();
        const verdict = failed(error);
        const isOptional = !isNeeded && found === undefined && verdict.code === "transient";
        return isOptional
          ? warning(verdict.message, "only 'find' and 'bisect' need it", known)
          : { ...verdict, details: known };
      }
      if (quota === undefined) return ok(`${host}, ${who}: no limit of requests`, known);
      const { limit, remaining, reset } = quota;
      const details = { ...known, limit, remaining, reset: reset.toISOString() };
      const message = `${host}, ${who}: ${remaining} of ${limit} requests are left`;
      if (remaining < FEW) {
        const wait = `wait ${duration(Math.max(0, reset.getTime() - now()))}`;
        return warning(message, set === undefined ? wait : `${wait}, or ${set}`, details);
      }
      return found === undefined ? warning(message, set, details) : ok(message, details);
    },
  };
}
