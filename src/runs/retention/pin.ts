/**
 * Pins: `manifests/retention/{name}.pin.json`. A run with a pin is not deleted.
 *
 * A pin is a file of its own and not part of the summary, because a summary can be deleted and
 * derived again, and a pin can't.
 *
 * @module
 */

import { z } from "zod";
import { quote, RunOutputsError } from "../../errors/error.ts";
import { checkSegment } from "../../layout/validate.ts";
import { parseJson } from "../parse_json.ts";

/** The schema that this version writes, and reads. */
export const PIN_SCHEMA = "run-outputs.pin/1";

/** A pin. */
export interface Pin {
  /** `run-outputs.pin/1` */
  readonly schema: "run-outputs.pin/1";
  /** Its name, which is also that of its file. */
  readonly name: string;
  /** Why the run must be kept. */
  readonly reason: string;
  /** Who pinned it. */
  readonly by?: string;
  /** When it was pinned, in ISO 8601. */
  readonly created_at: string;
  /** When the pin ends, in ISO 8601. Default: never. */
  readonly until?: string;
}

const SUFFIX = ".pin.json";

const time = () => z.iso.datetime({ offset: true });

const schema = z.looseObject({
  schema: z.literal(PIN_SCHEMA),
  name: z.string().min(1),
  reason: z.string().min(1).meta({ description: "Why the run must be kept." }),
  by: z.string().optional().meta({ description: "Who pinned it." }),
  created_at: time(),
  until: time().optional().meta({ description: "When the pin ends. Default: never." }),
});

/**
 * The JSON Schema of a pin.
 *
 * @returns The schema, a value for `JSON.stringify`.
 */
export function pinJsonSchema(): Record<string, unknown> {
  const described = schema.meta({ title: PIN_SCHEMA, description: "A run with a pin is kept." });
  return z.toJSONSchema(described) as Record<string, unknown>;
}

/**
 * The name of the pin in a file.
 *
 * @param fileName The name of a file in `manifests/retention/`.
 * @returns The pin's name; `undefined`, if the file is not a pin.
 */
export function pinNameOf(fileName: string): string | undefined {
  if (!fileName.endsWith(SUFFIX) || fileName.length === SUFFIX.length) return undefined;
  return fileName.slice(0, -SUFFIX.length);
}

/**
 * Parses a pin.
 *
 * @param text The text.
 * @param where Where it was read, for messages.
 * @returns The pin.
 * @throws {RunOutputsError} `integrity`, if it is not one; `failed`, if its schema is newer.
 */
export function parsePin(text: string, where: string): Pin {
  const broken = (reason: string, cause?: unknown) =>
    new RunOutputsError("integrity", `Cannot read the pin '${where}': ${reason}`, { cause });
  const pin: Pin = parseJson(text, {
    id: PIN_SCHEMA,
    schema,
    broken,
    newer: (found) =>
      `Cannot read the pin '${where}': its schema is ${quote(found)}, this version reads ` +
      `${PIN_SCHEMA}: use a newer run-outputs`,
  });
  try {
    checkSegment("name", pin.name);
  } catch (error) {
    throw broken((error as Error).message, error);
  }
  return pin;
}

/**
 * Formats a pin.
 *
 * @param pin The pin.
 * @returns JSON.
 */
export function formatPin(pin: Pin): string {
  return `${JSON.stringify(pin, null, 2)}\n`;
}

/**
 * Whether a pin is in force.
 *
 * @param pin The pin.
 * @param now The current time.
 * @returns `false`, if it has ended.
 */
export function isInForce({ until }: Pick<Pin, "until">, now: Date): boolean {
  return until === undefined || new Date(until) > now;
}
