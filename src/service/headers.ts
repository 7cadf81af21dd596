/**
 * The headers that every answer has.
 *
 * @module
 */

/** What pages and documents of the service itself may do. */
export const OWN_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "frame-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

const ALL: Readonly<Record<string, string>> = {
  "content-security-policy": OWN_POLICY,
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/**
 * Adds the headers of all answers where a handler has set no other value.
 *
 * @param headers The headers of an answer.
 */
export function addCommonHeaders(headers: Headers): void {
  for (const [name, value] of Object.entries(ALL)) {
    if (!headers.has(name)) headers.set(name, value);
  }
  if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
}
