/**
 * Reports that the server is out of reach, while requests to it wait or are repeated.
 *
 * @module
 */

/** How long there is no answer before that is reported, in milliseconds. */
const SLOW = 2000;

/** Options of {@linkcode SlowNotice}. */
export interface SlowNoticeOptions {
  /** Called with one line, once. */
  readonly onSlow?: (text: string) => void;
  /** Calls a function later, and returns how to prevent it. Default: the runtime's timer. */
  readonly schedule?: (milliseconds: number, callback: () => void) => () => void;
  /** The longest time until a request fails, in milliseconds. */
  readonly patience: number;
}

/** Watches the requests of a session. An answer to any of them shows that the server can be reached. */
export class SlowNotice implements Disposable {
  readonly #options: SlowNoticeOptions;
  /** How many requests wait for an answer that should come at once. */
  #waiting = 0;
  #host = "";
  /** The calls that are repeated, and why their last requests failed, if there was no answer since. */
  readonly #failures = new Map<object, string>();
  #cancel: (() => void) | undefined;
  #isOver: boolean;

  /**
   * Creates the watch.
   *
   * @param options The receiver, and how long requests are tried.
   */
  constructor(options: SlowNoticeOptions) {
    this.#options = options;
    this.#isOver = options.onSlow === undefined;
  }

  /**
   * A request begins whose answer should come at once.
   *
   * @param host The server.
   * @returns Disposed of when the request has ended.
   */
  begin(host: string): Disposable {
    this.#waiting++;
    this.#host = host;
    this.#watch();
    return {
      [Symbol.dispose]: () => {
        this.#waiting--;
        this.#watch();
      },
    };
  }

  /**
   * A request has failed, and is repeated.
   *
   * @param call Represents all its repetitions.
   * @param error Its error.
   */
  failing(call: object, { message }: Error): void {
    this.#failures.delete(call);
    this.#failures.set(call, message);
    this.#watch();
  }

  /**
   * A request is not repeated any more.
   *
   * @param call As for {@linkcode SlowNotice.failing}.
   */
  gaveUp(call: object): void {
    this.#failures.delete(call);
    this.#watch();
  }

  /** The server has answered a request. */
  answered(): void {
    this.#failures.clear();
    this.#stop();
    this.#watch();
  }

  /** Ends the watch. */
  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#stop();
  }

  #watch(): void {
    if (this.#waiting === 0 && this.#failures.size === 0) return this.#stop();
    if (this.#isOver || this.#cancel !== undefined) return;
    const { schedule = later } = this.#options;
    this.#cancel = schedule(SLOW, () => this.#report());
  }

  #stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #report(): void {
    this[Symbol.dispose]();
    const { onSlow, patience } = this.#options;
    const most = `for at most ${Math.ceil(patience / 60_000)} min`;
    // What follows is advice for when it has failed for good.
    const [reason] = [...this.#failures.values()].at(-1)?.split("; ") ?? [];
    onSlow?.(
      reason === undefined
        ? `no answer from ${this.#host} for ${SLOW / 1000} s; still waiting, ${most}`
        : `${reason}; trying again, ${most}`,
    );
  }
}

function later(milliseconds: number, callback: () => void): () => void {
  const timer = setTimeout(callback, milliseconds);
  return () => clearTimeout(timer);
}
