/**
 * Hosts as permissions name them.
 *
 * @module
 */

/**
 * The host and port of a URL.
 *
 * @param url The URL.
 * @returns `host:port`; `undefined`, if it is not a URL. The command then says so.
 */
export function hostOf(url: string): string | undefined {
  const parsed = URL.parse(url);
  if (parsed === null || parsed.hostname === "") return undefined;
  return `${parsed.hostname}:${parsed.port || (parsed.protocol === "http:" ? 80 : 443)}`;
}
