/**
 * Run keys: the names of runs in commands and URLs, and their order.
 *
 * A key is the run's prefix with `~` instead of `/`, because proxies change `%2F` in URLs.
 *
 * @module
 */

import { invalid } from "../../errors/error.ts";
import { compareKeys } from "../../layout/compare_keys.ts";
import { RunOutputRoot, type RunPrefix } from "../../layout/run_output_root.ts";

/**
 * Formats the key of a run.
 *
 * @param run The parts of the run's prefix.
 * @returns `12345-linux`, or `ROCm-rocm-libraries~12345-linux`.
 *
 * @example
 * ```ts
 * import { formatRunKey, parseRunKey } from "@therock/run-outputs/runs";
 *
 * const run = parseRunKey("ROCm-rocm-libraries~12345-linux");
 * console.assert(run.externalRepo === "ROCm-rocm-libraries/" && run.runId === "12345");
 * console.assert(formatRunKey(run) === "ROCm-rocm-libraries~12345-linux");
 * ```
 */
export function formatRunKey({ externalRepo, runId, platform }: RunPrefix): string {
  return `${externalRepo.replace(/\/$/, "~")}${runId}-${platform}`;
}

/**
 * Parses the key of a run.
 *
 * @param key The key.
 * @returns The parts of the run's prefix.
 * @throws {RunOutputsError} `invalid`, if it is not a key.
 */
export function parseRunKey(key: string): RunPrefix {
  const run = tryParseRunKey(key);
  if (run === undefined) throw invalid("run", key, "[OWNER-REPO~]RUN_ID-linux|windows");
  return run;
}

/**
 * Parses the key of a run, if it is one.
 *
 * @param key The key.
 * @returns The parts of the run's prefix; `undefined`, if it is not a key.
 */
export function tryParseRunKey(key: string): RunPrefix | undefined {
  // No run id has a `~`, but the name of a repository's directory can.
  const at = key.lastIndexOf("~");
  if (at < 0 && key.includes("/")) return undefined;
  const prefix = at < 0 ? key : `${key.slice(0, at)}/${key.slice(at + 1)}`;
  return tryParseRunPrefix(prefix);
}

/**
 * Parses the name of a run that somebody has typed, if it is one.
 *
 * @param name A run's key, or its prefix; the platform in any case, as in `${{ runner.os }}`.
 * @returns The parts of its prefix; `undefined` for anything else, such as an id alone.
 */
export function tryParseRunName(name: string): RunPrefix | undefined {
  const lower = name.replace(/-(?:linux|windows)$/i, (end) => end.toLowerCase());
  return tryParseRunKey(lower) ?? tryParseRunPrefix(lower);
}

/**
 * Parses the prefix of a run, if it is one.
 *
 * @param prefix The prefix, without a trailing `/`.
 * @returns Its parts; `undefined`, if it is not the prefix of a run.
 */
export function tryParseRunPrefix(prefix: string): RunPrefix | undefined {
  try {
    return RunOutputRoot.parsePrefix(prefix);
  } catch {
    return undefined;
  }
}

/** A key in a run. */
export interface KeyInRun {
  /** The run. */
  readonly run: RunPrefix;
  /** The path in the run; empty, if the key is that of the run itself. */
  readonly path: string;
}

/**
 * Finds the run that the key of an object is in.
 *
 * @param key The key, or a prefix of keys.
 * @returns The run, and the path in it; `undefined`, if the key is in no run.
 */
export function tryParseKeyInRun(key: string): KeyInRun | undefined {
  const names = key.split("/");
  for (const count of [1, 2]) {
    const run = tryParseRunPrefix(names.slice(0, count).join("/"));
    if (run !== undefined) return { run, path: names.slice(count).join("/") };
  }
  return undefined;
}

/**
 * Compares two runs by their keys alone: the newest comes first.
 *
 * GitHub's run ids grow with time, so ids are compared as numbers. Ids that are not numbers come after
 * them. Equal ids are ordered by repository and platform.
 *
 * @param a A run.
 * @param b Another run.
 * @returns Negative if `a` comes first, zero if both are the same, else positive.
 */
export function compareRuns(a: RunPrefix, b: RunPrefix): number {
  return compareRunIds(a.runId, b.runId) || compareKeys(a.externalRepo, b.externalRepo) ||
    compareKeys(a.platform, b.platform);
}

/**
 * Compares two run ids: the newest comes first.
 *
 * @param a A run id.
 * @param b Another one.
 * @returns Negative if `a` comes first, zero if both are equal, else positive.
 */
export function compareRunIds(a: string, b: string): number {
  const [first, second] = [isNumber(a), isNumber(b)];
  if (first !== second) return first ? -1 : 1;
  return (first ? b.length - a.length : 0) || compareKeys(b, a);
}

/** Whether an id is a number as GitHub writes it. One with a leading zero is another name. */
function isNumber(id: string): boolean {
  return /^[1-9]\d*$/.test(id);
}
