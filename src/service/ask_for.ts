/**
 * Runs operations on retained runs for requests.
 *
 * @module
 */

import type { z } from "zod";
import { RunOutputsError } from "../errors/error.ts";
import {
  runOperation,
  type RunsContext,
  type RunsOperation,
} from "../operations/retained/operation.ts";
import type { ServiceContext, ServiceRequest } from "./context.ts";

/** After how many milliseconds a search through runs ends with what it has. */
const BUDGET = 2000;

/**
 * Runs an operation for a request.
 *
 * @param operation The operation.
 * @param request The request. Its parameters are those of the path and of the query.
 * @param context The service.
 * @param more Parameters from elsewhere, such as the body.
 * @returns The answer.
 * @throws {RunOutputsError} `invalid`, naming the parameter; what the operation throws.
 */
export async function askFor<A>(
  operation: RunsOperation<z.ZodType, A>,
  { query, params, signal }: Pick<ServiceRequest, "query" | "params" | "signal">,
  { index, tool }: ServiceContext,
  more: Readonly<Record<string, unknown>> = {},
): Promise<A> {
  const fixed = { ...params, ...more };
  for (const name of query.keys()) {
    if (Object.hasOwn(fixed, name)) {
      throw new RunOutputsError("invalid", `Unknown parameter '${name}': it is in the path`);
    }
  }
  const context: RunsContext = { index, tool, budget: BUDGET, signal };
  return await runOperation(operation, context, { ...Object.fromEntries(query), ...fixed });
}
