/**
 * Bodies of answers from open files.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { ByteRange, CallOptions } from "../../storage/backend.ts";
import type { StoredFile } from "./stored_file.ts";

/** What a body consists of: bytes, and ranges of the file. */
export type BodyPart = Uint8Array<ArrayBuffer> | ByteRange;

/** Up to how many bytes a body is sent at once, which is faster than a stream. */
const AT_ONCE = 64 * 1024;

/**
 * Starts a body: its first bytes are read, so that what fails before them is still answered with a
 * problem. What fails later ends the connection, and the client sees that bytes are missing.
 *
 * @param file The file, which is closed at the end of the body, or if this fails.
 * @param parts What the body consists of.
 * @param length Its length in bytes.
 * @param options A signal.
 * @returns The body.
 */
export async function startBody(
  file: StoredFile,
  parts: readonly BodyPart[],
  length: number,
  options: CallOptions,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>> | Uint8Array<ArrayBuffer>> {
  const chunks = chunksOf(file, parts, options);
  if (length <= AT_ONCE) {
    const bytes = new Uint8Array(length);
    let at = 0;
    for await (const chunk of chunks) {
      if (chunk.length === length) return chunk;
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  }
  let first: IteratorResult<Uint8Array<ArrayBuffer>, void> | undefined = await chunks.next();
  let last: ArrayBuffer | undefined;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      try {
        // The runtime frees the memory once it is sent, and the next chunk is read into the same.
        if (freed.has(body)) last?.transfer(0);
        const { value, done } = first ?? await chunks.next();
        first = undefined;
        if (done) return controller.close();
        last = value.buffer;
        controller.enqueue(value);
      } catch (error) {
        // The runtime prints this, and ends the connection.
        controller.error(error instanceof RunOutputsError ? error.message : error);
      }
    },
    async cancel() {
      await chunks.return();
    },
  }, { highWaterMark: 0 });
  return body;
}

/** The answers whose bodies are streams. */
const streamed = new WeakMap<Response, ReadableStream>();

/** Bodies of {@linkcode freeSentChunks}. */
const freed = new WeakSet<ReadableStream>();

/**
 * Makes an answer.
 *
 * @param body Its body.
 * @param init Its status and headers.
 * @returns The answer.
 */
export function answerWith(
  body: ReadableStream<Uint8Array<ArrayBuffer>> | Uint8Array<ArrayBuffer>,
  init: ResponseInit,
): Response {
  const response = new Response(body, init);
  if (body instanceof ReadableStream) streamed.set(response, body);
  return response;
}

/**
 * Gives up each chunk of a body when the next one is requested. For a reader that has passed a chunk on
 * by then, like the runtime's server, and does not keep it: otherwise each chunk stays in memory until
 * garbage is collected, and the next ones are read into memory that no cache of the processor has.
 *
 * @param response An answer. Its `body` is not touched: that would make a stream of bytes, which the
 * runtime sends faster.
 */
export function freeSentChunks(response: Response): void {
  const body = streamed.get(response);
  if (body !== undefined) freed.add(body);
}

async function* chunksOf(
  file: StoredFile,
  parts: readonly BodyPart[],
  options: CallOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  try {
    for (const part of parts) {
      if (part instanceof Uint8Array) yield part;
      else yield* file.chunks(part, options);
    }
  } finally {
    file.close();
  }
}
