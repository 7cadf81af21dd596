/**
 * The large body of a request.
 *
 * @module
 */

import type { Line } from "./line.ts";
import type { RawRequest } from "./request.ts";
import type { Watchdog } from "./watchdog.ts";

/**
 * The size of the pieces of a large body. At least one must be sent before the watchdog times out:
 * on a slow line that 32 requests share, each gets little bandwidth.
 */
const PIECE = 256 * 1024;

/** How much of a body the system accepts at once, even if the server is dead. */
export const EAGER = 1024 * 1024;

/**
 * Whether a body is sent as a {@linkcode BodyBlob}.
 *
 * @param body The body.
 * @returns `false` for a body of a single piece.
 */
export function isLarge(body: RawRequest["body"]): body is Uint8Array<ArrayBuffer> {
  return body instanceof Uint8Array && body.length > PIECE;
}

/**
 * A body that is sent as views of a buffer.
 *
 * `fetch` copies a given buffer, which costs twice the memory and half the speed, and sends a plain
 * stream without its length, which S3 rejects. From a Blob it takes the size and the stream. The
 * stream also shows the progress of sending.
 */
export class BodyBlob extends Blob {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #watchdog: Watchdog;
  readonly #line: Line;

  /**
   * Creates a body.
   *
   * @param bytes The bytes.
   * @param watchdog Knows how much the system has not sent yet.
   * @param line Counts them.
   */
  constructor(bytes: Uint8Array<ArrayBuffer>, watchdog: Watchdog, line: Line) {
    super();
    this.#bytes = bytes;
    this.#watchdog = watchdog;
    this.#line = line;
  }

  /** The number of bytes. */
  override get size(): number {
    return this.#bytes.length;
  }

  /** The bytes, once. */
  override stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    const bytes = this.#bytes;
    const watchdog = this.#watchdog;
    const line = this.#line;
    let offset = 0;
    return new ReadableStream({
      pull(controller) {
        const piece = bytes.subarray(offset, offset + PIECE);
        if (offset >= EAGER) {
          line.count(piece.length);
          line.touch();
        }
        controller.enqueue(piece);
        offset += piece.length;
        // After the last piece comes the response, and before that what the system has not sent yet.
        watchdog.handed(offset < bytes.length ? 0 : line.unseen);
        if (offset === bytes.length) controller.close();
      },
    }, { highWaterMark: 0 });
  }
}
