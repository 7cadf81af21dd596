/**
 * Assertions on our errors.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type ErrorCode, RunOutputsError } from "../../src/errors/error.ts";

/** Asserts that a call fails with a code, and that each text stands in the message. */
export async function rejectsWith(
  promise: Promise<unknown>,
  code: ErrorCode,
  ...texts: readonly string[]
): Promise<void> {
  await assert.rejects(promise, (error) => hasCode(error, code, texts));
}

/** Asserts that a call throws with a code, and that each text stands in the message. */
export function throwsWith(
  call: () => unknown,
  code: ErrorCode,
  ...texts: readonly string[]
): void {
  assert.throws(call, (error) => hasCode(error, code, texts));
}

function hasCode(error: unknown, code: ErrorCode, texts: readonly string[]): boolean {
  assert(error instanceof RunOutputsError, `not a RunOutputsError: ${error}`);
  assert.equal(error.code, code, error.message);
  for (const text of texts) {
    assert(error.message.includes(text), `${text} is not in: ${error.message}`);
  }
  assert(!error.message.includes("\n"), `more than one line: ${error.message}`);
  return true;
}

/** The error that a call throws, to look at. */
export function errorOf(call: () => unknown): RunOutputsError {
  try {
    call();
  } catch (error) {
    assert(error instanceof RunOutputsError, `not a RunOutputsError: ${error}`);
    return error;
  }
  assert.fail("nothing was thrown");
}

/** The error that a promise is rejected with, to look at. */
export async function rejection(promise: Promise<unknown>): Promise<RunOutputsError> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return errorOf(() => {
      throw error;
    });
  }
  assert.fail(`nothing was thrown, but returned: ${value}`);
}
