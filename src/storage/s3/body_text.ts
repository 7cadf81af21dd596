/**
 * The text of an answer, up to a bound: a body without an end would fill the memory.
 *
 * @module
 */

import { S3Failure } from "./errors.ts";
import { readUpTo } from "./read_up_to.ts";
import type { S3Response } from "./request.ts";

/** The most bytes of an answer that is wanted: the longest list has some 8 MB. */
const MAX_BYTES = 32 * 1024 * 1024;

/**
 * Reads an answer's body.
 *
 * @param answer The answer; its watchdog is told what comes.
 * @param limit The most bytes.
 * @returns The text.
 * @throws {S3Failure} If there is more; the watchdog's reason.
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
