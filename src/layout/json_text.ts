/**
 * Formats a JSON document in pieces: with a row for each of a million files, it exceeds the maximum
 * length of a string.
 *
 * @module
 */

import { escapeUnprintable } from "../errors/error.ts";

/**
 * Formats a document like `JSON.stringify(document, null, 2)`, with a final line break.
 *
 * @param document An object. Its members may be iterables of any length, also lazy ones.
 * @returns The text, one piece per item.
 */
export function* jsonText(document: object): Generator<string> {
  const members = membersOf(document);
  for (const { before, value } of members) {
    yield before;
    yield* valueText(value);
  }
  yield endOf(members);
}

/**
 * Formats a document as {@linkcode jsonText}; its members may be async iterables too.
 *
 * @param document An object.
 * @returns The text, one piece per item.
 */
export async function* jsonStream(document: object): AsyncGenerator<string> {
  const members = membersOf(document);
  for (const { before, value } of members) {
    yield before;
    if (typeof value === "object" && value !== null && Symbol.asyncIterator in value) {
      let count = 0;
      for await (const item of value as AsyncIterable<unknown>) yield itemText(item, count++);
      yield listEnd(count);
    } else yield* valueText(value);
  }
  yield endOf(members);
}

interface Member {
  readonly before: string;
  readonly value: unknown;
}

function membersOf(document: object): Member[] {
  return Object.entries(document).filter(([, value]) => value !== undefined)
    .map(([name, value], i) => ({
      before: `${i === 0 ? "{" : ","}\n  ${indented(name, "")}: `,
      value,
    }));
}

function endOf(members: readonly Member[]): string {
  return members.length === 0 ? "{}\n" : "\n}\n";
}

function* valueText(value: unknown): Generator<string> {
  if (typeof value === "object" && value !== null && Symbol.iterator in value) {
    let count = 0;
    for (const item of value as Iterable<unknown>) yield itemText(item, count++);
    yield listEnd(count);
  } else yield indented(value, "  ");
}

function itemText(item: unknown, before: number): string {
  return `${before === 0 ? "[" : ","}\n    ${indented(item ?? null, "    ")}`;
}

function listEnd(count: number): string {
  return count === 0 ? "[]" : "\n  ]";
}

/**
 * The text of a value, indented except for the first line. JSON allows characters in strings that
 * control a terminal, such as U+009B: these are escaped.
 */
function indented(value: unknown, indent: string): string {
  // JSON strings contain no raw line breaks.
  return JSON.stringify(value, null, 2).split("\n").map(escapeUnprintable).join(`\n${indent}`);
}
