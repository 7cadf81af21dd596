/**
 * Checks of the surroundings of the program: each looks at one thing, and none stops another.
 *
 * @module
 */

import { type ErrorCode, RunOutputsError } from "../../errors/error.ts";

/** How serious a finding is, the least first. */
export type Severity = "ok" | "warning" | "error";

/** A value of a finding, for machines. */
export type Detail = string | number | boolean | null;

/** What a check says. */
export interface Verdict {
  /** How serious it is. */
  readonly status: Severity;
  /** What was found, in one line. */
  readonly message: string;
  /** What to do. */
  readonly advice?: string;
  /** For an error: its kind. Default: `failed`. */
  readonly code?: ErrorCode;
  /** The values behind the message, by snake-case names. No secrets. */
  readonly details?: Readonly<Record<string, Detail>>;
}

/** A check. */
export interface Check {
  /** What it checks, in kebab case. */
  readonly name: string;
  /**
   * Looks.
   *
   * @param signal Aborts it.
   * @returns What it found; thrown errors count as findings.
   */
  run(signal: AbortSignal): Promise<Verdict> | Verdict;
}

/** What one check found. */
export interface Finding extends Verdict {
  /** The name of the check. */
  readonly check: string;
}

/** Options of {@linkcode runChecks}. */
export interface RunChecksOptions {
  /** Aborts all checks. */
  readonly signal?: AbortSignal;
  /**
   * Calls back when the time of a check is over. Default: {@linkcode TIME} after the start, by the
   * system's clock.
   *
   * @param over Called once.
   * @returns A function that cancels the call.
   */
  readonly timer?: (over: () => void) => () => void;
}

/** The error of a check that can't look, because of what another check reports. */
export class NotChecked extends Error {}

/**
 * Makes a good verdict.
 *
 * @param message What was found.
 * @param details The values behind it.
 * @returns The verdict.
 */
export function ok(message: string, details?: Verdict["details"]): Verdict {
  return { status: "ok", message, details };
}

/**
 * Makes a warning.
 *
 * @param message What was found.
 * @param advice What to do.
 * @param details The values behind it.
 * @returns The verdict.
 */
export function warning(message: string, advice?: string, details?: Verdict["details"]): Verdict {
  return { status: "warning", message, advice, details };
}

/** How long a check may take, in milliseconds. */
export const TIME = 20_000;

const systemTimer = (over: () => void) => {
  const timer = setTimeout(over, TIME);
  return () => clearTimeout(timer);
};

/**
 * Runs checks, all at the same time.
 *
 * @param checks The checks.
 * @param options A signal; the limit of time.
 * @returns A finding of each check, in their order.
 * @throws The reason of the caller's signal.
 */
export async function runChecks(
  checks: readonly Check[],
  { signal, timer = systemTimer }: RunChecksOptions = {},
): Promise<readonly Finding[]> {
  const findings = await Promise.all(checks.map(async (check) => ({
    check: check.name,
    ...await verdictOf(check, signal, timer),
  })));
  signal?.throwIfAborted();
  return findings;
}

async function verdictOf(
  check: Check,
  signal: AbortSignal | undefined,
  timer: NonNullable<RunChecksOptions["timer"]>,
): Promise<Verdict> {
  const controller = new AbortController();
  const ended = Promise.withResolvers<undefined>();
  let cancel = () => {};
  const stop = (reason: unknown) => {
    controller.abort(reason);
    cancel();
    // Once more, for those that clean up.
    cancel = timer(() => ended.resolve(undefined));
  };
  const interrupt = () => stop(signal!.reason);
  cancel = timer(() => stop(new DOMException("the time is over", "TimeoutError")));
  signal?.addEventListener("abort", interrupt, { once: true });
  try {
    signal?.throwIfAborted();
    const verdict = await Promise.race([
      (async () => await check.run(controller.signal))(),
      ended.promise,
    ]);
    return verdict ?? tooLong();
  } catch (error) {
    if (controller.signal.aborted) return tooLong();
    return error instanceof NotChecked
      ? { status: "warning", message: `not checked: ${error.message}` }
      : failed(error);
  } finally {
    cancel();
    signal?.removeEventListener("abort", interrupt);
  }
}

function tooLong(): Verdict {
  return {
    status: "error",
    code: "transient",
    message: `no answer within ${TIME / 1000} s`,
    advice: "check the network, the proxy and the disk, then try again",
  };
}

/**
 * Turns an error into a finding. Our messages end with what to do, after a semicolon.
 *
 * @param error What was thrown.
 * @returns The finding.
 */
export function failed(error: unknown): Verdict {
  const text = error instanceof Error ? error.message : String(error);
  const line = text.replace(/\s+/g, " ").trim();
  const [, message, advice] = /^(.*?); (.*)$/.exec(line) ?? [undefined, line, undefined];
  const code = error instanceof RunOutputsError ? error.code : "failed";
  return { status: "error", message, advice, code };
}

/**
 * The most serious status.
 *
 * @param findings The findings.
 * @returns The status; `ok`, if there are none.
 */
export function worstStatus(findings: readonly Finding[]): Severity {
  for (const status of ["error", "warning"] as const) {
    if (findings.some((finding) => finding.status === status)) return status;
  }
  return "ok";
}

/** Kinds of errors in the order in which to solve them. */
const ORDER: readonly ErrorCode[] = [
  "invalid",
  "transient",
  "unauthenticated",
  "denied",
  "not_found",
  "integrity",
  "incomplete",
  "conflict",
  "failed",
];

/**
 * The kind of error to solve first: settings, then the network, then credentials, then the rest.
 *
 * @param findings The findings.
 * @returns The kind; `undefined` without errors.
 */
export function worstCode(findings: readonly Finding[]): ErrorCode | undefined {
  const codes = findings.filter(({ status }) => status === "error")
    .map(({ code = "failed" }) => code);
  return ORDER.find((code) => codes.includes(code));
}
