/**
 * Whether a stream gets colours.
 *
 * @module
 */

import type { Io } from "./io.ts";

/** A stream of text. */
export type TextStream = "stdout" | "stderr";

/**
 * Decides for one stream: by `--color`, then `$NO_COLOR`, then `$FORCE_COLOR`, else by what the
 * stream is.
 *
 * @param io The environment.
 * @param stream The stream.
 * @param when The value of `--color`, if given; anything but `always` and `never` is `auto`.
 * @returns Whether to use colours.
 */
export function usesColor(
  io: Pick<Io, "env" | "stdoutIsTerminal" | "stderrIsTerminal">,
  stream: TextStream,
  when?: string,
): boolean {
  if (when === "always") return true;
  if (when === "never" || io.env("NO_COLOR")) return false;
  const forced = io.env("FORCE_COLOR");
  if (forced) return !/^(?:0|false)$/i.test(forced);
  if (io.env("TERM") === "dumb") return false;
  return stream === "stdout" ? io.stdoutIsTerminal : io.stderrIsTerminal;
}
