/**
 * What an operation on retained runs is. The command line and the service offer the same operations.
 *
 * @module
 */

import { z } from "zod";
import { invalid, RunOutputsError } from "../../errors/error.ts";
import { nearest } from "../../layout/nearest.ts";
import { parseDuration } from "../../layout/words.ts";
import { reasonOf } from "../../runs/parse_json.ts";
import type { RunFilter } from "./filter.ts";
import type { RunIndex } from "./run_index.ts";

/** What an operation works with. */
export interface RunsContext {
  /** The runs. */
  readonly index: RunIndex;
  /** The program, for what is written, such as `run-outputs/1.0.0`. */
  readonly tool: string;
  /** Who asks, for pins, if known. */
  readonly by?: string;
  /**
   * After how many milliseconds a search that has to look into runs ends with a part of the result.
   * Default: never.
   */
  readonly budget?: number;
  /** How a parameter is called where the request came from. Default: by its name. */
  readonly label?: (parameter: string) => string;
  /** Aborts the operation. */
  readonly signal?: AbortSignal;
}

/** An operation. */
export interface RunsOperation<P extends z.ZodType, A> {
  /** What it does, in one line. */
  readonly summary: string;
  /** Its parameters; a service has them as texts. */
  readonly params: P;
  /** The schema of its answer, a JSON document. */
  readonly answer: z.ZodType;
  /** Whether it changes something. */
  readonly writes: boolean;
  /**
   * Runs it.
   *
   * @param context What it works with.
   * @param params The parameters, parsed.
   * @returns The answer.
   */
  run(context: RunsContext, params: z.output<P>): Promise<A>;
}

/**
 * Defines an operation; the types of its parameters follow from their schema.
 *
 * @param definition The operation.
 * @returns The same.
 */
export function operation<P extends z.ZodType, A>(
  definition: RunsOperation<P, A>,
): RunsOperation<P, A> {
  return definition;
}

/**
 * Checks the parameters of an operation, and runs it.
 *
 * @param operation The operation.
 * @param context What it works with.
 * @param params The parameters as they were given.
 * @returns The answer.
 * @throws {RunOutputsError} `invalid`, naming the parameter and the value; what the operation throws.
 */
export async function runOperation<P extends z.ZodType, A>(
  operation: RunsOperation<P, A>,
  context: RunsContext,
  params: Readonly<Record<string, unknown>>,
): Promise<A> {
  return await operation.run(context, checkParams(operation.params, params, context.label));
}

/**
 * Checks parameters, such as the members of a body.
 *
 * @param schema What they must be.
 * @param params The parameters as they were given.
 * @param label How a parameter is called, for messages. Default: by its name.
 * @returns The parameters.
 * @throws {RunOutputsError} `invalid`, naming the parameter and the value.
 */
export function checkParams<P extends z.ZodType>(
  schema: P,
  params: Readonly<Record<string, unknown>>,
  label: (name: string) => string = (name) => name,
): z.output<P> {
  const given = Object.fromEntries(
    Object.entries(params).filter(([, value]) => value !== undefined),
  );
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  if (issue.code === "unrecognized_keys") {
    const [unknown] = issue.keys;
    const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
    const similar = nearest(unknown, known);
    throw new RunOutputsError(
      "invalid",
      `Unknown parameter '${unknown}'${
        similar === undefined ? "" : `: did you mean '${similar}'?`
      }`,
    );
  }
  const name = String(issue.path[0]);
  const reason = /expected (.*)$/.exec(reasonOf(result.error))?.[1] ?? "another value";
  if (given[name] === undefined) {
    throw new RunOutputsError("invalid", `Missing parameter ${label(name)}`);
  }
  throw invalid(label(name), given[name], reason);
}

/**
 * Parses a time: a date, a time in ISO 8601, or an age such as `7d`.
 *
 * @param field How the parameter is called, for messages.
 * @param value The value.
 * @param now The current time, which an age counts from.
 * @param expected What the value must be, for the error; examples are added.
 * @returns The time; `undefined`, if none is given.
 * @throws {RunOutputsError} `invalid`, for any other text.
 */
export function parseTime(
  field: string,
  value: string | undefined,
  now: Date,
  expected = "a date, a time in ISO 8601, or an age",
): Date | undefined {
  if (value === undefined) return undefined;
  const age = parseDuration(value);
  if (age !== undefined) return new Date(now.getTime() - age);
  const isTime = z.union([z.iso.date(), z.iso.datetime({ offset: true })]).safeParse(value).success;
  if (isTime) return new Date(value);
  throw invalid(field, value, `${expected}: 2026-11-20, 7d, 12h`);
}

/**
 * The filter that search parameters describe.
 *
 * @param context The current time, and how parameters are called.
 * @param params The parameters, with times as texts.
 * @returns The filter.
 * @throws {RunOutputsError} `invalid`, if a time is not one.
 */
export function searchFilter(
  { index, label = String }: Pick<RunsContext, "index" | "label">,
  { since, until, ...rest }:
    & Omit<RunFilter, "since" | "until">
    & { readonly since?: string; readonly until?: string },
): RunFilter {
  const now = index.now();
  return {
    ...rest,
    since: parseTime(label("since"), since, now),
    until: parseTime(label("until"), until, now),
  };
}
