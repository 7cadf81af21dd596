/**
 * A thread that another one has started for this one.
 *
 * @module
 */

import type { Thread } from "./start.ts";

/** Its messages go through a port. */
export class PortThread implements Thread {
  /** Gets its messages. */
  onmessage: Thread["onmessage"] = null;
  /** Gets messages that can't be read. */
  onmessageerror: Thread["onmessageerror"] = null;
  readonly #port: MessagePort;
  readonly #end: () => void;
  #onerror: Thread["onerror"] = null;
  #failure: string | undefined;

  /**
   * Creates its side of the port.
   *
   * @param port The port.
   * @param end Ends the thread.
   */
  constructor(port: MessagePort, end: () => void) {
    this.#port = port;
    this.#end = end;
    port.onmessage = (event) => this.onmessage?.(event);
    port.onmessageerror = (event) => this.onmessageerror?.(event);
  }

  /** Gets its end by an error, also one that was reported before: nobody answers to a port then. */
  set onerror(receive: Thread["onerror"]) {
    this.#onerror = receive;
    if (this.#failure !== undefined) queueMicrotask(() => this.#tell());
  }

  /** What gets its end by an error. */
  get onerror(): Thread["onerror"] {
    return this.#onerror;
  }

  /**
   * Reports that the thread could not be started, or has ended by an error.
   *
   * @param message The error.
   */
  fail(message: string): void {
    this.#failure = message;
    this.#tell();
  }

  /** Sends a message. */
  postMessage(message: unknown, transfer: Transferable[] = []): void {
    this.#port.postMessage(message, transfer);
  }

  /** Ends the thread. */
  terminate(): void {
    this.#port.close();
    this.#end();
  }

  #tell(): void {
    this.#onerror?.(new ErrorEvent("error", { message: this.#failure, cancelable: true }));
  }
}
