/**
 * The width of help texts.
 *
 * @module
 */

import type { TextStream } from "./terminal/color.ts";
import type { Io } from "./terminal/io.ts";

/** The width on a wide terminal, and where there is no terminal. */
const WIDEST = 100;

/** Below this width, lines are left to the terminal. */
const NARROWEST = 40;

/**
 * The width for help on a stream.
 *
 * @param io The stream's terminal.
 * @param stream The stream.
 * @returns The number of columns.
 */
export function helpWidth(io: Io, stream: TextStream): number {
  const isTerminal = stream === "stdout" ? io.stdoutIsTerminal : io.stderrIsTerminal;
  const columns = isTerminal ? io.stderrWidth?.() ?? WIDEST : WIDEST;
  return Math.max(NARROWEST, Math.min(WIDEST, columns));
}

/**
 * Wraps a help text: paragraphs, and the descriptions of rows such as `list  list the outputs`.
 * Examples stay on their lines, so that they can be copied.
 *
 * @param text A text whose lines fit into 100 columns.
 * @param width The number of columns.
 * @returns The text with lines that fit.
 */
export function wrapHelp(text: string, width: number): string {
  const lines: string[] = [];
  let paragraph: string[] = [];
  const flush = () => {
    const fits = paragraph.every(({ length }) => length <= width);
    lines.push(...fits ? paragraph : wrapped(paragraph.join(" "), width));
    paragraph = [];
  };
  for (const line of text.split("\n")) {
    if (/^\S/.test(line)) paragraph.push(line);
    else {
      flush();
      lines.push(...wrappedRow(line, width));
    }
  }
  flush();
  return lines.join("\n");
}

/** A row of a list, its description wrapped below itself. */
function wrappedRow(line: string, width: number): string[] {
  const [, name, description] = /^( {2,}\S(?:.*?\S)? {2,})(\S.*)$/.exec(line) ?? [];
  if (line.length <= width || name === undefined) return [line];
  const room = width - name.length;
  if (room < 20) return [line];
  return wrapped(description, room)
    .map((piece, i) => (i === 0 ? name : " ".repeat(name.length)) + piece);
}

function wrapped(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    if (line === "") lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}
