/**
 * Aborts several calls together: when the caller aborts, or one of them fails.
 *
 * @module
 */

/** An abort controller that also aborts when another signal does. Dispose of it. */
export class LinkedController implements Disposable {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #forward: () => void;

  /**
   * Creates a controller; it is aborted already if the other signal is.
   *
   * @param outer The other signal.
   */
  constructor(outer: AbortSignal | undefined) {
    this.#outer = outer;
    this.#forward = () => this.abort(outer?.reason);
    if (outer?.aborted) this.#forward();
    else outer?.addEventListener("abort", this.#forward, { once: true });
  }

  /** The signal for the calls. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * Aborts the calls.
   *
   * @param reason The reason. Only the first one counts.
   */
  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }

  /** Stops following the other signal. */
  [Symbol.dispose](): void {
    this.#outer?.removeEventListener("abort", this.#forward);
  }
}
