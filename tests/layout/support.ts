/** What the tests of the layout share. */

import { strict as assert } from "node:assert";
import { RunOutputsError } from "../../src/errors/error.ts";

/** Reads a file of expected outputs. */
export function conformance<T>(name: string): T {
  const url = new URL(`../testdata/conformance/${name}.json`, import.meta.url);
  return JSON.parse(Deno.readTextFileSync(url));
}

/** Asserts that a call fails with `invalid` and that its message has all of the texts. */
export function assertInvalid(call: () => unknown, ...texts: string[]): void {
  let result: unknown;
  try {
    result = call();
  } catch (error) {
    assertInvalidError(error, ...texts);
    return;
  }
  assert.fail(`no error, but ${String(result)}`);
}

/** Asserts that an error is `invalid` and that its message is one line with all of the texts. */
export function assertInvalidError(error: unknown, ...texts: string[]): void {
  assert(error instanceof RunOutputsError, `not a RunOutputsError: ${error}`);
  assert.equal(error.code, "invalid", error.message);
  assert.equal(error.retryable, false);
  // deno-lint-ignore no-control-regex -- nothing that breaks the line or steers a terminal
  assert.doesNotMatch(error.message, /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
  for (const text of texts) {
    assert(error.message.includes(text), `${JSON.stringify(error.message)} has no '${text}'`);
  }
}
