/**
 * Reads the text of a response up to a limit, because an endless body would fill the memory.
 *
 * @module
 */

import { S3Failure } from "./errors.ts";
import { readUpTo } from "./read_up_to.ts";
import type { S3Response } from "./request.ts";

/** The maximum size of a response; the longest list has about 8 MB. */
const MAX_BYTES = 32 * 1024 * 1024;

/**
 * Reads the body of a response.
 *
 * @param answer The response; its watchdog is notified of the bytes.
 * @param limit The maximum number of bytes.
 * @returns The text.
 * @throws {S3Failure} If it is longer; the watchdog's reason.
 */
export async function textOf(
  { response, watchdog }: S3Response,
  limit: number = MAX_BYTES,
): Promise<string> {
  const { text, isCut } = await readUpTo(response, limit, (count) => watchdog.moved(count))
    .catch((error) => {
      throw watchdog.signal.aborted ? watchdog.signal.reason : error;
    });
  if (isCut) throw new S3Failure(299, "", `more than ${limit} bytes`);
  return text;
}
