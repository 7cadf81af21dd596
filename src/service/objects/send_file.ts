/**
 * Answers requests for one file.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { ServiceRequest } from "../context.ts";
import { httpError, HttpProblem } from "../problem.ts";
import { answerWith, startBody } from "./body.ts";
import { allowsRange, evaluateConditions } from "./conditional.ts";
import { contentRange, multipartFrame, parseRanges } from "./ranges.ts";
import { represent, type Representation } from "./representation.ts";
import type { StoredFile } from "./stored_file.ts";

/** How often a file is opened again that was replaced before its first bytes were read. */
const ATTEMPTS = 3;

/** Options of {@linkcode sendFile}. */
export interface SendOptions {
  /** The open file, which is closed. */
  readonly file: StoredFile;
  /** Opens it again, if it is replaced before its first bytes are read. */
  readonly reopen: () => Promise<StoredFile>;
  /** Returns the file's current SHA-256, if known. */
  readonly hashOf: (file: StoredFile) => Promise<string | undefined>;
  /** More headers, with status 304 too. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The time of the answer. */
  readonly now: Date;
}

/**
 * Answers a GET or HEAD request for a file: conditions first, then ranges.
 *
 * @param request The request.
 * @param options The file.
 * @returns The answer, with status 200, 206 or 304.
 * @throws {RunOutputsError} With the answers 412 and 416; what opening the file throws.
 */
export async function sendFile(request: ServiceRequest, options: SendOptions): Promise<Response> {
  let { file } = options;
  for (let attempt = 1;; attempt++) {
    try {
      return await answer(request, file, options);
    } catch (error) {
      file.close();
      const isReplaced = error instanceof RunOutputsError && error.code === "conflict" &&
        !(error.cause instanceof HttpProblem);
      if (!isReplaced || attempt === ATTEMPTS) throw error;
    }
    file = await options.reopen();
  }
}

/** Answers with one version of a file, and closes it, unless this throws. */
async function answer(
  { request, method, signal }: ServiceRequest,
  file: StoredFile,
  { hashOf, headers: more = {}, now }: SendOptions,
): Promise<Response> {
  const { info } = file;
  const about = represent(info, await hashOf(file), now);
  const verdict = evaluateConditions(request.headers, about);
  if (verdict === "not-modified") {
    file.close();
    return new Response(null, { status: 304, headers: { ...about.validators, ...more } });
  }
  if (verdict === "failed") {
    const { name } = info.location;
    throw httpError(412, "changed", `Cannot read '${name}': it does not match the condition`, {
      headers: about.validators,
    });
  }
  const headers = { ...about.validators, ...about.content, ...more };
  // Ranges are defined for GET only.
  if (method === "HEAD") {
    file.close();
    return new Response(null, { headers: { ...headers, "content-length": String(info.size) } });
  }
  const ranges = allowsRange(request.headers, about)
    ? parseRanges(request.headers.get("range"), info.size)
    : "whole";
  if (ranges === "unsatisfiable") throw unsatisfiable(info.size, about);
  const { status, parts, length, ...rest } = ranges === "whole"
    ? { status: 200, parts: [{ start: 0, end: info.size }], length: info.size }
    : ranges.length > 1
    ? multipart(ranges, info.size, about.type)
    : {
      status: 206,
      parts: ranges,
      length: ranges[0].end - ranges[0].start,
      "content-range": contentRange(ranges[0], info.size),
    };
  const body = await startBody(file, parts, length, { signal });
  return answerWith(body, {
    status,
    headers: { ...headers, ...rest, "content-length": String(length) },
  });
}

function multipart(
  ranges: Exclude<ReturnType<typeof parseRanges>, string>,
  size: number,
  type: string,
) {
  const boundary = crypto.randomUUID();
  const { heads, tail, length } = multipartFrame(ranges, size, type, boundary);
  return {
    status: 206,
    parts: [...ranges.flatMap((range, i) => [heads[i], range]), tail],
    length,
    "content-type": `multipart/byteranges; boundary=${boundary}`,
  };
}

function unsatisfiable(size: number, { validators }: Representation): RunOutputsError {
  const message = `The file has no such range of bytes: its size is ${size}, and a request can ` +
    "have up to 8 ranges, in ascending order, which do not overlap";
  return httpError(416, "range", message, {
    headers: { ...validators, "content-range": contentRange(undefined, size) },
    details: { size },
  });
}
