/**
 * Regular expressions from users, matched in linear time.
 *
 * @module
 */

import { RE2JS, RE2JSException } from "re2js";
import { invalid } from "../../errors/error.ts";
import type { SearchPattern } from "./name_pattern.ts";

/** The maximum length; no name is as long. */
const MAX_PATTERN = 4096;

/**
 * Compiles a regular expression in the syntax of RE2, which is nearly that of Python's `re`.
 * Matching takes time proportional to the name's length, whatever the expression. Lookaround and
 * backreferences, which cannot be matched that way, are not supported.
 *
 * @param text The expression. It may match any part of a name; `^` and `$` anchor it.
 * @param field The name of the option, for the message: `--regex pattern`.
 * @returns The pattern.
 * @throws {RunOutputsError} `invalid`, if it is empty, too long or not a valid expression.
 *
 * @example
 * ```ts
 * import { linearPattern } from "@therock/run-outputs/operations";
 *
 * const pattern = linearPattern("^(blas|fft)_lib_");
 * console.assert(pattern.test("fft_lib_gfx942.tar.zst") && !pattern.test("rccl_lib_generic"));
 * // The RegExp of this would need years.
 * console.assert(!linearPattern("^(a+)+$").test("a".repeat(200) + "!"));
 * ```
 */
export function linearPattern(text: string, field = "regular expression"): SearchPattern {
  if (text === "" || text.length > MAX_PATTERN) {
    throw invalid(field, text.slice(0, 40), `1 to ${MAX_PATTERN} characters`);
  }
  try {
    const compiled = RE2JS.compile(text);
    return { source: text, test: (name) => compiled.test(name) };
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    const reason = error.message.replace("error parsing regexp: ", "");
    throw invalid(
      field,
      text,
      `a regular expression without lookaround and backreferences (${reason})`,
    );
  }
}
