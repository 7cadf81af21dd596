/**
 * Formats a JSON document in pieces: with a row for each of a million files, it exceeds the maximum
 * length of a string.
 *
 * @module
 */

import { escapeUnprintable } from "../../errors/error.ts";

/**
 * Formats a document like `JSON.stringify(document, null, 2)`, with a final line break.
 *
 * @param document An object. Its members may be iterables of any length, also lazy ones.
 * @returns The text, one piece per item.
 */
export function* jsonText(document: object): Generator<string> {
  const members = Object.entries(document).filter(([, value]) => value !== undefined);
  if (members.length === 0) return yield "{}\n";
  for (const [i, [name, value]] of members.entries()) {
    yield `${i === 0 ? "{" : ","}\n  ${indented(name, "")}: `;
    if (typeof value === "object" && value !== null && Symbol.iterator in value) {
      yield* listText(value as Iterable<unknown>);
    } else yield indented(value, "  ");
  }
  yield "\n}\n";
}

function* listText(items: Iterable<unknown>): Generator<string> {
  let before = "[";
  for (const item of items) {
    yield `${before}\n    ${indented(item ?? null, "    ")}`;
    before = ",";
  }
  yield before === "[" ? "[]" : "\n  ]";
}

/**
 * The text of a value, indented except for the first line. JSON allows characters in strings that
 * control a terminal, such as U+009B: these are escaped.
 */
function indented(value: unknown, indent: string): string {
  // JSON strings contain no raw line breaks.
  return JSON.stringify(value, null, 2).split("\n").map(escapeUnprintable).join(`\n${indent}`);
}
