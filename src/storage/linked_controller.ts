/**
 * Several calls that are stopped together: by their caller, or by the failure of one of them.
 *
 * @module
 */

/** An abort controller that aborts when another signal does, too. To be disposed of. */
export class LinkedController implements Disposable {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #forward: () => void;

  /**
   * Creates a controller; it has aborted already where the other signal has.
   *
   * @param outer The other signal.
   */
  constructor(outer: AbortSignal | undefined) {
    this.#outer = outer;
    this.#forward = () => this.abort(outer?.reason);
    if (outer?.aborted) this.#forward();
    else outer?.addEventListener("abort", this.#forward, { once: true });
  }

  /** What the calls are given. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * Stops the calls.
   *
   * @param reason Why. The first reason is the one that counts.
   */
  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }

  /** Stops following the other signal. */
  [Symbol.dispose](): void {
    this.#outer?.removeEventListener("abort", this.#forward);
  }
}
