/**
 * The one place where something is tried again.
 *
 * What is transient is the error's to say (`RunOutputsError.retryable`); how often and how soon is
 * said here. Local disk errors and refusals never come back as retryable.
 *
 * @module
 */

import { RunOutputsError } from "../errors/error.ts";
import { pause } from "./pause.ts";

/** How something is tried again. */
export interface RetryPolicy {
  /** How often in all. Default: 8. */
  readonly maxAttempts?: number;
  /** For how long after the first failure, in milliseconds. Default: 3 minutes. */
  readonly maxElapsed?: number;
  /** The longest first pause, in milliseconds; each further one is twice as long. Default: 200. */
  readonly baseDelay?: number;
  /** The longest pause, in milliseconds, whatever a server asks for. Default: 30 s. */
  readonly maxDelay?: number;
}

/** What a failure says about the next attempt. */
export interface RetryAdvice {
  /** How long the other side asks to wait, in milliseconds. */
  readonly retryAfter?: number;
  /** How often such a failure is worth an attempt, where that is less than the policy's. */
  readonly maxAttempts?: number;
}

/** Options of {@linkcode Retrier.run}. */
export interface RetryOptions {
  /** Stops the attempts and the pauses between them. */
  readonly signal?: AbortSignal;
  /** Told of each attempt that failed and will be repeated. */
  readonly onRetry?: (error: Error) => void;
}

/**
 * Tries calls again by a policy: exponential pauses with full jitter, at least as long as the
 * server asks, up to a number of attempts and a time.
 */
export class Retrier {
  readonly #policy: Required<RetryPolicy>;
  readonly #advise: (error: Error) => RetryAdvice;

  /**
   * Creates a retrier.
   *
   * @param policy How often and how soon.
   * @param advise What a failure says about the next attempt.
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

  /**
   * Calls until it goes well, fails for good, or the policy is used up.
   *
   * @param call The call; it is told the number of the attempt, from 1.
   * @param options A signal, and who wants to know.
   * @returns What the call returns.
   * @throws What the last attempt threw, or the signal's reason.
   */
  async run<T>(call: (attempt: number) => Promise<T>, options: RetryOptions = {}): Promise<T> {
    const series = this.series(options);
    for (let attempt = 1;; attempt++) {
      options.signal?.throwIfAborted();
      try {
        return await call(attempt);
      } catch (error) {
        await series.failed(error);
      }
    }
  }

  /**
   * A series of attempts whose calls are the caller's: for a body that continues where it broke.
   *
   * @param options A signal, and who wants to know.
   * @returns The series.
   */
  series(options: RetryOptions = {}): RetrySeries {
    return new RetrySeries(this.#policy, this.#advise, options);
  }
}

/** Attempts at one thing. */
export class RetrySeries {
  readonly #policy: Required<RetryPolicy>;
  readonly #advise: (error: Error) => RetryAdvice;
  readonly #options: RetryOptions;
  #failures = 0;
  #since = 0;

  /** Made by {@linkcode Retrier.series}. */
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
   * @throws The error, if there is to be no further attempt; the signal's reason.
   */
  async failed(error: unknown): Promise<void> {
    const { signal, onRetry } = this.#options;
    signal?.throwIfAborted();
    if (!(error instanceof RunOutputsError) || !error.retryable) throw error;
    const { maxAttempts, maxElapsed, baseDelay, maxDelay } = this.#policy;
    const advice = this.#advise(error);
    if (this.#failures++ === 0) this.#since = Date.now();
    if (this.#failures >= Math.min(maxAttempts, advice.maxAttempts ?? Infinity)) throw error;
    const jittered = Math.random() * Math.min(maxDelay, baseDelay * 2 ** (this.#failures - 1));
    const delay = Math.max(jittered, Math.min(maxDelay, advice.retryAfter ?? 0));
    if (Date.now() - this.#since + delay > maxElapsed) throw error;
    onRetry?.(error);
    await pause(delay, signal);
  }

  /** Says that there was progress: the count and the clock start anew. */
  progressed(): void {
    this.#failures = 0;
  }
}
