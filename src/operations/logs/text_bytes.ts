/**
 * The bytes of a text: where its characters begin, and how many lines it has.
 *
 * @module
 */

/** The byte that ends a line. */
export const LF = 10;

/** The byte that can come before it. */
export const CR = 13;

/**
 * Where the character that has a byte begins, so that a cut there does not divide it.
 *
 * @param bytes Text in UTF-8, possibly malformed.
 * @param at The index of the byte; the length of the text for its end.
 * @returns The index of the character's first byte: `at`, or up to three bytes before it.
 */
export function charStart(bytes: Uint8Array, at: number): number {
  for (let first = at; first >= 0 && first > at - 4; first--) {
    const byte = bytes[first];
    if ((byte & 0xc0) === 0x80) continue;
    return first + charLength(byte) > at ? first : at;
  }
  return at;
}

function charLength(first: number): number {
  return first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
}

/**
 * Counts the ends of lines.
 *
 * @param bytes A text.
 * @param start The first byte to look at.
 * @param end The byte after the last one.
 * @returns The number of LF bytes.
 */
export function countLines(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  let count = 0;
  for (let at = bytes.indexOf(LF, start); at >= 0 && at < end; at = bytes.indexOf(LF, at + 1)) {
    count++;
  }
  return count;
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Decodes a piece of a file.
 *
 * @param bytes The piece.
 * @param at The piece's offset in the file. At its start, a byte order mark is dropped.
 * @returns The text. What is not UTF-8 becomes replacement characters.
 */
export function decodeText(bytes: Uint8Array, at: number): string {
  const text = decoder.decode(bytes);
  return at === 0 && text.startsWith("\ufeff") ? text.slice(1) : text;
}
