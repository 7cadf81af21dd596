/**
 * Reads the beginning of a body as text.
 *
 * @module
 */

/**
 * Reads the beginning of a body.
 *
 * @param response The answer.
 * @param limit The maximum number of bytes.
 * @param onBytes Called with the number of bytes received so far.
 * @returns The text, and whether there is more, which is not read.
 */
export async function readUpTo(
  response: Response,
  limit: number,
  onBytes: (count: number) => void = () => {},
): Promise<{ readonly text: string; readonly isCut: boolean }> {
  const decoder = new TextDecoder();
  let text = "";
  let left = limit;
  // Leaving the loop cancels the body.
  for await (const chunk of response.body ?? []) {
    onBytes(chunk.length);
    text += decoder.decode(chunk.subarray(0, left), { stream: true });
    left -= chunk.length;
    if (left < 0) return { text, isCut: true };
  }
  return { text: text + decoder.decode(), isCut: false };
}
