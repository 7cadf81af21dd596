/**
 * The bodies of requests.
 *
 * @module
 */

import { invalid, RunOutputsError } from "../errors/error.ts";
import type { ServiceRequest } from "./context.ts";
import { httpError } from "./problem.ts";

/** The largest JSON document that a client may send, in bytes. */
const MAX_JSON = 64 * 1024;

/**
 * Reads a small body.
 *
 * @param request The request.
 * @param limit The maximum number of bytes.
 * @returns Its text.
 * @throws {RunOutputsError} With the status 413, if it is larger; `invalid`, if it is not UTF-8.
 */
export async function readBody({ request }: ServiceRequest, limit: number): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let size = 0;
  try {
    for await (const chunk of request.body ?? []) {
      size += chunk.length;
      if (size > limit) {
        throw httpError(413, "too-large", `Too large a body: expected at most ${limit} bytes`);
      }
      text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  } catch (error) {
    if (error instanceof TypeError) {
      throw new RunOutputsError("invalid", "Invalid body: expected UTF-8");
    }
    throw error;
  }
}

/**
 * Reads a JSON object.
 *
 * @param request The request.
 * @returns Its members.
 * @throws {RunOutputsError} With the status 415 for another content type, 413 if it is larger than
 * 64 KiB; `invalid`, if it is not a JSON object.
 */
export async function readJson(request: ServiceRequest): Promise<Record<string, unknown>> {
  const type = request.request.headers.get("content-type") ?? "";
  if (!/^application\/json\s*(?:;|$)/i.test(type)) {
    throw httpError(415, "content-type", "Unsupported content type: expected application/json");
  }
  const text = await readBody(request, MAX_JSON);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Reported below.
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return { ...value };
  }
  throw invalid("body", text, "a JSON object");
}
