/**
 * Retries calls.
 *
 * An error says whether it is transient (`RunOutputsError.retryable`); the policy here says how
 * often and how soon to retry. Errors of the local disk and rejections are never retryable.
 *
 * @module
 */

import { RunOutputsError } from "../errors/error.ts";
import { pause } from "./pause.ts";

/** How calls are retried. */
export interface RetryPolicy {
  /** The maximum number of attempts. Default: 8. */
  readonly maxAttempts?: number;
  /** The maximum time after the first failure, in milliseconds. Default: 3 minutes. */
  readonly maxElapsed?: number;
  /**
   * The maximum of the first pause, in milliseconds; it doubles for each further pause. Default:
   * 200.
   */
  readonly baseDelay?: number;
  /** The longest pause, in milliseconds, whatever a server demands. Default: 30 s. */
  readonly maxDelay?: number;
}

/** What a failure says about the next attempt. */
export interface RetryAdvice {
  /** How long the server asks to wait, in milliseconds. */
  readonly retryAfter?: number;
  /** The maximum number of attempts for such a failure, if that is less than the policy's. */
  readonly maxAttempts?: number;
}

/** Options of {@linkcode Retrier.run}. */
export interface RetryOptions {
  /** Aborts the attempts and the pauses between them. */
  readonly signal?: AbortSignal;
  /** Called for each failed attempt that will be repeated. */
  readonly onRetry?: (error: Error) => void;
  /** Called when there will be no further attempt after a failure or an abort. */
  readonly onGiveUp?: () => void;
  /** The maximum number of attempts, if lower than the policy's. */
  readonly maxAttempts?: number;
}

/**
 * Retries calls by a policy: exponential pauses with full jitter, at least as long as the server
 * demands, with a maximum number of attempts and a maximum time.
 */
export class Retrier {
  readonly #policy: Required<RetryPolicy>;
  readonly #advise: (error: Error) => RetryAdvice;

  /**
   * Creates a retrier.
   *
   * @param policy How often and how soon to retry.
   * @param advise Says what a failure means for the next attempt.
   */
  constructor(policy: RetryPolicy = {}, advise: (error: Error) => RetryAdvice = () => ({})) {
    this.#policy = {
      maxAttempts: policy.maxAttempts ?? 8,
      maxElapsed: policy.maxElapsed ?? 180_000,
      baseDelay: policy.baseDelay ?? 200,
      maxDelay: policy.maxDelay ?? 30_000,
    };
    this.#advise = advise;
  }

  /** The maximum time after the first failure, in milliseconds. */
  get maxElapsed(): number {
    return this.#policy.maxElapsed;
  }

  /**
   * Repeats a call until it succeeds, fails permanently, or the policy is exhausted.
   *
   * @param call The call; it gets the number of the attempt, from 1, and the series.
   * @param options A signal and a callback.
   * @returns What the call returns.
   * @throws The error of the last attempt, or the signal's reason.
   */
  async run<T>(
    call: (attempt: number, series: RetrySeries) => Promise<T>,
    options: RetryOptions = {},
  ): Promise<T> {
    const series = this.series(options);
    for (let attempt = 1;; attempt++) {
      try {
        options.signal?.throwIfAborted();
        return await call(attempt, series);
      } catch (error) {
        await series.failed(error);
      }
    }
  }

  /**
   * A series of attempts with calls made by the caller: for a body that continues after an
   * interruption.
   *
   * @param options A signal and a callback.
   * @returns The series.
   */
  series(options: RetryOptions = {}): RetrySeries {
    return new RetrySeries(this.#policy, this.#advise, options);
  }
}

/** A series of attempts. */
export class RetrySeries {
  readonly #policy: Required<RetryPolicy>;
  readonly #advise: (error: Error) => RetryAdvice;
  readonly #options: RetryOptions;
  #failures = 0;
  #since = 0;

  /** Created by {@linkcode Retrier.series}. */
  constructor(
    policy: Required<RetryPolicy>,
    advise: (error: Error) => RetryAdvice,
    options: RetryOptions,
  ) {
    this.#policy = policy;
    this.#advise = advise;
    this.#options = options;
  }

  /**
   * Counts a failure and pauses before the next attempt.
   *
   * @param error What was thrown.
   * @throws The error, if there are no attempts left; the signal's reason.
   */
  async failed(error: unknown): Promise<void> {
    try {
      await this.#failed(error);
    } catch (last) {
      this.#options.onGiveUp?.();
      throw last;
    }
  }

  async #failed(error: unknown): Promise<void> {
    const { signal, onRetry, maxAttempts: limit = Infinity } = this.#options;
    signal?.throwIfAborted();
    if (!(error instanceof RunOutputsError) || !error.retryable) throw error;
    const { maxAttempts, maxElapsed, baseDelay, maxDelay } = this.#policy;
    const advice = this.#advise(error);
    if (this.#failures++ === 0) this.#since = Date.now();
    const most = Math.min(maxAttempts, advice.maxAttempts ?? Infinity, limit);
    if (this.#failures >= most) throw error;
    const jittered = Math.random() * Math.min(maxDelay, baseDelay * 2 ** (this.#failures - 1));
    const delay = Math.max(jittered, Math.min(maxDelay, advice.retryAfter ?? 0));
    if (Date.now() - this.#since + delay > maxElapsed) throw error;
    onRetry?.(error);
    await pause(delay, signal);
  }

  /**
   * Reports that an attempt waited for its turn. This time does not count.
   *
   * @param ms The time in milliseconds.
   */
  waited(ms: number): void {
    this.#since += ms;
  }

  /** Reports progress, which resets the count and the time. */
  progressed(): void {
    this.#failures = 0;
  }
}
