/**
 * Finds lines in a part of a text.
 *
 * @module
 */

import { stripEscapes } from "./ansi.ts";
import type { LineQuery, MatchRange } from "./query.ts";
import { MAX_ROW } from "./rows.ts";
import { charStart, countLines, CR, decodeText, LF } from "./text_bytes.ts";

/** A line with a match. */
export interface FoundLine {
  /** The offset of the line; of the piece, in a line of more than 64 KiB. */
  readonly at: number;
  /** The offset after it. */
  readonly end: number;
  /** How many lines end before it in its block. */
  readonly linesBefore: number;
  /** The line as a terminal shows it; around the first match, if it is long. */
  readonly text: string;
  /** Where the first few matches are in the text. */
  readonly ranges: readonly MatchRange[];
  /** Whether the text is only a part of the line. */
  readonly cut?: true;
}

/** A part of a file. */
export interface SearchWindow {
  /** Its bytes. */
  readonly bytes: Uint8Array;
  /** The offset of the first one in the file. */
  readonly base: number;
  /** Whether the last byte ends a line. */
  readonly isWhole: boolean;
}

/** Lines that are searched together, or a piece of a long line. */
export interface SearchBlock {
  /** The index of its first byte in the window. */
  readonly start: number;
  /** The index after its last byte. */
  readonly end: number;
  /** In a piece of a line: where the next piece begins. Matches after that are those of the next one. */
  readonly next?: number;
}

/** How many bytes are searched together. */
const BLOCK = 64 * 1024;

/** The pieces of a long line overlap by this many bytes, so that no match of that length is missed. */
const OVERLAP = 4 * 1024;

/**
 * Where the next piece of a long line begins.
 *
 * @param bytes The bytes.
 * @param end The index of the end of a piece.
 * @returns The index.
 */
export function nextPiece(bytes: Uint8Array, end: number): number {
  return charStart(bytes, Math.max(0, end - OVERLAP));
}

/**
 * How far the bytes must reach into a line that is searched up to a place in it.
 *
 * @param at The place.
 * @returns The end of the bytes.
 */
export function pieceEnd(at: number): number {
  return at + OVERLAP;
}

/** The size of the pieces. */
const PIECE = MAX_ROW;

/**
 * Divides a part of a file into blocks of whole lines. A line that is longer than a block is divided
 * into pieces that overlap.
 *
 * @param window The part.
 * @returns The blocks. If the last line is not whole, the last block says where the next window must
 * begin.
 */
export function blocksOf({ bytes, isWhole }: SearchWindow): SearchBlock[] {
  const blocks: SearchBlock[] = [];
  for (let start = 0; start < bytes.length;) {
    const rest = bytes.length - start;
    const isLast = rest <= BLOCK && isWhole;
    const lf = isLast ? rest - 1 : bytes.subarray(start, start + BLOCK).lastIndexOf(LF);
    if (lf >= 0) {
      blocks.push({ start, end: start + lf + 1 });
      start += lf + 1;
      continue;
    }
    const isLastPiece = rest <= PIECE;
    const end = isLastPiece ? bytes.length : charStart(bytes, start + PIECE);
    const next = isLastPiece && isWhole ? undefined : nextPiece(bytes, end);
    blocks.push({ start, end, next });
    if (isLastPiece) break;
    start = next!;
  }
  return blocks;
}

/**
 * Finds the matching lines of a block.
 *
 * @param window The part of the file.
 * @param block The block.
 * @param query What to find.
 * @returns The lines in their order, and the number of lines that end in the block.
 */
export function searchBlock(
  { bytes, base }: SearchWindow,
  { start, end, next }: SearchBlock,
  query: LineQuery,
): { readonly found: FoundLine[]; readonly lines: number } {
  const block = bytes.subarray(start, end);
  const text = stripEscapes(decodeText(block, base + start));
  if (!query.mayMatch(text)) {
    return { found: [], lines: next === undefined ? countLines(block) : 0 };
  }
  const found: FoundLine[] = [];
  if (next !== undefined) {
    const ranges = query.find(text);
    const limit = stripEscapes(decodeText(bytes.subarray(start, next), base + start)).length;
    const own = ranges?.filter(([first]) => first < limit);
    if (own !== undefined && (own.length > 0 || ranges!.length === 0)) {
      const place = { at: base + start, end: base + end, linesBefore: 0 };
      found.push({ ...place, ...shortened(text, own) });
    }
    return { found, lines: 0 };
  }
  let lines = 0;
  let at = 0;
  for (const line of text.split("\n")) {
    if (at === block.length) break;
    const lf = block.indexOf(LF, at);
    const after = lf < 0 ? block.length : lf + 1;
    const isCrlf = lf > at && block[lf - 1] === CR && line.endsWith("\r");
    const shown = isCrlf ? line.slice(0, -1) : line;
    const ranges = query.find(shown);
    if (ranges !== undefined) {
      const place = { at: base + start + at, end: base + start + after, linesBefore: lines };
      found.push({ ...place, ...shortened(shown, ranges) });
    }
    if (lf >= 0) lines++;
    at = after;
  }
  return { found, lines };
}

/** The longest text of a result, in UTF-16 code units. */
const MAX_TEXT = 500;

/** How much of it is before the match. */
const BEFORE = 100;

/** The part of a line around its first match. */
function shortened(
  line: string,
  ranges: readonly MatchRange[],
): Pick<FoundLine, "text" | "ranges" | "cut"> {
  if (line.length <= MAX_TEXT) return { text: line, ranges };
  const first = ranges.at(0)?.[0] ?? 0;
  const from = Math.max(0, Math.min(first - BEFORE, line.length - MAX_TEXT));
  const text = line.slice(from, from + MAX_TEXT).toWellFormed();
  const shifted = ranges.map(([start, end]): MatchRange => [
    Math.max(0, start - from),
    Math.min(text.length, end - from),
  ]);
  return { text, ranges: shifted.filter(([start, end]) => start < end), cut: true };
}
