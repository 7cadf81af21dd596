/**
 * The parts that a complete run has: `manifests/outputs/expected.json`.
 *
 * Without this list, a run whose jobs have all uploaded looks like one that lacks some.
 *
 * @module
 */

import { z } from "zod";
import { quote, RunOutputsError } from "../errors/error.ts";
import { checkSegment } from "../layout/validate.ts";
import { parseJson } from "./parse_json.ts";

/** The schema version that this version writes and reads. */
export const EXPECTED_SCHEMA = "run-outputs.expected-parts/1";

/** The list of a run's expected parts. */
export interface ExpectedParts {
  /** `run-outputs.expected-parts/1` */
  readonly schema: string;
  /** The names of the parts, sorted. */
  readonly parts: readonly string[];
  /** Members added by newer versions. */
  readonly [member: string]: unknown;
}

const schema = z.looseObject({ schema: z.literal(EXPECTED_SCHEMA), parts: z.array(z.string()) });

/**
 * Reads the text of a list of expected parts.
 *
 * @param text The text.
 * @param name Its location, for messages.
 * @returns The list.
 * @throws {RunOutputsError} `integrity`, if it is invalid; `failed`, if its schema is newer.
 */
export function parseExpected(text: string, name: string): ExpectedParts {
  const list: ExpectedParts = parseJson(text, {
    id: EXPECTED_SCHEMA,
    schema,
    broken: (reason, cause) => broken(name, reason, cause),
    newer: (found) =>
      `Cannot read the expected parts '${name}': their schema is ${quote(found)}, this version ` +
      `reads ${EXPECTED_SCHEMA}: use a newer run-outputs`,
  });
  for (const part of list.parts) {
    try {
      checkSegment("part", part);
    } catch (error) {
      throw broken(name, (error as Error).message, error);
    }
  }
  return list;
}

/**
 * Adds parts to a list of expected parts. Never removes any: a job that knows only its own parts
 * must not make a run look complete.
 *
 * @param list The existing list, if there is one.
 * @param parts The parts to add.
 * @returns The combined list.
 */
export function addExpected(
  list: ExpectedParts | undefined,
  parts: readonly string[],
): ExpectedParts {
  const all = [...new Set([...list?.parts ?? [], ...parts])].sort();
  return { ...list, schema: EXPECTED_SCHEMA, parts: all };
}

/**
 * The text of a list of expected parts.
 *
 * @param list The list.
 * @returns JSON.
 */
export function formatExpected(list: ExpectedParts): string {
  return `${JSON.stringify(list, null, 2)}\n`;
}

function broken(name: string, reason: string, cause?: unknown): RunOutputsError {
  const message = `Cannot read the expected parts '${name}': ${reason}`;
  return new RunOutputsError("integrity", message, { cause });
}
