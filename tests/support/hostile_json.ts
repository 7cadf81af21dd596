/**
 * JSON documents that somebody else has written: one with a member that is something else, for each
 * member and each kind of something else.
 *
 * @module
 */

import { RunOutputsError } from "../../src/errors/error.ts";

/** Nested so deeply that whoever follows by calling itself ends. */
export const DEEP = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;

/** What can stand in place of a value, as JSON. */
const OTHERS = [
  "null",
  "true",
  "-1",
  "1e999",
  '""',
  '"\\u0000"',
  "[]",
  "[null]",
  "{}",
  // Neither can be made a text, and the second looks like it could be compared.
  '{"toString":1,"valueOf":1}',
  '[{"toString":null}]',
  '{"__proto__":{"schema":"x"}}',
  DEEP,
];

/** The texts: of the document itself, of each of its members, and of members of members. */
export function* hostileTexts(document: unknown): Generator<string> {
  const MARK = "\u{10ffff}";
  for (const other of OTHERS) {
    yield other;
    for (const changed of withMark(document)) {
      yield JSON.stringify(changed).replace(JSON.stringify(MARK), () => other);
    }
  }

  function* withMark(value: unknown): Generator<unknown> {
    if (typeof value !== "object" || value === null) return;
    for (const [name, member] of Object.entries(value)) {
      const put = (inner: unknown) =>
        Array.isArray(value) ? value.with(Number(name), inner) : { ...value, [name]: inner };
      yield put(MARK);
      for (const inner of withMark(member)) yield put(inner);
    }
  }
}

/**
 * What is wrong with the reading of such a document: an error that is none of ours, one of several
 * lines, or one without an end. `undefined`: nothing.
 */
export function wrongReading(read: () => unknown): string | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (!(error instanceof RunOutputsError)) return (error as Error).stack;
    if (!["integrity", "failed"].includes(error.code)) return `${error.code}: ${error.message}`;
    return /\n/.test(error.message) || error.message.length > 500 ? error.message : undefined;
  }
}
