/**
 * A JSON document as text, in pieces: one with a row for each of a million files is longer than a
 * string can be.
 *
 * @module
 */

/**
 * Formats a document as `JSON.stringify(document, null, 2)` does, and ends its last line.
 *
 * @param document An object. Its members may be lists of any length, also ones that are made while
 * they are read: each item is a piece of its own.
 * @returns The text, in pieces that end where an item does.
 */
export function* jsonText(document: object): Generator<string> {
  const members = Object.entries(document).filter(([, value]) => value !== undefined);
  if (members.length === 0) return yield "{}\n";
  for (const [i, [name, value]] of members.entries()) {
    yield `${i === 0 ? "{" : ","}\n  ${JSON.stringify(name)}: `;
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

/** The text of a value whose first line stands somewhere already. */
function indented(value: unknown, indent: string): string {
  // In a string of JSON no line ends.
  return JSON.stringify(value, null, 2).replaceAll("\n", `\n${indent}`);
}
