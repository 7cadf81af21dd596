/**
 * The check of a caller's number of concurrent operations.
 *
 * @module
 */

import { RunOutputsError } from "../errors/error.ts";

/**
 * Checks a caller's number of concurrent operations.
 *
 * @param value The number.
 * @returns The number.
 * @throws {RunOutputsError} `invalid`, unless it is a whole number from 1, or `Infinity`.
 */
export function checkConcurrency(value: number): number {
  if (value >= 1 && (Number.isInteger(value) || value === Infinity)) return value;
  throw new RunOutputsError(
    "invalid",
    `Invalid concurrency ${value}: expected a whole number from 1, or Infinity`,
  );
}
