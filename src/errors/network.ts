/**
 * Short reasons for requests that got no response. The runtime's own text is a chain of messages
 * with the whole URL in it.
 *
 * @module
 */

/** Plain reasons by what runtimes and systems report. */
const KNOWN: readonly (readonly [RegExp, string])[] = [
  [/\bdns error\b|failed to lookup address|ENOTFOUND|EAI_AGAIN/i, "host not found"],
  [/\bactively refused\b|connection refused|ECONNREFUSED/i, "connection refused"],
  [/\b(?:network|host) is unreachable|unreachable (?:network|host)/i, "network unreachable"],
  [/InvalidContentType|wrong version number/, "the server does not speak TLS"],
  [/connection reset|ECONNRESET|forcibly closed/i, "connection reset"],
];

/**
 * Says why a request got no response.
 *
 * @param error What `fetch` threw; the reason may be in its cause.
 * @returns A clause, without the URL.
 */
export function networkReason(error: Error): string {
  const text = networkText(error);
  const known = KNOWN.find(([pattern]) => pattern.test(text));
  if (known !== undefined) return known[1];
  const reason = text
    .replace(/^error sending request(?: for url \(\S*\))?: /, "")
    .replace(/^client error \(\w+\): /, "")
    .replace(/^fetch failed: /i, "")
    .replace(/https?:\/\/\S+/g, "…");
  return shorten(reason, 200);
}

/**
 * The runtime's own text. `fetch` only says "fetch failed"; the innermost cause has the reason.
 *
 * @param error What was thrown.
 * @returns The text.
 */
export function networkText(error: Error): string {
  let last = error;
  while (last.cause instanceof Error) last = last.cause;
  return last.message;
}

/**
 * Turns a text into one line, and cuts it between words if it is too long.
 *
 * @param text The text.
 * @param length The maximum number of characters.
 * @returns The line.
 */
export function shorten(text: string, length: number): string {
  const line = text.replace(/\s+/g, " ").trim();
  if (line.length <= length) return line;
  const cut = line.slice(0, length - 1);
  const end = line[cut.length] === " " ? cut.length : cut.lastIndexOf(" ");
  return `${(end > 0 ? cut.slice(0, end) : cut).replace(/[\s:;,(]+$/, "")}…`;
}
